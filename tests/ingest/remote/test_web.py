"""Loads from a real web server, and what its faults come to."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import psutil
import pytest

from ingest.sources import find_sources
from tests.ingest.conftest import Site
from tests.ingest.hats.test_catalogue import make
from tests.ingest.remote.conftest import N_ROWS
from tests.support.web_files import WebFiles
from vo_server.errors import IngestError
from vo_server.formats.read.open import open_reader
from vo_server.formats.read.source import Source

FORMATS = ["t.fits", "t.fits.gz", "t.csv", "t.csv.zst", "t.vot", "t.parquet"]


def refused(site: Site, *words: str) -> IngestError:
    """Load, and return why that was refused."""
    result = site.run("load", *words, "--table", "s.t")
    assert isinstance(result.exception, IngestError), result.exception
    return result.exception


def assert_loaded(site: Site, n_rows: int = N_ROWS) -> None:
    assert sorted(site.rows("s.t")["id"].to_pylist()) == list(range(n_rows))


@pytest.mark.parametrize("name", ["t.fits", "t.parquet"])
def test_a_url_is_loaded_on_both_engines(site: Site, web: WebFiles, name: str) -> None:
    site.load(web.url(name), "--table", "s.t")
    assert_loaded(site)


@pytest.mark.parametrize("has_ranges", [True, False], ids=["ranges", "no ranges"])
@pytest.mark.parametrize("name", FORMATS)
def test_all_formats_are_loaded_with_the_checksum_of_the_file(
    duckdb_site: Site, web: WebFiles, name: str, has_ranges: bool
) -> None:
    web.has_ranges = has_ranges
    duckdb_site.load(web.url(name), "--table", "s.t")
    assert_loaded(duckdb_site)
    store = duckdb_site.open_store()
    ((source,),) = [release.sources for release in store.catalogue.releases("s.t")]
    store.close()
    content = web.files[name]
    assert (source.name, source.size_bytes) == (name, len(content))
    assert source.sha256 == hashlib.sha256(content).hexdigest()


def test_a_server_that_does_not_tell_the_size_is_read_to_its_end(duckdb_site: Site, web: WebFiles) -> None:
    web.has_ranges = web.tells_size = False
    duckdb_site.load(web.url("t.csv"), "--table", "s.t")
    assert_loaded(duckdb_site)


def test_several_urls_make_one_table(duckdb_site: Site, web: WebFiles) -> None:
    web.files["u.csv"] = f"id,ra,dec,note\n{N_ROWS},1,2,last\n".encode()
    duckdb_site.load(web.url("t.parquet"), web.url("u.csv"), "--table", "s.t")
    assert_loaded(duckdb_site, N_ROWS + 1)


def test_an_extension_of_a_file_is_chosen(duckdb_site: Site, web: WebFiles) -> None:
    duckdb_site.load(web.url("t.fits[1]"), "--table", "s.t")
    assert_loaded(duckdb_site)
    assert str(refused(duckdb_site, web.url("t.fits[7]"))).startswith(web.url("t.fits[7]"))


def test_only_the_ends_of_a_parquet_file_are_read_to_see_what_it_is(duckdb_site: Site, web: WebFiles) -> None:
    found = find_sources([web.url("t.parquet")])
    reader = open_reader(cast("Source", found.files[0]))
    assert reader.facts.n_rows == N_ROWS
    assert all(wanted is not None for _, wanted in web.asked), "all requests were for ranges"


def test_a_transfer_that_breaks_off_goes_on_where_it_was(duckdb_site: Site, web: WebFiles) -> None:
    web.files["t.csv"] += b"".join(b"%d,1,2,%064d\n" % (number, number) for number in range(N_ROWS, 120_000))
    web.cut_after_bytes = [3_000_000, 2_000_000]
    duckdb_site.load(web.url("t.csv"), "--table", "s.t")
    assert_loaded(duckdb_site, 120_000)
    whole, *rest = [wanted for _, wanted in web.asked[-3:]]
    assert whole is None
    # What was sent last may be lost with the connection.
    first, second = [int(str(wanted).removeprefix("bytes=").removesuffix("-")) for wanted in rest]
    assert 0 < first <= 3_000_000
    assert first < second <= first + 2_000_000


def test_a_look_into_a_file_that_breaks_off_is_taken_again(duckdb_site: Site, web: WebFiles) -> None:
    web.cuts_ranges, web.cut_after_bytes = True, [1_000]
    duckdb_site.load(web.url("t.parquet"), "--table", "s.t")
    assert_loaded(duckdb_site)


def test_a_transfer_that_breaks_off_begins_anew_where_there_are_no_ranges(duckdb_site: Site, web: WebFiles) -> None:
    web.has_ranges = False
    web.cut_after_bytes = [100_000, 50_000]
    duckdb_site.load(web.url("t.csv"), "--table", "s.t")
    assert_loaded(duckdb_site)


def test_a_server_that_is_busy_is_asked_again(duckdb_site: Site, web: WebFiles) -> None:
    web.statuses = [503, 429]
    duckdb_site.load(web.url("t.fits"), "--table", "s.t")
    assert_loaded(duckdb_site)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "it may not be read (403 Forbidden)"),
        (401, "it may not be read (401 Unauthorized)"),
        (410, "there is no such file (410 Gone)"),
        (418, "the server answers 418"),
    ],
)
def test_statuses_are_told_in_words_and_not_asked_again(
    duckdb_site: Site, web: WebFiles, status: int, message: str
) -> None:
    web.statuses = [status]
    error = refused(duckdb_site, web.url("t.fits"))
    assert str(error).startswith(f"{web.url('t.fits')}: {message}")
    assert error.hint
    assert len(web.asked) == 1


def test_a_file_that_is_not_there_is_told(duckdb_site: Site, web: WebFiles) -> None:
    assert refused(duckdb_site, web.url("none.fits")).message == f"{web.url('none.fits')}: there is no such file"


@pytest.mark.parametrize("has_etags", [True, False], ids=["ETag", "size only"])
@pytest.mark.parametrize("has_ranges", [True, False], ids=["ranges", "no ranges"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    duckdb_site: Site, web: WebFiles, has_etags: bool, has_ranges: bool
) -> None:
    duckdb_site.load(web.url("t.csv"), "--table", "s.t", "--version", "v1")
    web.has_etags, web.has_ranges = has_etags, has_ranges
    web.files["t.csv"] += b"1,2,3,x\n" * 100_000
    web.cut_after_bytes = [500_000]
    web.then = {"t.csv": web.files["t.csv"] + b"5,6,7,y\n"}
    assert "it was changed while it was read" in str(refused(duckdb_site, web.url("t.csv")))
    assert duckdb_site.table("s.t").release == "v1"


@pytest.mark.parametrize("name", ["login.fits", "login.csv", "login"])
def test_a_login_page_is_not_taken_for_a_table(duckdb_site: Site, web: WebFiles, name: str) -> None:
    web.files[name] = b"\n<!DOCTYPE html>\n<html><body>a,b\nlog in, please</body></html>"
    assert "the server sent a web page, not a table" in str(refused(duckdb_site, web.url(name)))


def test_a_host_that_is_not_known_is_told(duckdb_site: Site) -> None:
    assert "its host is not known" in str(refused(duckdb_site, "http://no-such-host.invalid/t.fits"))


def test_patterns_of_web_servers_are_refused(duckdb_site: Site, web: WebFiles) -> None:
    assert "web servers cannot list files" in str(refused(duckdb_site, web.url("*.fits")))


def test_a_protocol_without_a_driver_is_told(duckdb_site: Site) -> None:
    error = refused(duckdb_site, "nothing://host/t.fits")
    assert "Protocol not known: nothing" in str(error)
    assert "the package of fsspec" in str(error.hint)


def test_secrets_of_a_url_are_not_shown(duckdb_site: Site, web: WebFiles) -> None:
    url = web.url("none.fits?X-Signature=secret").replace("http://", "http://user:password@")
    error = refused(duckdb_site, url)
    assert "secret" not in str(error)
    assert "password" not in str(error)


def test_nothing_is_left_of_what_was_fetched(duckdb_site: Site, web: WebFiles, tmp_path: Path) -> None:
    duckdb_site.load(web.url("t.csv"), web.url("t.parquet"), "--table", "s.t")
    left = [path for path in (tmp_path / "vo").rglob("*") if path.is_file() and path.name != "lock"]
    assert {path.suffix for path in left} <= {".duckdb", ".sqlite", ".sqlite-wal", ".sqlite-shm"}
    ours = [one for one in psutil.Process().open_files() if one.path.startswith(str(tmp_path))]
    assert not [one for one in ours if "vo-server-" in one.path]


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_hats_catalogue_is_loaded_from_its_folder(site: Site, web: WebFiles, tmp_path: Path, ending: str) -> None:
    folder = make(tmp_path / "c")
    web.files |= {f"c/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    site.load(web.url(f"c{ending}"), "--table", "s.t")
    assert sorted(site.rows("s.t")["id"].to_pylist()) == [7, 16, 44]
    store = site.open_store()
    (release,) = store.catalogue.releases("s.t")
    store.close()
    assert [source.name for source in release.sources] == [
        "Norder=0/Dir=0/Npix=7.parquet",
        "Norder=1/Dir=0/Npix=16.parquet",
        "Norder=1/Dir=0/Npix=44.parquet",
    ]


def test_a_missing_partition_is_told(duckdb_site: Site, web: WebFiles, tmp_path: Path) -> None:
    folder = make(tmp_path / "c")
    web.files |= {f"c/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    del web.files["c/dataset/Norder=1/Dir=0/Npix=16.parquet"]
    error = refused(duckdb_site, web.url("c"))
    assert error.message == f"{web.url('c')}/dataset/Norder=1/Dir=0/Npix=16.parquet: there is no such file"


def test_a_url_means_nothing_to_the_readers_that_serve_users(web: WebFiles) -> None:
    with pytest.raises(IngestError, match="there is no such file"):
        open_reader(web.url("t.fits"))
    assert not web.asked


def test_a_missing_package_is_told_with_the_command_that_installs_it(duckdb_site: Site, tmp_path: Path) -> None:
    blocker = tmp_path / "sitecustomize.py"
    blocker.write_text("import sys\nsys.modules['aiohttp'] = None\n")
    environment = {**os.environ, **duckdb_site.environment, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "vo_server", "ingest", "load", "http://127.0.0.1:9/t.csv", "--table", "s.t"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "aiohttp" in done.stderr
    assert "hint: pip install 'vo-server[remote]'" in done.stderr
