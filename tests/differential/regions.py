"""Random regions that only a text can be: of several parts, ranges of coordinates, coverage maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from tests.differential.logic import Truth
from tests.support.gnomonic import NEAR_DEG, Answer, Polygon, point_in_circle
from tests.support.nested import cells_of, in_cells

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tests.differential.figures import Spot
    from tests.differential.outlines import Outline, Outlines

__all__ = ["Condition", "by_polygon", "coverage_map", "map_text", "region"]

Condition: TypeAlias = tuple[str, Truth]

_ORDERS: Final = (2, 0, 1, 3, 5, 8, 12, 29)


def region(figures: Outlines, spot: Spot) -> Condition:
    """Return the text of a region, and which places lie in it."""
    kind = figures.draw.pick(("STC-S", "STC-S", "map", "map", "range", "shapes"))
    if kind == "map":
        by_order = coverage_map(figures)
        answer = in_cells(by_order, _finite(spot.lon), _finite(spot.lat))
        return map_text(figures, by_order), Truth.of(answer, spot.is_null)
    if kind == "range":
        return _range(figures, spot)
    if kind == "shapes":
        parts = [_shape(figures, spot) for _ in range(figures.draw.between(1, 3))]
        truth = parts[0][1]
        for _, other in parts[1:]:
            truth = truth | other
        return " ".join(text for text, _ in parts), truth
    text, truth = _nested(figures, spot, 2)
    frame, _, rest = text.partition(" ")
    return figures.draw.pick((text, f"{frame} ICRS {rest}")), truth


def by_polygon(
    outline: Outline, judge: Callable[[Polygon, NDArray[np.bool_]], Answer], is_null: NDArray[np.bool_]
) -> Truth:
    """Judge the rows of each polygon at once."""
    n = len(outline.which)
    is_true, is_near = np.zeros(n, bool), np.zeros(n, bool)
    for at, polygon in enumerate(outline.polygons):
        rows = (outline.which == at) & ~is_null
        if polygon is not None and rows.any():
            answer = judge(polygon, rows)
            is_true[rows], is_near[rows] = answer.is_true, answer.is_near
    return Truth.of(Answer(is_true, is_near), is_null | outline.is_null)


def _nested(figures: Outlines, spot: Spot, depth: int) -> Condition:
    """Return a region of STC-S that may be made of others."""
    kinds = ("Shape", "Union", "Intersection", "Not") if depth else ("Shape",)
    kind = kinds[figures.draw.pick_rare([(one, depth) for one in kinds])]
    if kind == "Shape":
        return _shape(figures, spot)
    text, truth = _nested(figures, spot, depth - 1)
    if kind == "Not":
        return f"Not ({text})", ~truth
    other_text, other = _nested(figures, spot, depth - 1)
    return f"{kind} ({text} {other_text})", truth | other if kind == "Union" else truth & other


def _shape(figures: Outlines, spot: Spot) -> Condition:
    outline = figures.constant() if figures.draw.chance(60) else None
    if outline is not None:
        return outline.words, by_polygon(outline, lambda one, rows: one.holds(spot.vectors[rows]), spot.is_null)
    centre, radius = figures.fixed(), figures.draw.pick((2.0, 10.0, 45.0, 120.0))
    assert centre.numbers is not None
    truth = Truth.of(point_in_circle(spot.vectors, centre.vectors, radius), spot.is_null)
    return f"Circle {centre.numbers.replace(',', '')} {radius!r}", truth


def _range(figures: Outlines, spot: Spot) -> Condition:
    """Return a range of DALI; which side of a meridian a pole lies on is anybody's guess."""
    west, width = (
        figures.draw.pick((350.0, 0.0, 95.5, 180.0, -20.0)),
        figures.draw.pick((20.0, 1.0, 179.0, 359.0, 360.0)),
    )
    south = figures.draw.pick((-10.0, 0.0, 28.0, -90.0, 85.0))
    north = min(90.0, south + figures.draw.pick((20.0, 0.5, 60.0, 180.0)))
    lon, lat = np.mod(_finite(spot.lon) - west, 360), _finite(spot.lat)
    is_whole = width >= 360
    is_true = (lat >= south) & (lat <= north) & (is_whole | (lon <= width))
    to_side = np.min(np.abs([lon, 360 - lon, lon - width]), axis=0) * np.cos(np.radians(lat))
    is_near = np.min(np.abs([lat - south, lat - north]), axis=0) < NEAR_DEG
    is_near |= np.zeros(len(lat), bool) if is_whole else to_side < NEAR_DEG
    text = f"range {west!r} {west + width!r} {south!r} {north!r}"
    return text, Truth.of(Answer(is_true, is_near), spot.is_null)


def coverage_map(figures: Outlines) -> dict[int, list[int]]:
    """Return cells by their orders: around places where rows are."""
    found: dict[int, list[int]] = {}
    for _ in range(figures.draw.between(1, 3)):
        order, reach = figures.draw.pick(_ORDERS), figures.draw.pick((0, 1, 3, 20))
        centre = figures.fixed()
        number = int(cells_of(order, centre.lon[:1], centre.lat[:1])[0])
        cells = range(max(number - reach, 0), min(number + reach + 1, 12 * 4**order))
        found[order] = sorted({*found.get(order, []), *cells})
    return found


def map_text(figures: Outlines, by_order: dict[int, list[int]]) -> str:
    """Write a coverage map in ASCII, in one of its forms."""
    comma = figures.draw.pick((" ", ","))
    words = []
    for order, numbers in by_order.items():
        runs = np.split(np.array(numbers), np.flatnonzero(np.diff(numbers) > 1) + 1)
        written = [f"{run[0]}" if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
        words.append(f"{order}/{comma.join(written)}")
    return f"{figures.draw.pick(('moc ', 'MOC ', ''))}{' '.join(words)}"


def _finite(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers with 0 in place of what is no number."""
    return np.where(np.isfinite(numbers), numbers, 0.0)
