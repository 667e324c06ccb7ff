"""A load that did not come to its end goes on where it was, and ends with the same rows."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.ingest.conftest import Site
from tests.support.cluster import own_cluster

ROOT = Path(__file__).resolve().parents[2]
N_FILES, N_EACH = 4, 3_000


def rows_of(number: int) -> pa.Table:
    """The rows of one file; every tenth has no position."""
    random = np.random.default_rng(number)
    ids = np.arange(number * N_EACH, (number + 1) * N_EACH)
    ra = pa.array(random.uniform(0, 360, N_EACH), mask=ids % 10 == 0)
    return pa.table({"id": ids, "ra": ra, "dec": random.uniform(-90, 90, N_EACH), "name": [f"å{one}" for one in ids]})


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"part{number}.parquet" for number in range(N_FILES)]
    for number, path in enumerate(paths):
        pq.write_table(rows_of(number), path)
    return paths


EXPECTED = pa.concat_tables([rows_of(number) for number in range(N_FILES)])


def loaded(site: Site) -> pa.Table:
    """Return the loaded rows as the files have them, in the order of the key."""
    return site.rows("s.t").select(["id", "ra", "dec", "name"]).sort_by("id")


def states(site: Site) -> dict[str, str]:
    """Return what the catalogue says of the files of the current release."""
    with closing(site.open_store()) as store:
        release = store.catalogue.releases("s.t")[0]
        assert release.is_current
        return {file.name: str(file.state) for file in release.sources}


@contextmanager
def _loading(site: Site, files: list[Path]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ingest.loading", site.url, site.name, *map(str, files)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run_until(site: Site, files: list[Path], word: str) -> None:
    """Load until something is told, and kill the process there."""
    with _loading(site, files) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        while not (line := process.stdout.readline()).startswith(word):
            assert line, f"the load ended before {word!r}"
            process.stdin.write("\n")
            process.stdin.flush()


_MOMENTS = {
    "before the first row": ("loading", 0),
    "after the first file": ("loaded part0", 1),
    "after three files": ("loaded part2", 3),
    "after the last file": ("sorting", 4),
    "before the publication": ("publishing", 4),
}


@pytest.mark.parametrize(("word", "n_staged"), _MOMENTS.values(), ids=list(_MOMENTS))
def test_a_killed_load_goes_on_behind_the_files_that_are_staged(
    site: Site, files: list[Path], word: str, n_staged: int
) -> None:
    run_until(site, files, word)
    assert site.run("releases").exit_code != 0 or "s.t" not in site.run("releases").output
    result = site.load(*files, "--table", "s.t", "--version", "v1")
    assert loaded(site).equals(EXPECTED)
    wanted = {path.name: "resumed" if at < n_staged else "loaded" for at, path in enumerate(files)}
    assert states(site) == wanted
    assert result.output.count("resumed") == n_staged


def test_a_load_may_be_killed_again_and_again(site: Site, files: list[Path]) -> None:
    for word in ("loaded part0", "loaded part1", "loaded part2", "sorting", "publishing"):
        run_until(site, files, word)
    site.load(*files, "--table", "s.t", "--version", "v1")
    assert loaded(site).equals(EXPECTED)


def test_files_whose_statistics_another_version_has_written_are_loaded_anew(
    site: Site, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_until(site, files, "loaded part2")
    monkeypatch.setattr("vo_server.load.statistics._FORMAT", 999)
    site.load(*files, "--table", "s.t")
    assert loaded(site).equals(EXPECTED)
    assert set(states(site).values()) == {"loaded"}


def test_a_file_that_changed_meanwhile_is_loaded_anew(site: Site, files: list[Path]) -> None:
    run_until(site, files, "loaded part2")
    changed = rows_of(1).set_column(3, "name", pa.array(["changed"] * N_EACH))
    pq.write_table(changed, files[1])
    site.load(*files, "--table", "s.t")
    names = loaded(site)["name"].to_pylist()
    assert names[N_EACH : 2 * N_EACH] == ["changed"] * N_EACH
    assert names[:N_EACH] == rows_of(0)["name"].to_pylist()
    assert states(site)["part1.parquet"] == "loaded"
    assert states(site)["part0.parquet"] == states(site)["part2.parquet"] == "resumed"


def test_files_that_are_not_given_again_are_left_out(site: Site, files: list[Path]) -> None:
    run_until(site, files, "loaded part2")
    site.load(files[0], files[3], "--table", "s.t")
    assert loaded(site).equals(pa.concat_tables([rows_of(0), rows_of(3)]))


def test_another_way_with_bad_rows_begins_anew(site: Site, files: list[Path]) -> None:
    run_until(site, files, "loaded part2")
    site.load(*files, "--table", "s.t", "--on-error", "skip")
    assert set(states(site).values()) == {"loaded"}
    assert loaded(site).equals(EXPECTED)


def test_a_load_with_a_broken_file_keeps_the_good_ones_for_the_next(site: Site, files: list[Path]) -> None:
    whole = files[2].read_bytes()
    head, tail = whole[:2000], whole[2000:]
    files[2].write_bytes(head + bytes(len(tail) // 2) + tail[len(tail) // 2 :])
    report = files[0].parent / "report.json"
    result = site.run("load", *files, "--table", "s.t", "--report", report)
    assert result.exit_code != 0
    told = {one["name"]: one for one in json.loads(report.read_text())["files"]}
    assert [told[path.name]["state"] for path in files] == ["loaded", "loaded", "failed", "loaded"]
    assert "part2" in told["part2.parquet"]["error"]
    files[2].write_bytes(whole)
    site.load(*files, "--table", "s.t")
    assert [states(site)[path.name] for path in files] == ["resumed", "resumed", "loaded", "resumed"]
    assert loaded(site).equals(EXPECTED)


def test_a_sweep_spares_staged_rows_until_it_is_told_not_to(site: Site, files: list[Path]) -> None:
    run_until(site, files, "loaded part2")
    other = files[0].parent / "other.csv"
    other.write_text("id,ra,dec\n1,2,3\n")
    site.load(other, "--table", "s.other")  # Each load sweeps.
    assert "1 leftover removed" in site.run("sweep").output
    site.load(*files, "--table", "s.t")
    assert set(states(site).values()) == {"loaded"}


def test_a_load_that_runs_is_swept_by_nobody_and_repeated_by_nobody(site: Site, files: list[Path]) -> None:
    with _loading(site, files) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith("loaded part0")
        assert "0 leftovers removed" in site.run("sweep").output
        second = site.run("load", *files, "--table", "s.t")
        assert "another process is loading the same table" in str(second.exception)
        process.communicate("\n" * 20, timeout=600)
        assert process.returncode == 0
    assert loaded(site).equals(EXPECTED)


def test_a_crash_of_postgres_costs_what_is_staged_and_nothing_else(files: list[Path]) -> None:
    with own_cluster() as cluster:
        site = Site(cluster.dsn, uuid.uuid4().hex[:12])
        for word in ("loaded part0", "loaded part2", "sorting"):
            with _loading(site, files) as process:
                assert process.stdout is not None
                assert process.stdin is not None
                while not (line := process.stdout.readline()).startswith(word):
                    assert line, f"the load ended before {word!r}"
                    process.stdin.write("\n")
                    process.stdin.flush()
                cluster.crash()
                process.communicate("\n" * 20, timeout=600)
                assert process.returncode != 0
            cluster.start()
        site.load(*files, "--table", "s.t")
        assert loaded(site).equals(EXPECTED)
        assert set(states(site).values()) == {"loaded"}
        with psycopg.connect(cluster.dsn) as connection:
            left = connection.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'staged_%'").fetchone()
        assert left == (0,)


def test_a_dry_run_reports_the_same_and_writes_nothing(site: Site, files: list[Path], tmp_path: Path) -> None:
    dry, real = tmp_path / "dry.csv", tmp_path / "real.csv"
    before = sorted(tmp_path.rglob("*"))
    result = site.load(*files, "--table", "s.t", "--dry-run", "--report", dry)
    assert sorted(tmp_path.rglob("*")) == sorted([*before, dry])
    assert "nothing was written" in result.output
    assert site.run("releases").exit_code != 0
    site.load(*files, "--table", "s.t", "--report", real)

    def told(path: Path) -> list[list[str]]:
        # All but the seconds and the state.
        return [line.split(",")[:5] for line in path.read_text().splitlines()]

    assert told(dry) == told(real)
    assert len(told(real)) == 1 + N_FILES


def test_a_dry_run_finds_the_bad_rows_of_all_files(site: Site, files: list[Path]) -> None:
    for path in files[1:3]:
        bad = pq.read_table(path)
        pq.write_table(bad.set_column(2, "dec", pa.array([91.0] + [0.0] * (N_EACH - 1))), path)
    result = site.run("load", *files, "--table", "s.t", "--dry-run")
    assert f"2 of {N_FILES * N_EACH} rows cannot be loaded" in str(result.exception)


def test_the_files_of_a_release_are_listed_with_their_checksums(site: Site, files: list[Path]) -> None:
    site.load(*files, "--table", "s.t", "--version", "v1")
    listed = site.run("releases", "s.t", "--files").output
    for path in files:
        (line,) = [one for one in listed.splitlines() if one.strip().startswith(path.name)]
        assert str(path.stat().st_size) in line
        assert str(N_EACH) in line
