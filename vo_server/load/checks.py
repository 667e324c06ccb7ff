"""What is checked of the rows of a load: positions, and what a publisher should hear of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.formats.read.cast import null_out
from vo_server.load.convert import Fault
from vo_server.load.shapes import coordinates
from vo_server.model.datatype import Primitive
from vo_server.model.table import HEALPIX_COLUMN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from vo_server.load.description import Description
    from vo_server.model.table import Table

__all__ = ["Findings", "any_fault", "position_faults", "with_unicode", "without"]

RA_RANGE_DEG: Final = (0.0, 360.0)
DEC_RANGE_DEG: Final = (-90.0, 90.0)
_FEW_ROWS: Final = 100
"""With fewer rows a small range of values proves nothing."""


def position_faults(columns: Mapping[str, pa.Array], description: Description) -> tuple[Fault, ...]:
    """Find positions out of range; the ranges are closed, NULL is allowed."""
    position = description.table.position
    if position is None:
        return ()
    hint = "; if it is no position, describe the table in a schema file" if description.is_inferred else ""
    if position.point:
        values = columns[position.point]
        lon, _ = coordinates(values)
        outside = ~np.isnan(lon) & ~((lon >= RA_RANGE_DEG[0]) & (lon <= RA_RANGE_DEG[1]))
        reason = f"has a longitude outside {RA_RANGE_DEG[0]:g} to {RA_RANGE_DEG[1]:g} deg{hint}"
        return (Fault(position.point, outside, reason, values),) if outside.any() else ()
    faults = []
    for name, (low, high) in ((position.ra, RA_RANGE_DEG), (position.dec, DEC_RANGE_DEG)):
        values = columns[name]
        inside = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
        outside = ~np.asarray(pc.fill_null(inside, fill_value=True).to_numpy(zero_copy_only=False), bool)
        if outside.any():
            faults.append(Fault(name, outside, f"is outside {low:g} to {high:g} deg{hint}", values))
    return tuple(faults)


def without(columns: Mapping[str, pa.Array], faults: tuple[Fault, ...]) -> dict[str, pa.Array]:
    """Return the columns with NULL for the values at fault."""
    cleaned = dict(columns)
    for fault in faults:
        cleaned[fault.column] = null_out(cleaned[fault.column], fault.mask)
    return cleaned


@dataclass
class Findings:
    """What was seen of the rows that are loaded, in one pass."""

    table: Table
    n_rows: int = 0
    n_bytes: int = 0
    """Volume of the rows as Arrow has them in memory [bytes]."""
    null_counts: Counter[str] = field(default_factory=Counter)
    non_ascii: set[str] = field(default_factory=set)
    """Columns of text with characters outside ASCII."""
    n_infinite: Counter[str] = field(default_factory=Counter)
    reach_deg: tuple[float, float] = (0.0, 0.0)
    """Largest absolute values of the longitudes and of the latitudes of the positions."""

    def see(self, batch: pa.RecordBatch) -> None:
        """Look at a batch that is about to be written."""
        self.n_rows += batch.num_rows
        self.n_bytes += batch.nbytes
        for column, values in zip(self.table.columns, batch.columns, strict=True):
            if values.null_count:
                self.null_counts[column.name] += values.null_count
            if pa.types.is_string(values.type) and column.name not in self.non_ascii and not _is_ascii(values):
                self.non_ascii.add(column.name)
            if pa.types.is_floating(values.type):
                self.n_infinite[column.name] += pc.sum(pc.is_inf(values)).as_py() or 0
        self._see_position(batch)

    def _see_position(self, batch: pa.RecordBatch) -> None:
        position = self.table.position
        if position is None:
            return
        if position.point:
            lon_deg, lat_deg = coordinates(batch.column(position.point))
            places = pa.array(lon_deg, from_pandas=True), pa.array(lat_deg, from_pandas=True)
        else:
            places = batch.column(position.ra), batch.column(position.dec)
        lon, lat = (pc.max(pc.abs(values)).as_py() or 0.0 for values in places)
        self.reach_deg = max(lon, self.reach_deg[0]), max(lat, self.reach_deg[1])

    def merge(self, other: Findings) -> None:
        """Add what was seen of other rows of the table."""
        self.n_rows += other.n_rows
        self.n_bytes += other.n_bytes
        self.null_counts.update(other.null_counts)
        self.n_infinite.update(other.n_infinite)
        self.non_ascii |= other.non_ascii
        self.reach_deg = max(self.reach_deg[0], other.reach_deg[0]), max(self.reach_deg[1], other.reach_deg[1])

    def to_plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "n_rows": self.n_rows,
            "n_bytes": self.n_bytes,
            "null_counts": self.null_counts,
            "non_ascii": sorted(self.non_ascii),
            "n_infinite": self.n_infinite,
            "reach_deg": self.reach_deg,
        }

    @classmethod
    def from_plain(cls, table: Table, plain: Mapping[str, Any]) -> Self:
        """Make what :meth:`to_plain` has written of rows of the same table."""
        lon_deg, lat_deg = plain["reach_deg"]
        return cls(
            table,
            plain["n_rows"],
            plain["n_bytes"],
            Counter(plain["null_counts"]),
            set(plain["non_ascii"]),
            Counter(plain["n_infinite"]),
            (lon_deg, lat_deg),
        )

    def warnings(self) -> list[str]:
        """Return what a publisher should hear of."""
        told = [
            f"column {name}: {count} values are infinite" for name, count in sorted(self.n_infinite.items()) if count
        ]
        position = self.table.position
        if position is None or self.n_rows == 0:
            return told
        n_lost = self.null_counts[HEALPIX_COLUMN]
        if n_lost:
            told.append(f"{n_lost} rows have no position; cone searches do not find them")
        ra, dec = self.reach_deg
        if self.n_rows >= _FEW_ROWS and 0 < ra <= 2 * np.pi and dec <= np.pi / 2:
            names = " and ".join(position.columns)
            told.append(f"no position is larger than 2 pi: are {names} in radians? They are taken as degrees")
        return told


def _is_ascii(values: pa.Array) -> bool:
    """Tell whether all texts are ASCII: then they have as many bytes as characters."""
    return bool(pc.all(pc.equal(pc.binary_length(values), pc.utf8_length(values))).as_py() is not False)


def with_unicode(table: Table, non_ascii: Collection[str]) -> Table:
    """Return the table with ``unicodeChar`` for the text columns that need it; known only after the last row."""
    columns = tuple(
        replace(column, datatype=column.datatype.with_primitive(Primitive.UNICODE_CHAR))
        if column.name in non_ascii and column.datatype.is_string
        else column
        for column in table.columns
    )
    return replace(table, columns=columns)


def any_fault(n_rows: int, faults: tuple[Fault, ...]) -> NDArray[np.bool_]:
    """Return which rows have a fault."""
    bad = np.zeros(n_rows, bool)
    for fault in faults:
        bad |= fault.mask
    return bad
