"""A grid on the sky that turns the search for neighbours into an equation, which DuckDB joins by hashing.

The sky is cut into zones of declination of one height, and each zone into bins of right ascension, wide enough that
all neighbours of a place lie in its own bin or the one before or behind it, in its own zone or the one below or above.
Rows of one table are repeated for these nine cells; each row of the other table is in one cell, so that no pair is
found twice. The bins of a zone that reaches a pole are one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlglot import Dialect, exp

from vo_server.engine.sqltree import column, wrapped
from vo_server.engine.templates import Template

if TYPE_CHECKING:
    from vo_server.engine.dialect import MatchSide, SqlDialect

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
    """Height of a zone [deg], at least the radius."""

    @classmethod
    def for_match(cls, reach_deg: float, n_rows: int) -> Grid:
        """Return a grid for a radius [deg], with about one row of a table of this size in a cell."""
        spacing_deg = math.sqrt(_SKY_DEG2 / (n_rows or _UNKNOWN_ROWS))
        return cls(max(reach_deg, min(max(spacing_deg, _MIN_HEIGHT_DEG), _MAX_HEIGHT_DEG)))

    @property
    def n_equator_bins(self) -> float:
        """Bins at the equator; the difference in right ascension of neighbours is at most pi / 2 * r / cos(dec)."""
        return 360.0 / (self.height_deg * math.pi / 2)

    def equation(self, dialect: SqlDialect, near: MatchSide, far: MatchSide) -> exp.Expr:
        """Return the condition that two places are in neighbouring cells; repeats the rows of ``near``."""
        assert near.item is not None
        alias = near.item.alias
        source = _sql(dialect, near.item.copy())
        bins, cell = self._cell(dialect, near, zone_step='"o"."z"', bin_step='"o"."b"')
        # The rows may be repeated already, for another match.
        key = f"{_CELL_COLUMN}{source.count(_CELL_COLUMN) + 1}"
        steps = ", ".join(f"({z}, {b})" for z in (-1, 0, 1) for b in (-1, 0, 1))
        # Three steps in a zone of one or two bins would come back to the same bin.
        distinct = f'{bins} >= 3 OR "o"."b" = 0 OR ({bins} = 2 AND "o"."b" = 1)'
        repeated = (
            f'(SELECT "{alias}".*, {cell} AS "{key}" FROM {source}, (VALUES {steps}) AS "o"("z", "b") WHERE {distinct})'
        )
        near.item.set("this", exp.Var(this=repeated))
        _, here = self._cell(dialect, far)
        return exp.EQ(this=column(alias, key), expression=exp.Var(this=here))

    def _cell(
        self, dialect: SqlDialect, side: MatchSide, *, zone_step: str = "", bin_step: str = ""
    ) -> tuple[str, str]:
        """Return the SQL of the number of bins in the zone of a place, and of its cell."""
        height = repr(self.height_deg) + ("" if "e" in repr(self.height_deg) else "e0")
        ra, dec = _sql(dialect, wrapped(side.lon.copy())), _sql(dialect, wrapped(side.lat.copy()))
        zone = _filled(dialect, "FLOOR(({dec} + 90) / {h})", dec=dec, h=height)
        zone = f"({zone} + {zone_step})" if zone_step else zone
        bins = _filled(dialect, _N_BINS, zone=zone, h=height, n=repr(self.n_equator_bins) + "e0")
        bin_ = _filled(dialect, _BIN, ra=ra, bins=bins)
        bin_ = f"({bin_} + {bin_step})" if bin_step else bin_
        return bins, _filled(dialect, _CELL, zone=zone, bins=bins, bin=bin_)


def _filled(dialect: SqlDialect, template: str, **arguments: str) -> str:
    return Template.of(template, dialect.name).filled(arguments)


def _sql(dialect: SqlDialect, tree: exp.Expr) -> str:
    return Dialect.get_or_raise(dialect.name).generator().generate(tree, copy=False)
