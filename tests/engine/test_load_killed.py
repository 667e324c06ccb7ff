"""A load that is killed leaves nothing that anybody sees, and what it leaves is swept."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.engine.samples import LONG, SKY, answer, publish, sky_rows
from tests.engine.site import DuckdbSite, PostgresSite, Site
from vo_server.engine.duckdb.folders import unknown_releases

ROOT = Path(__file__).resolve().parents[2]


class Child:
    """A load in another process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def await_word(self, word: str) -> str:
        """Let it run to the point where it says a word."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line.startswith(word):
                return line
            self.go_on()
        raise AssertionError(f"the load ended before {word!r}")

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def loading(site: Site, n_rows: int, *, n_doubles: int = 0) -> Iterator[Child]:
    schema = site.data_schema if isinstance(site, PostgresSite) else ""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.loading", site.url, schema, str(n_rows), str(n_doubles)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield Child(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def _visible(site: Site) -> list[str]:
    """Releases that another process could find."""
    if isinstance(site, DuckdbSite):
        return unknown_releases(site.directory, frozenset())
    with psycopg.connect(site.dsn) as connection:
        found = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (site.data_schema,)
        ).fetchall()
    return [f"{site.data_schema}.{name}" for (name,) in found]


def _releases(site: Site) -> list[str]:
    """Those among them that are no rows in the middle of a load."""
    return [name for name in _visible(site) if ".staged_" not in name]


def _disk_bytes(site: DuckdbSite) -> int:
    return sum(file.stat().st_size for file in site.directory.rglob("*") if file.is_file())


_POINTS = {
    "before the first row": ("begun", 0.0),
    "between rows": ("writing", 0.0),
    "at the end of the rows": ("finishing", 0.0),
    "at once in the end": ("finishing", 0.05),
    "in the end": ("finishing", 0.15),
    "late in the end": ("finishing", 0.3),
}


@pytest.mark.parametrize(("word", "delay_s"), _POINTS.values(), ids=list(_POINTS))
def test_a_killed_load_is_never_seen_and_the_next_one_succeeds(site: Site, word: str, delay_s: float) -> None:
    engine = site.open(grace_s=0)
    old = publish(engine, SKY, [sky_rows(100)], version="old")
    assert old.location is not None
    known = frozenset({old.location})
    with loading(site, 200_000) as child:
        child.await_word(word)
        if delay_s:
            child.go_on()
            time.sleep(delay_s)
        child.kill()
    finished = set(_releases(site)) - known
    assert len(finished) <= (1 if delay_s else 0)  # either it was quicker than the kill, or nothing is there
    assert answer(engine, "SELECT count(*) FROM {}", LONG, of=[old]) == [{"c0": 100}]

    engine.sweep(lambda: known)
    deadline = time.monotonic() + 90
    while set(_visible(site)) != known and time.monotonic() < deadline:
        time.sleep(0.2)  # PostgreSQL has to notice first that the session is gone
        engine.sweep(lambda: known)
    assert set(_visible(site)) == known
    if isinstance(site, DuckdbSite):
        site.close()
        assert _disk_bytes(site) == (site.directory / old.location).stat().st_size
        engine = site.open()

    again = publish(engine, SKY, [sky_rows(500)], version="killed")
    assert answer(engine, "SELECT count(*) FROM {}", LONG, of=[again]) == [{"c0": 500}]


def test_a_sweep_spares_a_load_that_runs_in_another_process(site: Site) -> None:
    engine = site.open(grace_s=0)
    with loading(site, 100_000) as child:
        for word in ("begun", "finishing"):
            child.await_word(word)
            assert engine.sweep(frozenset) == []
            child.go_on()
        child.await_word("finished")
        (location,) = _releases(site)
        assert engine.sweep(frozenset) == []  # finished, not yet published, and its process lives
        child.kill()
    deadline = time.monotonic() + 90
    while not (gone := engine.sweep(frozenset)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert location in gone
    assert _visible(site) == []


def test_a_finished_release_has_some_time_to_be_published(site: Site) -> None:
    table = publish(site.open(), SKY, [sky_rows(100)])
    assert table.location is not None
    known = frozenset({table.location})
    assert site.open(grace_s=600).sweep(frozenset) == []
    assert site.open(grace_s=0).sweep(lambda: known) == []
    assert site.open(grace_s=0).sweep(frozenset) == [table.location]
    assert _visible(site) == []


def test_a_release_that_is_published_while_a_sweep_looks_around_is_spared(site: Site) -> None:
    engine = site.open(grace_s=0)
    published: set[str] = set()
    with ExitStack() as load:
        loader = load.enter_context(engine.loader(SKY, version="new"))
        loader.write(sky_rows(100))
        report = loader.finish()

        def known() -> frozenset[str]:
            found = frozenset(published)
            published.add(report.location)
            load.close()  # the load has published, and lets go of its release
            return found

        assert engine.sweep(known) == []
    assert _releases(site) == [report.location]


def test_a_long_load_keeps_its_memory_bounded(site: Site) -> None:
    """Rows of 840 bytes that do not compress; a million of them were measured at 704 and 335 MB."""
    n_rows, bound_bytes = (600_000, 800e6) if isinstance(site, DuckdbSite) else (300_000, 380e6)
    with loading(site, n_rows, n_doubles=100) as child:
        peak_bytes = int(child.await_word("finished").split()[1])
    assert peak_bytes < bound_bytes
