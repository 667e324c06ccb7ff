"""Queries, jobs and matches as the commands of STILTS send them."""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.service import N_STARS, Service, stars

pytestmark = pytest.mark.stilts

COUNT = "SELECT COUNT(*) AS n FROM web.stars"


def run(stilts: str, task: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a task of STILTS."""
    done = subprocess.run([stilts, task, *arguments], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


def rows_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(done.stdout)))


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """A file with the places of some stars, each off by a bit, and one place without a star."""
    rows = stars().slice(100, 5)
    lines = ["number,lon,lat"]
    for number, (ra, dec) in enumerate(zip(rows["ra"].to_pylist(), rows["dec"].to_pylist(), strict=True)):
        lines.append(f"{number},{ra!r},{dec + 1e-4!r}")
    file = tmp_path / "places.csv"
    file.write_text("\n".join([*lines, "99,0.0,-90.0", ""]))
    return file


@pytest.mark.parametrize("mode", [("sync=true",), ("sync=false", "poll=200")])
def test_tapquery_fetches_rows(mode: tuple[str, ...], server: Service, stilts: str) -> None:
    done = run(stilts, "tapquery", f"tapurl={server.tap}", *mode, f"adql={COUNT}", "ofmt=csv")
    assert rows_of(done) == [{"n": str(N_STARS)}]


def test_tapquery_shows_the_table_of_statistics(server: Service, stilts: str, tmp_path: Path) -> None:
    file = tmp_path / "statistics.fits"
    query = "SELECT * FROM tap_schema.statistics WHERE table_name = 'web.stars'"
    run(stilts, "tapquery", f"tapurl={server.tap}", "sync=true", f"adql={query}", f"out={file}", "ofmt=fits")
    sums = 'addcol n "sum(histogram_counts)"; keepcols "column_name n_rows null_count n"'
    found = {row["column_name"]: row for row in rows_of(run(stilts, "tpipe", f"in={file}", f"cmd={sums}", "ofmt=csv"))}
    assert {row["n_rows"] for row in found.values()} == {str(N_STARS)}
    assert found["mag"]["null_count"] == str(stars()["mag"].null_count)
    assert 0.95 * N_STARS < float(found["ra"]["n"]) <= N_STARS


@pytest.mark.parametrize("mode", [("sync=true",), ("sync=false", "poll=200")])
def test_tapquery_uploads_a_table(mode: tuple[str, ...], server: Service, stilts: str, places: Path) -> None:
    near = "DISTANCE(u.lon, u.lat, s.ra, s.dec) < 0.0003"
    adql = f"SELECT u.number, s.id FROM TAP_UPLOAD.up1 AS u JOIN web.stars AS s ON {near}"
    done = run(
        stilts,
        "tapquery",
        f"tapurl={server.tap}",
        *mode,
        f"adql={adql}",
        "nupload=1",
        f"upload1={places}",
        "ufmt1=csv",
        "ofmt=csv",
    )
    assert {(row["number"], row["id"]) for row in rows_of(done)} == {(str(n), str(2**60 + 100 + n)) for n in range(5)}


@pytest.mark.parametrize("mode", [("sync=true",), ("sync=false", "poll=200")])
def test_tapquery_tells_a_mistake(mode: tuple[str, ...], server: Service, stilts: str) -> None:
    adql = "SELECT idd FROM web.stars"
    done = run(
        stilts,
        "tapquery",
        f"tapurl={server.tap}",
        *mode,
        f"adql={adql}",
        "parse=false",
        check=False,
    )
    assert done.returncode
    assert "idd" in done.stderr


def test_tapquery_fetches_no_more_rows_than_it_asks_for(server: Service, stilts: str) -> None:
    adql = "SELECT id FROM web.stars"
    done = run(stilts, "tapquery", f"tapurl={server.tap}", "sync=true", f"adql={adql}", "maxrec=9", "ofmt=csv")
    assert len(rows_of(done)) == 9


@pytest.mark.parametrize(("delete", "is_left"), [("finished", False), ("never", True)])
def test_tapresume_fetches_the_rows_of_a_job(
    delete: str, is_left: bool, server: Service, client: httpx.Client, stilts: str
) -> None:
    asked = {"LANG": "ADQL", "QUERY": COUNT, "PHASE": "RUN"}
    url = client.post("async", data=asked, follow_redirects=False).headers["Location"]
    done = run(stilts, "tapresume", f"joburl={url}", f"delete={delete}", "poll=200", "ofmt=csv")
    assert rows_of(done) == [{"n": str(N_STARS)}]
    assert httpx.get(url, timeout=60).status_code == (200 if is_left else 404)


@pytest.mark.parametrize("sync", ["true", "false"])
def test_tapskymatch_finds_the_nearest_rows(sync: str, server: Service, stilts: str, places: Path) -> None:
    done = run(
        stilts,
        "tapskymatch",
        f"tapurl={server.tap}",
        "taptable=web.stars",
        "taplon=ra",
        "taplat=dec",
        "tapcols=id,mag",
        "sr=0.0003",
        "find=best",
        f"in={places}",
        "ifmt=csv",
        "inlon=lon",
        "inlat=lat",
        f"sync={sync}",
        "blocksize=3",
        "ofmt=csv",
    )
    assert {(row["number"], row["id"]) for row in rows_of(done)} == {(str(n), str(2**60 + 100 + n)) for n in range(5)}
