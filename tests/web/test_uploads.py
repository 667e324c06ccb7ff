"""Tables that come with queries, over HTTP, on both engines."""

from __future__ import annotations

import io
import subprocess
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from astropy.io.votable import parse_single_table
from astropy.table import MaskedColumn, Table

from tests.support.server import make_settings
from tests.support.service import STARS, running, stars, with_stars
from tests.support.taplint import taplint
from vo_server.services.fetch import Fetcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyvo
    from astropy.io.votable.tree import TableElement

    from tests.support.service import Service


def votable(table: Table, serialization: str = "tabledata") -> bytes:
    """Return a table as astropy writes it."""
    written = io.BytesIO()
    table.write(written, format="votable", tabledata_format=serialization)
    return written.getvalue()


def asked(client: httpx.Client, query: str, *, upload: str, **files: bytes) -> httpx.Response:
    """Run a query with uploads."""
    parts = [(label, (label, content)) for label, content in files.items()]
    return client.post("sync", data={"QUERY": query, "UPLOAD": upload}, files=parts)


def rows(answer: httpx.Response) -> TableElement:
    """Return the table of an answer."""
    assert answer.status_code == 200, answer.text
    return parse_single_table(io.BytesIO(answer.content))


def positions(n_rows: int = 50) -> Table:
    """Return some stars of the service, each a little moved."""
    kept = stars()
    return Table(
        {
            "number": np.arange(n_rows, dtype="i4"),
            "ra": kept["ra"].to_numpy()[:n_rows] + 1e-5,
            "dec": kept["dec"].to_numpy()[:n_rows],
        }
    )


GIVEN = Table(
    {
        "s": MaskedColumn(np.array([3, 1, 2], "i2"), mask=[False, True, False]),
        "i": MaskedColumn(np.array([3, 1, 2], "i4"), mask=[False, True, False], unit="s", description="An Å"),
        "l": MaskedColumn(np.array([2**62, 1, -(2**62)], "i8"), mask=[False, True, False]),
        "f": np.array([0.1, np.nan, 3], "f4"),
        "d": MaskedColumn([0.1, np.nan, -1e300], unit="mag", meta={"ucd": "phot.mag"}),
        "t": np.array(["z", "", "Å & <b>"]),
        "b": MaskedColumn([True, False, False], mask=[False, False, True]),
        "a": np.arange(6.0).reshape(3, 2),
    }
)
FLOATS = GIVEN["f", "d", "t", "a"]
"""What has a NULL in BINARY, too."""


@pytest.mark.parametrize(
    ("serialization", "given"),
    [
        pytest.param("tabledata", GIVEN, id="tabledata"),
        pytest.param("binary", FLOATS, id="binary"),
        pytest.param("binary2", GIVEN, id="binary2"),
    ],
)
def test_an_upload_comes_back_as_it_was_in_its_order(client: httpx.Client, serialization: str, given: Table) -> None:
    document = votable(given, serialization)
    found = rows(asked(client, "SELECT * FROM TAP_UPLOAD.t", upload="t,param:p", p=document))
    for mine, sent in zip(found.fields, parse_single_table(io.BytesIO(document)).fields, strict=True):
        datatype = "boolean" if sent.datatype == "bit" else sent.datatype  # which our writers do not have
        assert (mine.name, mine.datatype, mine.unit) == (sent.name, datatype, sent.unit)
        assert (mine.ucd, mine.description) == (sent.ucd, sent.description)
    table = found.to_table()
    for name in given.colnames:
        if given[name].dtype.kind == "f":
            values = np.ma.filled(table[name], np.nan)
            assert np.array_equal(values, np.asarray(given[name]), equal_nan=True)
        else:
            assert table[name].tolist() == given[name].tolist()


def test_uploaded_positions_are_matched_with_a_catalogue(client: httpx.Client) -> None:
    query = (
        "SELECT u.number, s.id FROM TAP_UPLOAD.mine AS u JOIN web.stars AS s "
        "ON DISTANCE(POINT(u.ra, u.dec), POINT(s.ra, s.dec)) < 1/3600. ORDER BY u.number"
    )
    found = rows(asked(client, query, upload="mine,param:x", x=votable(positions()))).to_table()
    assert found["id"].tolist() == (2**60 + np.arange(50)).tolist()


PLACE_U, PLACE_S = "POINT(u.ra, u.dec)", "POINT(s.ra, s.dec)"
MATCHES = [
    f"DISTANCE({PLACE_U}, {PLACE_S}) < 1/3600.",
    f"DISTANCE({PLACE_S}, {PLACE_U}) < 1/3600.",
    f"1 = CONTAINS({PLACE_S}, CIRCLE({PLACE_U}, 1/3600.))",
    f"1 = CONTAINS({PLACE_U}, CIRCLE({PLACE_S}, 1/3600.))",
]


@pytest.mark.parametrize("condition", MATCHES)
def test_every_spelling_of_a_match_finds_the_same(client: httpx.Client, condition: str) -> None:
    query = f"SELECT s.id FROM TAP_UPLOAD.mine AS u JOIN web.stars AS s ON {condition} ORDER BY s.id"
    found = rows(asked(client, query, upload="mine,param:x", x=votable(positions()))).to_table()
    assert found["id"].tolist() == (2**60 + np.arange(50)).tolist()


def test_several_tables_are_joined(client: httpx.Client) -> None:
    one, other = Table({"k": [1, 2, 3], "a": ["x", "y", "z"]}), Table({"k": [3, 1], "b": [30.0, 10.0]})
    query = "SELECT k, a, b FROM TAP_UPLOAD.one JOIN tap_upload.Other USING (k) ORDER BY k"
    for upload in ("one,param:p;other,param:q", "one,param:P ; other,param:q;"):
        found = rows(asked(client, query, upload=upload, p=votable(one), q=votable(other))).to_table()
        assert [tuple(row) for row in found] == [(1, "x", 10.0), (3, "z", 30.0)]


def test_the_uploads_of_a_job_are_kept_with_it(client: httpx.Client, server: Service) -> None:
    given = votable(positions(3))
    data = {"QUERY": "SELECT number FROM TAP_UPLOAD.mine", "UPLOAD": "mine,param:up load", "RESPONSEFORMAT": "csv"}
    created = client.post("async", data=data, files={"up load": ("x.vot", given)}, follow_redirects=True)
    job = str(created.url)
    assert f'id="up load" byReference="true">{job}/parameters/up%20load<' in created.text
    assert client.get(f"{job}/parameters/up%20load").content == given
    assert client.get(f"{job}/parameters/other").status_code == 404
    client.post(f"{job}/phase", data={"PHASE": "RUN"})
    client.get(job, params={"WAIT": "10"})
    client.get(job, params={"WAIT": "10"})
    assert client.get(f"{job}/results/result").text.split() == ["number", "0", "1", "2"]
    client.delete(job)
    assert client.get(f"{job}/parameters/up%20load").status_code == 404
    assert job.rpartition("/")[2] not in {path.name for path in _results(server)}


def test_an_upload_may_follow_while_the_job_is_pending(client: httpx.Client) -> None:
    created = client.post("async", data={"QUERY": "SELECT COUNT(*) AS n FROM TAP_UPLOAD.mine"}, follow_redirects=True)
    job = str(created.url)
    client.post(f"{job}/parameters", data={"UPLOAD": "mine,param:x"}, files={"x": ("x", votable(positions(3)))})
    client.post(f"{job}/parameters", data={"RESPONSEFORMAT": "csv"})
    client.post(f"{job}/phase", data={"PHASE": "RUN"})
    client.get(job, params={"WAIT": "10"})
    client.get(job, params={"WAIT": "10"})
    assert client.get(f"{job}/results/result").text.split() == ["n", "3"]


def test_pyvo_uploads_tables(tap_service: pyvo.dal.TAPService, tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_bytes(votable(positions(4)))
    query = "SELECT COUNT(*) AS n FROM TAP_UPLOAD.mine"
    assert tap_service.search(query, uploads={"mine": positions(3)})["n"].tolist() == [3]
    assert tap_service.search(query, uploads={"mine": str(path)})["n"].tolist() == [4]
    assert tap_service.search(query, uploads={"mine": io.BytesIO(path.read_bytes())})["n"].tolist() == [4]
    assert tap_service.run_async(query, uploads={"mine": positions(5)})["n"].tolist() == [5]


def test_an_upload_may_be_given_by_its_url(client: httpx.Client, server: Service, elsewhere: str) -> None:
    query = "SELECT COUNT(*) AS n FROM TAP_UPLOAD.mine"
    given = {"QUERY": query, "UPLOAD": f"mine,{elsewhere}/x.vot", "RESPONSEFORMAT": "csv"}
    refused = client.get("sync", params=given)
    assert (refused.status_code, "not in the public Internet" in refused.text) == (400, True)
    with fetching_from_here(server):
        assert client.get("sync", params=given).text.split() == ["n", "7"]
        job = str(client.post("async", data=given | {"PHASE": "RUN"}, follow_redirects=True).url)
        for _ in range(3):
            client.get(job, params={"WAIT": "10"})
        assert client.get(f"{job}/results/result").text.split() == ["n", "7"]


def test_pyvo_uploads_by_url(tap_service: pyvo.dal.TAPService, server: Service, elsewhere: str) -> None:
    query = "SELECT COUNT(*) AS n FROM TAP_UPLOAD.mine"
    with fetching_from_here(server):
        found = tap_service.search(query, uploads={"mine": f"{elsewhere}/x.vot"})
    assert found["n"].tolist() == [7]


@contextmanager
def fetching_from_here(server: Service) -> Iterator[None]:
    """Let a service fetch uploads from this machine."""
    uploads = server.context.uploads
    before = uploads.fetcher
    uploads.fetcher = Fetcher(5.0, 2, (ip_network("127.0.0.0/8"),))
    try:
        yield
    finally:
        uploads.fetcher = before


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """Serve a table of seven rows as ``x.vot``."""
    (tmp_path / "x.vot").write_bytes(votable(positions(7)))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path))) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("upload", "told"),
    [
        ('"; DROP TABLE,param:x', "a table name"),
        ("x; DROP TABLE t,param:x", "a table name"),
        ("x", "name,param:label"),
        ("TAP_UPLOAD.x,param:x", "write x, and TAP_UPLOAD.x"),
        ("x,param:", "param:label"),
        ("x,file:///etc/passwd", "http or https"),
        ("x,ftp://example.org/x", "http or https"),
        ("x,param:nowhere", "no such part"),
        ("x,param:x;X,param:x", "two uploads have the name X"),
    ],
)
def test_an_upload_that_cannot_be_is_an_error(client: httpx.Client, upload: str, told: str) -> None:
    answer = asked(client, "SELECT * FROM TAP_UPLOAD.x", upload=upload, x=votable(positions(3)))
    assert answer.status_code == 400
    assert told in answer.text.replace("&lt;", "<")
    assert STARS.name in client.get("tables").text


@pytest.mark.stilts
def test_the_validator_finds_nothing_wrong_with_uploads(server: Service, stilts: str) -> None:
    report = taplint(stilts, server.tap, "stages=CAP UPL")
    accepted = {"W-CAP-CULF"}  # ADQL 2.1 section 4.1 wants feature URIs in lower case; STILTS 3.4.7 expects TAPRegExt
    left = [finding for finding in report.findings if finding.level in "EFW" and finding.key not in accepted]
    assert not left, "\n".join(f"{finding.key} {finding.text}" for finding in left)
    assert "UPL" in report.stages


@pytest.mark.stilts
@pytest.mark.parametrize("sync", ["true", "false"])
def test_stilts_uploads_tables(server: Service, stilts: str, tmp_path: Path, sync: str) -> None:
    path = tmp_path / "x.vot"
    path.write_bytes(votable(positions(20)))
    query = (
        "SELECT u.number, s.id FROM TAP_UPLOAD.up1 AS u JOIN web.stars AS s "
        "ON 1 = CONTAINS(POINT(s.ra, s.dec), CIRCLE(u.ra, u.dec, 1/3600.)) ORDER BY u.number"
    )
    found = stilts_rows(
        stilts, "tapquery", f"tapurl={server.tap}", f"adql={query}", "nupload=1", f"upload1={path}", f"sync={sync}"
    )
    assert [line.split(",")[1] for line in found] == ["id", *(str(2**60 + number) for number in range(20))]


@pytest.mark.stilts
def test_stilts_matches_a_table_with_the_sky(server: Service, stilts: str, tmp_path: Path) -> None:
    path = tmp_path / "x.vot"
    path.write_bytes(votable(positions(20)))
    found = stilts_rows(
        stilts,
        "tapskymatch",
        f"tapurl={server.tap}",
        f"in={path}",
        "inlon=ra",
        "inlat=dec",
        "taptable=web.stars",
        "taplon=ra",
        "taplat=dec",
        f"sr={1 / 3600}",
        "blocksize=7",
    )
    assert len(found) == 21


def stilts_rows(stilts: str, *options: str) -> list[str]:
    """Return what STILTS writes as CSV, line by line."""
    done = subprocess.run([stilts, *options, "ofmt=csv"], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def _results(server: Service) -> list[Path]:
    return list(Path(str(server.context.results)).iterdir())


@pytest.mark.parametrize("condition", MATCHES)
def test_a_match_looks_the_catalogue_up_by_its_index(client: httpx.Client, server: Service, condition: str) -> None:
    query = f"SELECT u.number, s.id FROM TAP_UPLOAD.mine AS u JOIN web.stars AS s ON {condition}"
    answer = client.post(
        "estimate", data={"QUERY": query, "UPLOAD": "mine,param:x"}, files={"x": ("x", votable(positions()))}
    )
    plan = answer.json()
    if server.context.engine.name == "postgres":
        assert plan["uses_index"]
        assert plan["rows_read"] < 5_000
        assert any(
            "find rows of web.stars" in step and "by the index of their positions" in step for step in plan["words"]
        )
    else:
        assert any("by neighbouring cells of the sky, which are hashed" in step for step in plan["words"])


def test_the_uploads_of_a_job_survive_a_restart(tmp_path: Path) -> None:
    settings = with_stars(make_settings(f"duckdb:///{tmp_path / 'data'}", tmp_path / "results"))
    data = {"QUERY": "SELECT COUNT(*) AS n FROM TAP_UPLOAD.mine", "UPLOAD": "mine,param:x", "RESPONSEFORMAT": "csv"}
    with running(settings) as service, httpx.Client(follow_redirects=True, timeout=60) as client:
        created = client.post(f"{service.tap}/async", data=data, files={"x": ("x", votable(positions(9)))})
    job = created.url.path
    with running(settings) as service, httpx.Client(base_url=service.url, follow_redirects=True, timeout=60) as client:
        client.post(f"{job}/phase", data={"PHASE": "RUN"})
        for _ in range(3):
            client.get(job, params={"WAIT": "10"})
        assert client.get(f"{job}/results/result").text.split() == ["n", "9"]
