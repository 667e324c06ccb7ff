"""A grid on the sky that turns the search for neighbours into an equation, which DuckDB joins by hashing.

The sky is cut into zones of declination of one height, and each zone into bins of right ascension, wide enough that
all neighbours of a place lie in its own bin or the one before or behind it, in its own zone or the one below or above.
Rows of one table are repeated for these nine cells; each row of the other table is in one cell, so that no pair is
found twice. The bins of a zone that reaches a pole are one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.engine.grammar import writer_of
from vo_server.engine.items import source_of, with_rows
from vo_server.engine.sqltree import column, wrapped
from vo_server.engine.templates import Template
from vo_server.sky.region import MARGIN_DEG

if TYPE_CHECKING:
    from vo_server.engine.dialect import MatchSide, SqlDialect
    from vo_server.engine.items import Item

__all__ = ["MAX_GRID_RADIUS_DEG", "Grid"]

MAX_GRID_RADIUS_DEG: Final = 10.0
"""Radius beyond which cells hold too much of the sky to be worth it [deg]."""

_MIN_HEIGHT_DEG: Final = 1e-4
"""Smallest height of a zone [deg]: cell numbers stay exact in a double."""

_MAX_HEIGHT_DEG: Final = 1.0
"""Largest height of a zone, unless the radius is larger [deg]."""

_SKY_DEG2: Final = 41_253.0
_UNKNOWN_ROWS: Final = 1_000_000
"""Taken for the size of a table when it is not known."""

_STRIDE: Final = 10_000_000
"""Between the numbers of cells of neighbouring zones; a zone has at most 2.3 million bins."""

_CELL_COLUMN: Final = "_match_cell"

_EDGE: Final = "LEAST(90, GREATEST(ABS({zone} * {h} - 90), ABS(({zone} + 1) * {h} - 90)) + {h})"
"""Highest |declination| of a zone and its neighbours [deg]."""
_N_BINS: Final = f"GREATEST(1, FLOOR({{n}} * COS(RADIANS({_EDGE}))))"
_BIN: Final = "FLOOR(({ra} - 360 * FLOOR({ra} / 360)) * {bins} / 360)"
_CELL: Final = f"{{zone}} * {_STRIDE} + {{bin}} - {{bins}} * FLOOR({{bin}} / {{bins}})"


@dataclass(frozen=True)
class Grid:
    """A grid for one search radius."""

    height_deg: float
    """Height of a zone [deg], at least the radius when that is known."""
    largest: str = ""
    """SQL of the largest radius, when radii differ from row to row [deg]: then zones are at least as high."""

    @classmethod
    def for_match(cls, reach_deg: float | None, n_rows: int) -> Grid:
        """Return a grid for a radius [deg], with about one row of a table of this size in a cell."""
        spacing_deg = math.sqrt(_SKY_DEG2 / (n_rows or _UNKNOWN_ROWS))
        return cls(max(reach_deg or 0.0, min(max(spacing_deg, _MIN_HEIGHT_DEG), _MAX_HEIGHT_DEG)))

    def of_largest(self, dialect: SqlDialect, radius: exp.Expr, item: Item) -> Grid:
        """Return this grid for radii that differ from row to row of an entry of FROM."""
        value, source = _sql(dialect, wrapped(radius)), source_of(dialect, item)
        return replace(self, largest=f"(SELECT MAX({value}) FROM {source}) + {MARGIN_DEG!r}")

    def equation(self, dialect: SqlDialect, near: MatchSide, far: MatchSide) -> exp.Expr:
        """Return the condition that two places are in neighbouring cells; repeats the rows of ``near``."""
        assert near.item is not None
        bins, cell = self._cell(dialect, near, zone_step='"o"."z"', bin_step='"o"."b"')
        steps = ", ".join(f"({z}, {b})" for z in (-1, 0, 1) for b in (-1, 0, 1))
        # Three steps in a zone of one or two bins would come back to the same bin.
        distinct = f'{bins} >= 3 OR "o"."b" = 0 OR ({bins} = 2 AND "o"."b" = 1)'
        here = self._with_cell(dialect, near.item, cell, f', (VALUES {steps}) AS "o"("z", "b")', f" WHERE {distinct}")
        _, there = self._cell(dialect, far)
        if far.item is not None and self.largest:
            return exp.EQ(this=here, expression=self._with_cell(dialect, far.item, there, "", ""))
        return exp.EQ(this=here, expression=exp.Var(this=there))

    def _with_cell(self, dialect: SqlDialect, item: Item, cell: str, steps: str, where: str) -> exp.Expr:
        """Give the rows of an entry of FROM a column with their cell, and return its name."""
        source = source_of(dialect, item)
        # The rows may have a cell already, for another match.
        key = f"{_CELL_COLUMN}{source.count(_CELL_COLUMN) + 1}"
        height = f', (SELECT {self._largest_height} AS "h") AS "g"' if self.largest else ""
        with_rows(item, f'SELECT "{item.alias}".*, {cell} AS "{key}" FROM {source}{steps}{height}{where}')
        return column(item.alias, key)

    @property
    def _own_height(self) -> str:
        return repr(self.height_deg) + ("" if "e" in repr(self.height_deg) else "e0")

    @property
    def _largest_height(self) -> str:
        return f"GREATEST({self._own_height}, LEAST(180e0, {self.largest}))"

    def _cell(
        self, dialect: SqlDialect, side: MatchSide, *, zone_step: str = "", bin_step: str = ""
    ) -> tuple[str, str]:
        """Return the SQL of the number of bins in the zone of a place, and of its cell.

        A place that is calculated, such as the middle of a polygon, is named: DuckDB plans each of the many times that
        it is written, which takes seconds in EXISTS.
        """
        height = self._own_height
        if self.largest:
            height = '"g"."h"' if side.item is not None else self._largest_height
        ra, dec = _sql(dialect, wrapped(side.lon.copy())), _sql(dialect, wrapped(side.lat.copy()))
        values = {"ra": ra, "dec": dec, "h": height}
        is_named = side.item is not None and bool(self.largest) and not isinstance(side.lon, exp.Column)
        if is_named:
            ra, dec, height = (f"v.{name}" for name in values)
        # Bins at the equator; right ascensions of neighbours differ by at most pi / 2 * r / cos(dec).
        n_bins = f"({360.0 / (math.pi / 2)!r}e0 / {height})"
        zone = _filled(dialect, "FLOOR(({dec} + 90) / {h})", dec=dec, h=height)
        zone = f"({zone} + {zone_step})" if zone_step else zone
        bins = _filled(dialect, _N_BINS, zone=zone, h=height, n=n_bins)
        bin_ = _filled(dialect, _BIN, ra=ra, bins=bins)
        bin_ = f"({bin_} + {bin_step})" if bin_step else bin_
        cell = _filled(dialect, _CELL, zone=zone, bins=bins, bin=bin_)
        return (dialect.let(values, bins), dialect.let(values, cell)) if is_named else (bins, cell)


def _filled(dialect: SqlDialect, template: str, **arguments: str) -> str:
    return Template.of(template, dialect.name).filled(arguments)


def _sql(dialect: SqlDialect, tree: exp.Expr) -> str:
    return writer_of(dialect.name).generate(tree, copy=False)
