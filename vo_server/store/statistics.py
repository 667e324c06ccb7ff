"""Statistics of releases: kept beside them, read only by those who ask."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import zstandard
from sqlalchemy import Connection, insert, select

from vo_server.errors import CatalogueError, MissingError
from vo_server.model.statistics import ColumnStatistics, Histogram, TableStatistics, TopValues
from vo_server.sky.coverage import CellCounts
from vo_server.store.tables import releases, statistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from vo_server.model.table import Table
    from vo_server.store.database import Database

__all__ = ["ReleaseStatistics", "StatisticsStore", "keep_statistics"]

T = TypeVar("T")

_FORMAT: Final = 1

_MOST_KEPT: Final = 1000
"""Releases whose statistics are kept in memory."""


@dataclass(frozen=True)
class ReleaseStatistics:
    """What was counted of the rows of a release."""

    table: TableStatistics
    sky: CellCounts | None = None
    """Rows by cell; None for a table without positions."""


def keep_statistics(connection: Connection, location: str, found: ReleaseStatistics | None) -> None:
    """Write the statistics of a release, if there are any, in the transaction that publishes it."""
    if found is None:
        return
    told = {"format": _FORMAT, **asdict(found.table)}
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    connection.execute(
        insert(statistics).values(
            release_id=select(releases.c.id).where(releases.c.location == location).scalar_subquery(),
            summary=zstandard.compress(text.encode()),
            cells=None if found.sky is None else _encode_cells(found.sky),
        )
    )


def read_covered(connection: Connection) -> frozenset[str]:
    """Return the locations of all releases whose rows were counted by cell."""
    joined = select(releases.c.location).join(statistics, statistics.c.release_id == releases.c.id)
    return frozenset(connection.scalars(joined.where(statistics.c.cells.is_not(None))))


class StatisticsStore:
    """Reads statistics by the locations of releases, which a catalogue has for every table that its caller sees."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._known: dict[int, TableStatistics | None] = {}
        """By the numbers of releases: one that was dropped may be loaded again to the same location."""

    def of(self, locations: Iterable[str]) -> Mapping[str, TableStatistics]:
        """Return the statistics of releases; those that have none, such as adopted tables, are not in it.

        Raises
        ------
        CatalogueError
            If the store cannot be read or was written by a newer version.
        """
        numbers = self._numbers(list(locations))
        with self._lock:
            found = {one: self._known[one] for one in numbers.values() if one in self._known}
        read = self._read([one for one in numbers.values() if one not in found])
        with self._lock:
            if len(self._known) + len(read) > _MOST_KEPT:
                self._known.clear()
            self._known |= read
        found |= read
        return {one: known for one, number in numbers.items() if (known := found[number]) is not None}

    def of_table(self, table: Table) -> TableStatistics:
        """Return the statistics of the release that a table shows.

        Raises
        ------
        CatalogueError
            If the store cannot be read or was written by a newer version.
        MissingError
            If it has none.
        """
        found = None if table.location is None else self.of([table.location]).get(table.location)
        if found is None:
            raise MissingError(
                f"there are no statistics of {table.full_name}",
                hint="they are made when a table is loaded; adopted tables and older releases have none",
            )
        return found

    def sky(self, table: Table) -> CellCounts:
        """Return the rows by cell of the release that a table shows.

        Raises
        ------
        CatalogueError
            If the store cannot be read or was written by a newer version.
        MissingError
            If they are not known.
        """
        found = None if table.location is None else self._sky(table.location)
        if found is None:
            reason = "it has no positions" if table.position is None else "its rows were not counted"
            raise MissingError(
                f"there is no coverage of {table.full_name}: {reason}",
                hint="a table with positions gets one when it is loaded; adopted tables and older releases have none",
            )
        return found

    def _sky(self, location: str) -> CellCounts | None:
        with self._database.read() as connection:
            cells = connection.scalar(
                select(statistics.c.cells)
                .join(releases, releases.c.id == statistics.c.release_id)
                .where(releases.c.location == location)
            )
        return None if cells is None else _decode_cells(cells)

    def _numbers(self, locations: list[str]) -> dict[str, int]:
        """Return the numbers of the releases at some locations."""
        found: dict[str, int] = {}
        with self._database.snapshot() as connection:
            for some in _pieces(locations):
                query = select(releases.c.location, releases.c.id).where(releases.c.location.in_(some))
                found |= {row.location: row.id for row in connection.execute(query)}
        return found

    def _read(self, numbers: list[int]) -> dict[int, TableStatistics | None]:
        found: dict[int, TableStatistics | None] = dict.fromkeys(numbers)
        if not numbers:
            return found
        with self._database.snapshot() as connection:
            for some in _pieces(numbers):
                query = select(statistics.c.release_id, statistics.c.summary).where(statistics.c.release_id.in_(some))
                found |= {row.release_id: _decode(row.summary) for row in connection.execute(query)}
        return found


_AT_ONCE: Final = 500
"""Releases asked for in one query."""


def _pieces(values: list[T]) -> Iterator[list[T]]:
    return (values[first : first + _AT_ONCE] for first in range(0, len(values), _AT_ONCE))


def _decode(summary: bytes) -> TableStatistics:
    try:
        told: dict[str, Any] = json.loads(zstandard.decompress(summary))
        if told.pop("format") != _FORMAT:
            raise CatalogueError(
                "the catalogue has statistics of a format unknown to this version",
                hint="they were written by a newer vo-server: upgrade this one",
            )
        columns = tuple(_column(one) for one in told.pop("columns"))
        return TableStatistics(**told, columns=columns)
    except (KeyError, TypeError, ValueError, zstandard.ZstdError) as error:
        raise CatalogueError(f"the statistics of a release in the catalogue are damaged: {error}") from error


def _column(told: dict[str, Any]) -> ColumnStatistics:
    top, histogram = told.pop("top"), told.pop("histogram")
    told["percentiles"] = tuple(told["percentiles"])
    return ColumnStatistics(
        **told,
        top=None if top is None else TopValues(tuple(top["values"]), tuple(top["counts"]), top["is_exact"]),
        histogram=None
        if histogram is None
        else Histogram(tuple(histogram["edges"]), tuple(histogram["counts"]), histogram["is_exact"]),
    )


def _encode_cells(sky: CellCounts) -> bytes:
    """Return order, distances of the cells and counts; neighbours are one apart, which packs well."""
    head = np.array([sky.order, len(sky.cells)], "<i8")
    distances = np.diff(sky.cells, prepend=0).astype("<i8")
    return zstandard.compress(head.tobytes() + distances.tobytes() + sky.counts.astype("<i8").tobytes())


def _decode_cells(cells: bytes) -> CellCounts:
    try:
        numbers = np.frombuffer(zstandard.decompress(cells), "<i8")
        order, n_cells = numbers[:2].tolist()
        distances, counts = numbers[2:].reshape(2, n_cells)
    except (ValueError, zstandard.ZstdError) as error:
        raise CatalogueError(f"the coverage of a release in the catalogue is damaged: {error}") from error
    return CellCounts(order, np.cumsum(distances), counts)
