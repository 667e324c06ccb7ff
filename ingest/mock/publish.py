"""Publishes the mock sky: makes the tables that are missing, and leaves those alone that are there."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from ingest.mock.gather import gathered
from ingest.mock.tables import MOCK_TABLES, PASSES, made_columns, made_together
from ingest.mock.unknown import UNKNOWN_COLUMNS
from ingest.spec import SchemaFile, read_schema_file
from vo_server import __version__
from vo_server.errors import UsageError
from vo_server.load.convert import with_cells
from vo_server.load.derive import derive
from vo_server.load.description import Description
from vo_server.load.publish import dropped_unless_published
from vo_server.load.statistics import Statistics
from vo_server.model.provenance import Provenance
from vo_server.model.query import arrow_schema
from vo_server.model.release import Release
from vo_server.model.table import Column, Schema, Table
from vo_server.resources import schema_file
from vo_server.store.statistics import ReleaseStatistics

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from ingest.mock.sky import MockSky
    from vo_server.engine.base import Engine, Loader
    from vo_server.store.open import Store

__all__ = ["Published", "describe_mock", "publish_mock_sky"]

_VERSION: Final = "mock-"
_WARNING: Final = "Mock data, made up from random numbers, not the real catalogue. "
_PROVENANCE: Final = Provenance(
    creator=("vo-server demo: mock data, made up from random numbers, not the real catalogue",),
    rights="Mock data: not for science",
)
"""Told with every answer."""
_GATHERED_BYTES: Final = 24 * 1024**2
"""Rows that are written at once, of all tables of a pass; an engine sorts few large batches in less memory."""


@dataclass(frozen=True)
class Published:
    """A table of the mock sky that is published now."""

    name: str
    n_rows: int
    is_new: bool


def publish_mock_sky(sky: MockSky, *, engine: Engine, store: Store) -> Iterator[Published]:
    """Publish the tables of a mock sky, each as soon as it is made.

    A table that is there with the same size and seed stays; one of another size or seed is replaced.

    Parameters
    ----------
    sky
        The objects.
    engine
        Where the rows go.
    store
        Where the tables are published.

    Yields
    ------
    Published
        Each table, when it is published.

    Raises
    ------
    UsageError
        If a table of one of the names is there and is not of a mock sky; nothing has been published then.
    """
    version = f"{_VERSION}{sky.n_objects}-{sky.seed}"
    catalogue = store.catalogue.load()
    current = {name: catalogue.find(name) for name in MOCK_TABLES}
    for name, table in current.items():
        if table is not None and not _is_mock(table):
            raise UsageError(
                f"there is a table {name} that is not of the mock sky: its release is {table.release}",
                hint="choose another database (or directory) for the mock sky, or drop the table",
            )
    real = frozenset(table.schema for table in catalogue.tables if not _is_mock(table))
    for names in PASSES:
        missing = []
        for name in names:
            table = current[name]
            if table is not None and table.release == version:
                yield Published(name, table.n_rows or 0, is_new=False)
            else:
                missing.append(describe_mock(name))
        for name, n_rows in _publish(sky, missing, version, engine=engine, store=store, real=real):
            yield Published(name, n_rows, is_new=True)
            table = current[name]
            if table is not None and table.release is not None:
                for location in store.catalogue.remove(name, table.release):
                    engine.drop(location)


def describe_mock(name: str) -> Description:
    """Return the description of a mock table: that of the real one, saying everywhere that it is not real.

    Where the rows come from is told of the mock, so that every answer says it. Real tables whose columns are not known
    have columns that are made up as well.
    """
    schema_name, _, table_name = name.partition(".")
    real = _schema_file(schema_name).describe(table_name)
    table = replace(
        real.table,
        columns=real.table.columns or UNKNOWN_COLUMNS[name],
        title=_mock(real.table.title),
        description=_warned(real.table.description),
        provenance=_PROVENANCE,
    )
    schema = replace(real.schema, title=_mock(real.schema.title), description=_warned(real.schema.description))
    return replace(real, schema=schema, table=table)


@cache
def _schema_file(schema: str) -> SchemaFile:
    """Read a description once: several tables come from each."""
    return read_schema_file(schema_file(schema))


def _mock(title: str | None) -> str:
    return f"{title or ''} (mock)".strip()


def _warned(description: str | None) -> str:
    return _WARNING + (description or "")


def _is_mock(table: Table) -> bool:
    return (table.release or "").startswith(_VERSION)


def _publish(
    sky: MockSky,
    described: Sequence[Description],
    version: str,
    *,
    engine: Engine,
    store: Store,
    real: Collection[str],
) -> Iterator[tuple[str, int]]:
    """Make tables in one pass over the sky and publish one after the other; give their names and numbers of rows.

    Schemas with real tables keep what they say.
    """
    if not described:
        return
    with ExitStack() as opened:
        known = store.catalogue.locations
        loads = {one.table.full_name: _begin(one, version, engine, opened, known) for one in described}
        found = _load(sky, loads)
        while loads:
            # What is done with a table is over before the next one is sorted: that needs the memory and the disk.
            name = next(iter(loads))
            load = loads.pop(name)
            schema = load.described.schema
            if schema.name in real:
                schema = Schema(schema.name)
            yield name, _finish(load, found.pop(name), version, engine, store, schema)


@dataclass(frozen=True)
class _Load:
    """A table on its way."""

    described: Description
    loader: Loader
    left: ExitStack
    """Leaves the loader."""


def _begin(
    described: Description, version: str, engine: Engine, opened: ExitStack, known: Callable[[], frozenset[str]]
) -> _Load:
    left = opened.enter_context(ExitStack())
    return _Load(described, left.enter_context(engine.loader(described.table, version=version, known=known)), left)


def _load(sky: MockSky, loads: Mapping[str, _Load]) -> dict[str, ReleaseStatistics]:
    """Make the rows of all tables; return what was seen of them, without the samples, which are large."""
    counted = {name: Statistics(load.described.table) for name, load in loads.items()}
    schemas = {name: arrow_schema(_made(load.described.table)) for name, load in loads.items()}
    with closing(made_together(sky, schemas)) as made:
        for name, rows in gathered(made, most_bytes=_GATHERED_BYTES):
            batch = _complete(rows, loads[name].described)
            counted[name].see(batch)
            loads[name].loader.write(batch)
    return {name: ReleaseStatistics(one.result(), one.sky()) for name, one in counted.items()}


def _finish(load: _Load, found: ReleaseStatistics, version: str, engine: Engine, store: Store, schema: Schema) -> int:
    """Sort one table and make it current; return its number of rows."""
    with dropped_unless_published(engine, store) as made, load.left:
        report = load.loader.finish()
        made.append(report.location)
        table = replace(load.described.table, release=version, location=report.location, n_rows=report.n_rows)
        release = Release(table, version, datetime.now(UTC), code_version=__version__)
        store.catalogue.publish(release, schema=schema, statistics=found)
    return report.n_rows


def _made(table: Table) -> tuple[Column, ...]:
    """Return the columns that the mock makes; the others are computed from them as when files are loaded."""
    made = made_columns(table.full_name)
    return tuple(column for column in table.columns if column.name in made)


def _complete(batch: pa.RecordBatch, described: Description) -> pa.RecordBatch:
    """Add the columns that are computed from others, and the hidden one where the table has positions."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    schema = arrow_schema(described.table.columns)
    for name, derived in described.derived.items():
        if name not in columns:
            columns[name] = derive(derived, columns.__getitem__, frozenset()).cast(schema.field(name).type)
    columns = with_cells(columns, described)
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
