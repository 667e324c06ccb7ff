"""Publishes the mock sky: makes the tables that are missing, and leaves those alone that are there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from ingest.mock.tables import MOCK_TABLES, batches, made_columns
from ingest.mock.unknown import UNKNOWN_COLUMNS
from ingest.spec import SchemaFile, read_schema_file
from vo_server import __version__
from vo_server.errors import UsageError
from vo_server.load.convert import with_cells
from vo_server.load.derive import derive
from vo_server.load.description import Description
from vo_server.load.statistics import Statistics
from vo_server.model.provenance import Provenance
from vo_server.model.query import arrow_schema
from vo_server.model.release import Release
from vo_server.model.table import Column, Table
from vo_server.resources import schema_file
from vo_server.store.statistics import ReleaseStatistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.mock.sky import MockSky
    from vo_server.engine.base import Engine
    from vo_server.store.open import Store

__all__ = ["Published", "describe_mock", "publish_mock_sky"]

_VERSION: Final = "mock-"
_WARNING: Final = "Mock data, made up from random numbers, not the real catalogue. "
_PROVENANCE: Final = Provenance(
    creator=("vo-server demo: mock data, made up from random numbers, not the real catalogue",),
    rights="Mock data: not for science",
)
"""Told with every answer."""


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
        if table is not None and not (table.release or "").startswith(_VERSION):
            raise UsageError(
                f"there is a table {name} that is not of the mock sky", hint="choose another directory for the mock sky"
            )
    for name, table in current.items():
        if table is not None and table.release == version:
            yield Published(name, table.n_rows or 0, is_new=False)
            continue
        yield Published(name, _publish(sky, describe_mock(name), version, engine=engine, store=store), is_new=True)
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


def _publish(sky: MockSky, described: Description, version: str, *, engine: Engine, store: Store) -> int:
    """Load one table and make it current; return its number of rows."""
    table = described.table
    counted = Statistics(table)
    with engine.loader(table, version=version) as loader:
        for made in batches(sky, table.full_name, arrow_schema(_made(table))):
            batch = _complete(made, described)
            counted.see(batch)
            loader.write(batch)
        report = loader.finish()
        released = replace(table, release=version, location=report.location, n_rows=report.n_rows)
        release = Release(released, version, datetime.now(UTC), code_version=__version__)
        found = ReleaseStatistics(counted.result(), counted.sky())
        store.catalogue.publish(release, schema=described.schema, statistics=found)
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
