"""Random numbers of geometry, with what the oracle expects of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tests.differential.regions import coverage_map, map_text
from tests.differential.scope import Sort, Value
from tests.support.gnomonic import circle_area, degrees_of, separation_deg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tests.differential.outlines import Outlines

__all__ = ["Measure", "measures"]

_NUMBER: Final = Value("", Sort.REAL, is_exact=False, noise=1e-11)
_OF_CENTRE: Final = Value("", Sort.REAL, is_exact=False, noise=1e-8)
"""Towards a pole a small step is a large change of the longitude."""


@dataclass(frozen=True)
class Measure:
    """A column of an answer."""

    text: str
    values: NDArray[np.float64]
    """NaN where NULL or NaN is right, infinite where the oracle cannot tell."""
    tolerance: float
    """Relative, and absolute in the column's unit."""
    column: Value = _NUMBER
    is_angle: bool = False
    """Whether a turn makes no difference [deg]."""


def _distance(figures: Outlines) -> Measure:
    one, other = figures.spot(figures.tables[0][0]), figures.spot()
    numbers = one.numbers is not None and other.numbers is not None and figures.draw.chance(50)
    inner = f"{one.numbers}, {other.numbers}" if numbers else f"{one.text}, {other.text}"
    values = separation_deg(one.vectors, other.vectors).astype(float)
    values[one.is_null | other.is_null] = np.nan
    # Near the antipode the formula keeps half of its digits.
    values[values > 179] = np.inf
    return Measure(f"DISTANCE({inner})", values, 1e-11)


def _coordinate(figures: Outlines) -> Measure:
    spot = figures.spot(figures.tables[0][0])
    which = figures.draw.pick((1, 2))
    values = np.array(spot.lon if which == 1 else spot.lat)
    return Measure(f"COORD{which}({spot.text})", np.where(spot.is_null, np.inf, values), 1e-11, is_angle=which == 1)


def _disc_area(figures: Outlines) -> Measure:
    disc = figures.disc(figures.tables[0][0])
    values = np.array([np.nan if not np.isfinite(one) else circle_area(one) for one in disc.radius])
    return Measure(f"AREA({disc.text})", np.where(disc.is_null, np.nan, values), 1e-10)


def _outline_area(figures: Outlines) -> Measure | None:
    outline = figures.outline(is_simple=True)
    if outline is None:
        return None
    values = np.array([np.nan if one is None else one.area_deg2 for one in outline.polygons])
    return Measure(f"AREA({outline.text})", values[outline.which], 1e-9)


def _map_area(figures: Outlines) -> Measure:
    by_order = coverage_map(figures)
    # Cells of deeper orders that lie in others count once.
    spans = sorted(
        (one << 2 * (29 - order), (one + 1) << 2 * (29 - order)) for order in by_order for one in by_order[order]
    )
    n_cells, end = 0, 0
    for first, behind in spans:
        n_cells += max(behind - max(first, end), 0)
        end = max(end, behind)
    area = n_cells / (12 * 4**29) * circle_area(180)
    return Measure(f"AREA(REGION('{map_text(figures, by_order)}'))", np.full(figures.rows.n, area), 1e-12)


def _centroid(figures: Outlines) -> Measure | None:
    outline = figures.outline(is_simple=True)
    if outline is None:
        return None
    which = figures.draw.pick((1, 2))
    places = [None if one is None else degrees_of(one.centroid) for one in outline.polygons]
    values = np.array([np.nan if one is None else float(one[which - 1]) for one in places])
    if which == 1:
        # Towards a pole longitudes lose their meaning.
        values = np.array(
            [np.inf if one is not None and abs(one[1]) > 89.9 else v for one, v in zip(places, values, strict=True)]
        )
    return Measure(
        f"COORD{which}(CENTROID({outline.text}))", values[outline.which], 1e-8, _OF_CENTRE, is_angle=which == 1
    )


def measures() -> Sequence[Callable[[Outlines], Measure | None]]:
    """Return the makers."""
    return (_distance, _distance, _coordinate, _disc_area, _outline_area, _map_area, _centroid)
