"""Loads that meet another load, a sweep or an interruption: what is published is never lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.load import load_table
from tests.ingest.conftest import Site
from vo_server.engine.base import Engine
from vo_server.engine.duckdb.run import DuckdbEngine
from vo_server.engine.postgres.run import PostgresEngine
from vo_server.errors import VoError
from vo_server.load.progress import Silent
from vo_server.store.catalogue import CatalogueStore
from vo_server.store.open import Store


class _At(Silent):
    """Does something when a load comes to a stage."""

    def __init__(self, stage: str, action: Callable[[], object]) -> None:
        self._stage = stage
        self._action = action

    def say(self, what: str) -> None:
        if what == self._stage:
            self._action()


class _InterruptedAfterwards:
    """A catalogue whose user presses Ctrl-C when a publication has just been committed."""

    def __init__(self, catalogue: CatalogueStore) -> None:
        self._catalogue = catalogue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalogue, name)

    def publish(self, *arguments: Any, **named: Any) -> None:
        self._catalogue.publish(*arguments, **named)
        raise KeyboardInterrupt


def _file(tmp_path: Path, n_rows: int) -> Path:
    path = tmp_path / f"{n_rows}.csv"
    path.write_text("id,ra,dec\n" + "".join(f"{row},{row}.5,1.5\n" for row in range(n_rows)))
    return path


def _load(site: Site, file: Path, version: str, **named: Any) -> None:
    with closing(site.open_engine()) as engine, closing(site.open_store()) as store:
        load_table([file], table="s.t", version=version, engine=engine, store=store, **named)


def _eager_engine(site: Site) -> Engine:
    """An engine that takes everything unknown and unlocked for a leftover, however young it is."""
    if site.url.startswith("duckdb:///"):
        directory = Path(site.url.removeprefix("duckdb:///"))
        return DuckdbEngine(directory, memory_bytes=512 * 1024**2, threads=1, max_attached=4, grace_s=0.0)
    return PostgresEngine(site.url, pool_size=2, data_schema=f"data_{site.name}", grace_s=0.0)


def _sweep(site: Site) -> list[str]:
    with closing(_eager_engine(site)) as engine, closing(site.open_store()) as store:
        return engine.sweep(store.catalogue.locations)


def test_two_loads_of_one_version_leave_one_of_them_whole(site: Site, tmp_path: Path) -> None:
    two, three = _file(tmp_path, 2), _file(tmp_path, 3)

    def other() -> None:
        with suppress(VoError):  # PostgreSQL lets the first one win, DuckDB the first that is done
            _load(site, three, "v1")

    with suppress(VoError):
        _load(site, two, "v1", progress=_At("loading", other))
    n_published = site.table("s.t").n_rows
    assert n_published in {2, 3}
    assert site.rows("s.t").num_rows == n_published
    assert _sweep(site) == []


def test_an_interruption_after_the_publication_keeps_the_new_release(site: Site, tmp_path: Path) -> None:
    _load(site, _file(tmp_path, 2), "v1")
    with closing(site.open_engine()) as engine, closing(site.open_store()) as store:
        interrupted: Store = replace(store, catalogue=_InterruptedAfterwards(store.catalogue))  # type: ignore[arg-type]  # stands in for one
        with pytest.raises(KeyboardInterrupt):
            load_table([_file(tmp_path, 3)], table="s.t", version="v2", engine=engine, store=interrupted)
    assert site.table("s.t").release == "v2"
    assert site.rows("s.t").num_rows == 3


def test_no_sweep_takes_a_release_that_is_about_to_be_published(site: Site, tmp_path: Path) -> None:
    swept: list[str] = []
    _load(site, _file(tmp_path, 3), "v1", progress=_At("publishing", lambda: swept.extend(_sweep(site))))
    assert swept == []
    assert site.rows("s.t").num_rows == 3


def test_a_release_that_fails_its_checks_is_gone_at_once(site: Site, tmp_path: Path) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _load(site, _file(tmp_path, 3), "v1", progress=_At("publishing", fail))
    assert _sweep(site) == []
    _load(site, _file(tmp_path, 2), "v1")
    assert site.rows("s.t").num_rows == 2
