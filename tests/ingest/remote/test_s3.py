"""Loads from a server that speaks S3."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from ingest.cli import ingest
from tests.ingest.conftest import Site
from tests.ingest.hats.test_catalogue import make
from tests.ingest.remote.conftest import N_ROWS, table_files
from tests.support.s3 import S3, s3_server
from vo_server.errors import IngestError


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A server with the table in all formats, split by three, and as a HATS catalogue."""
    with s3_server() as server:
        server.put("bucket")
        for name, content in table_files().items():
            server.put(f"bucket/all/{name}", content)
            server.put(f"bucket/public/{name}", content, is_public=True)
        for number in range(3):
            text = "id,ra,dec\n" + "".join(f"{row},{row * 0.1},5\n" for row in range(number, 30, 3))
            server.put(f"bucket/split/part{number}.csv", text.encode())
        folder = make(tmp_path_factory.mktemp("hats") / "c")
        for path in folder.rglob("*"):
            if path.is_file():
                server.put(f"bucket/c/{path.relative_to(folder)}", path.read_bytes())
        yield server


def load(site: Site, s3: S3, url: str, *, anonymous: bool = False) -> Result:
    """Load with the environment of the server."""
    environment = {**site.environment, **s3.environment}
    if anonymous:
        environment |= {
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        }
    return CliRunner().invoke(ingest, ["load", url, "--table", "s.t"], env=environment)


@pytest.mark.parametrize("name", ["t.fits.gz", "t.parquet", "t.csv"])
def test_an_object_is_loaded_with_the_credentials_of_the_environment(duckdb_site: Site, s3: S3, name: str) -> None:
    result = load(duckdb_site, s3, f"s3://bucket/all/{name}")
    assert result.exception is None, result.exception
    assert sorted(duckdb_site.rows("s.t")["id"].to_pylist()) == list(range(N_ROWS))


def test_a_public_object_is_loaded_without_credentials(duckdb_site: Site, s3: S3) -> None:
    result = load(duckdb_site, s3, "s3://bucket/public/t.parquet", anonymous=True)
    assert result.exception is None, result.exception
    assert sorted(duckdb_site.rows("s.t")["id"].to_pylist()) == list(range(N_ROWS))


def test_an_object_of_others_is_refused_with_a_hint_on_credentials(duckdb_site: Site, s3: S3) -> None:
    error = load(duckdb_site, s3, "s3://bucket/all/t.parquet", anonymous=True).exception
    assert isinstance(error, IngestError), error
    assert error.message == "s3://bucket/all/t.parquet: it may not be read (403 Forbidden)"
    assert "AWS_ACCESS_KEY_ID" in str(error.hint)


def test_a_pattern_stands_for_its_objects_on_both_engines(site: Site, s3: S3) -> None:
    assert load(site, s3, "s3://bucket/split/*.csv").exception is None
    assert sorted(site.rows("s.t")["id"].to_pylist()) == list(range(30))


def test_a_hats_catalogue_is_loaded(duckdb_site: Site, s3: S3) -> None:
    assert load(duckdb_site, s3, "s3://bucket/c").exception is None
    assert sorted(duckdb_site.rows("s.t")["id"].to_pylist()) == [7, 16, 44]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://bucket/none.fits", "there is no such file"),
        ("s3://no-such-bucket/none.fits", "there is no such file"),
        ("s3://bucket/none/*.fits", "there are no such files"),
        ("s3://bucket/all", "it is a folder, not a file"),
    ],
    ids=["no object", "no bucket", "nothing matches", "folder"],
)
def test_what_is_not_there_is_told(duckdb_site: Site, s3: S3, url: str, message: str) -> None:
    error = load(duckdb_site, s3, url).exception
    assert isinstance(error, IngestError), error
    assert str(error).startswith(f"{url}: {message}")


def test_a_server_that_is_not_there_is_told(duckdb_site: Site) -> None:
    environment = {**os.environ, **duckdb_site.environment, **S3("http://127.0.0.1:9").environment}
    words = [sys.executable, "-m", "vo_server", "ingest", "load", "s3://bucket/all/t.fits", "--table", "s.t"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 2
    assert "s3://bucket/all/t.fits: it cannot be fetched" in done.stderr
