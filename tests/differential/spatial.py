"""Random queries of geometry, with the rows that the oracle expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tests.differential.figures import Rows, Spot
from tests.differential.logic import Truth
from tests.differential.measures import Measure, measures
from tests.differential.outlines import Outlines
from tests.differential.queries import Query
from tests.differential.regions import Condition, by_polygon, region
from tests.differential.scope import Sort, Value
from tests.support.gnomonic import (
    Answer,
    Polygon,
    circle_in_circle,
    circle_in_polygon,
    circles_meet,
    point_in_circle,
    polygon_in_circle,
    polygon_in_polygon,
    polygon_meets_circle,
    polygons_meet,
    separation_deg,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.differential.draw import Draw

__all__ = ["Expected", "SkyQueries", "SkyQuery"]

_TESTS: Final = (
    "1 = {}",
    "{} = 1",
    "{} <> 0",
    "0 < {}",
    "{} > 0",
    "{} >= 1",
    "{} IN (1)",
    "NOT ({} = 0)",
    "{} BETWEEN 1 AND 2",
)
_ABSENT: Final = ("0 = {}", "{} = 0", "{} <> 1", "NOT ({} = 1)")
_ID: Final = Value("", Sort.WHOLE)
_MOST_PAIRS: Final = 300
"""Different pairs of polygons that the oracle compares in reasonable time."""


@dataclass(frozen=True)
class Expected:
    """What the oracle says of the rows of an answer, which begin with their ids."""

    sure: frozenset[tuple[int, ...]]
    """Rows that must be there."""
    unsure: frozenset[tuple[int, ...]]
    """Rows that may be there."""
    measures: tuple[Measure, ...] = ()
    """What the columns behind the ids must be."""
    n_ids: int = 1
    order: tuple[int, ...] = ()
    """First ids in the order of the values of the measures."""


@dataclass(frozen=True)
class SkyQuery(Query):
    """A query of geometry."""

    expected: Expected | None = None


class SkyQueries:
    """Draws queries of geometry.

    Parameters
    ----------
    draw
        The choices.
    seed
        Of the rows.
    """

    def __init__(self, draw: Draw, seed: int) -> None:
        self.draw = draw
        self._seed = seed

    def any(self) -> SkyQuery:
        """Return a query."""
        return self.draw.pick((self._selection, self._selection, self._selection, self._match, self._measured))()

    # ------------------------------------------------------------------------------------------------- queries

    def _rows(self, full_name: str) -> tuple[Rows, tuple[str, str]]:
        alias = self.draw.name("a")
        return Rows.of(full_name, alias, self._seed), (alias, full_name)

    def _selection(self) -> SkyQuery:
        name = self.draw.pick(("odd.places", "odd.places", "odd.fields", "sky.objects"))
        rows, table = self._rows(name)
        text, truth = self._condition(Outlines(self.draw, rows, [table]), 2)
        alias = table[0]
        return self._query(f"SELECT {alias}.id AS c1 FROM {name} AS {alias} WHERE {text}", rows, truth)

    def _match(self) -> SkyQuery:
        first, one = self._rows(self.draw.pick(("odd.places", "sky.matches", "odd.fields")))
        others = ("odd.places", "odd.fields") if one[1] == "odd.fields" else ("odd.fields",)
        second, other = self._rows(self.draw.pick(others))
        rows = first.paired(second)
        figures = Outlines(self.draw, rows, [one, other])
        text, truth = self._leaf(figures, is_match=True)
        if self.draw.chance(30):
            more, also = self._leaf(figures, is_match=self.draw.chance(50))
            text, truth = f"{text} AND {more}", truth & also
        keys = [f"{alias}.{_key(name)}" for alias, name in (one, other)]
        head = f"SELECT {keys[0]} AS c1, {keys[1]} AS c2 FROM {one[1]} AS {one[0]}"
        tail = self.draw.pick((f" JOIN {other[1]} AS {other[0]} ON {text}", f", {other[1]} AS {other[0]} WHERE {text}"))
        return self._query(head + tail, rows, truth)

    def _measured(self) -> SkyQuery:
        name = self.draw.pick(("odd.places", "odd.fields"))
        rows, table = self._rows(name)
        figures = Outlines(self.draw, rows, [table])
        found = [self.draw.pick(measures())(figures) for _ in range(self.draw.between(1, 3))]
        if self.draw.chance(50):
            text, truth = self._leaf(figures)
            found.append(_measure_of_truth(text, truth)) if text.startswith("1 = ") else None
        kept = [one for one in found if one is not None]
        items = "".join(f", {one.text} AS c{at}" for at, one in enumerate(kept, start=2))
        text = f"SELECT {table[0]}.id AS c1{items} FROM {name} AS {table[0]}"
        everything = np.ones(rows.n, bool)
        truth = Truth(everything, ~everything, ~everything)
        return self._query(text, rows, truth, tuple(kept))

    def _query(self, text: str, rows: Rows, truth: Truth, found: tuple[Measure, ...] = ()) -> SkyQuery:
        ids = np.stack(rows.ids, axis=1)
        expected = Expected(
            frozenset(tuple(one) for one in ids[truth.is_true & ~truth.is_near].tolist()),
            frozenset(tuple(one) for one in ids[truth.is_near].tolist()),
            found,
            len(rows.ids),
            tuple(rows.ids[0].tolist()),
        )
        columns = (*[_ID] * len(rows.ids), *(one.column for one in found))
        return SkyQuery(text, columns, expected=expected)

    # ---------------------------------------------------------------------------------------------- conditions

    def _condition(self, figures: Outlines, depth: int) -> Condition:
        if depth > 0 and self.draw.chance(45):
            kind = self.draw.pick(("AND", "OR", "NOT", "EXISTS"))
            if kind == "NOT":
                text, truth = self._condition(figures, depth - 1)
                return f"NOT ({text})", ~truth
            if kind == "EXISTS" and figures.rows.n <= 300:
                return self._exists(figures)
            one, other = self._condition(figures, depth - 1), self._condition(figures, depth - 1)
            if kind == "OR":
                return f"({one[0]} OR {other[0]})", one[1] | other[1]
            return f"({one[0]} AND {other[0]})", one[1] & other[1]
        return self._leaf(figures)

    def _exists(self, figures: Outlines) -> Condition:
        (table,) = figures.tables
        second, other = self._rows("odd.fields" if table[1] != "odd.fields" else "odd.places")
        rows = figures.rows.paired(second)
        text, truth = self._leaf(Outlines(self.draw, rows, [table, other]), is_match=True)
        word = self.draw.pick(("EXISTS", "NOT EXISTS"))
        found = truth.exists(figures.rows.n)
        subquery = f"{word} (SELECT {other[0]}.id FROM {other[1]} AS {other[0]} WHERE {text})"
        return subquery, found if word == "EXISTS" else ~found

    def _leaf(self, figures: Outlines, *, is_match: bool = False) -> Condition:
        makers: list[Callable[[Outlines, bool], Condition | None]] = [self._cone, self._cone, self._far, self._discs]
        if not is_match:
            makers.append(self._plain)
        makers += [self._in_outline, self._in_outline, self._in_outline, self._disc_and_outline, self._outlines]
        makers += [] if is_match else [self._in_region, self._in_region]
        for _ in range(5):
            found = makers[self.draw.pick_rare([(at, one.__name__) for at, one in enumerate(makers)])](
                figures, is_match
            )
            if found is not None:
                return found
        found = self._cone(figures, is_match)
        assert found is not None
        return found

    def _tested(self, call: str, truth: Truth) -> Condition:
        """Ask whether a call gives 1, or 0."""
        if self.draw.chance(15):
            return self.draw.pick(_ABSENT).format(call), ~truth
        return self.draw.pick(_TESTS).format(call), truth

    def _sides(self, figures: Outlines, is_match: bool) -> tuple[str | None, str | None]:
        """Return the aliases of two places: one each when tables are matched."""
        if not is_match:
            return figures.tables[0][0], None
        one, other = figures.tables[0][0], figures.tables[1][0]
        return (one, other) if self.draw.chance(50) else (other, one)

    def _cone(self, figures: Outlines, is_match: bool) -> Condition:
        one, other = self._sides(figures, is_match)
        spot, disc = figures.spot(one), figures.disc(other)
        truth = Truth.of(point_in_circle(spot.vectors, disc.centre.vectors, disc.radius), spot.is_null | disc.is_null)
        ways = ["CONTAINS({p}, {c})", "INTERSECTS({p}, {c})", "INTERSECTS({c}, {p})"]
        if disc.radius_text is None or self.draw.chance(60):
            return self._tested(self.draw.pick(ways).format(p=spot.text, c=disc.text), truth)
        distance = self._distance(spot, disc.centre)
        forms = ["{d} <= {r}", "{r} >= {d}", "NOT ({d} > {r})", "{d} BETWEEN 0 AND {r}"]
        if np.nanmax(disc.radius, initial=0.0) < 180:
            # Only at the antipode do < and <= differ where the oracle can tell.
            forms += ["{d} < {r}", "{r} > {d}"]
        form = self.draw.pick(forms)
        return form.format(d=distance, r=disc.radius_text), truth

    def _distance(self, one: Spot, other: Spot) -> str:
        if self.draw.chance(50):
            one, other = other, one
        if one.numbers is not None and other.numbers is not None and self.draw.chance(60):
            return f"DISTANCE({one.numbers}, {other.numbers})"
        return f"DISTANCE({one.text}, {other.text})"

    def _far(self, figures: Outlines, is_match: bool) -> Condition:
        one, other = self._sides(figures, is_match)
        spot, centre = figures.spot(one), figures.spot(other)
        text, radius = figures.radius()
        gap = separation_deg(spot.vectors, centre.vectors) - radius
        is_null = spot.is_null | centre.is_null | ~np.isfinite(radius)
        truth = Truth.of(Answer(gap > 0, np.abs(gap) < 1e-11), is_null)
        distance = self._distance(spot, centre)
        return self.draw.pick((f"{distance} > {text}", f"{text} < {distance}", f"NOT ({distance} <= {text})")), truth

    def _discs(self, figures: Outlines, is_match: bool) -> Condition | None:
        one, other = self._sides(figures, is_match)
        first, second = figures.disc(one), figures.disc(other)
        is_null = first.is_null | second.is_null
        args = (first.centre.vectors, first.radius, second.centre.vectors, second.radius)
        if self.draw.chance(50):
            truth = Truth.of(circle_in_circle(*args), is_null)
            return self._tested(f"CONTAINS({first.text}, {second.text})", truth)
        pair = (first, second) if self.draw.chance(50) else (second, first)
        return self._tested(f"INTERSECTS({pair[0].text}, {pair[1].text})", Truth.of(circles_meet(*args), is_null))

    def _plain(self, figures: Outlines, _: bool) -> Condition:
        alias = figures.tables[0][0]
        ids, limit = figures.rows.ids[0], self.draw.between(0, 150)
        nothing = np.zeros(len(ids), bool)
        if f"{alias}.mag" in figures.rows.columns and self.draw.chance(50):
            mag = figures.rows.numbers(f"{alias}.mag")
            is_null = ~np.isfinite(mag)
            with np.errstate(invalid="ignore"):
                return f"{alias}.mag > 18.25", Truth((mag > 18.25) & ~is_null, (mag <= 18.25) & ~is_null, nothing)
        return f"{alias}.{_key(figures.tables[0][1])} < {limit}", Truth(ids < limit, ids >= limit, nothing)

    # ------------------------------------------------------------------------------------------------ polygons

    def _in_outline(self, figures: Outlines, is_match: bool) -> Condition | None:
        one, other = self._sides(figures, is_match)
        outline, spot = figures.outline(other), figures.spot(one)
        if outline is None:
            return None
        truth = by_polygon(outline, lambda polygon, rows: polygon.holds(spot.vectors[rows]), spot.is_null)
        form = self.draw.pick(
            ("CONTAINS({p}, {s})", "CONTAINS({p}, {s})", "INTERSECTS({s}, {p})", "INTERSECTS({p}, {s})")
        )
        return self._tested(form.format(p=spot.text, s=outline.text), truth)

    def _disc_and_outline(self, figures: Outlines, is_match: bool) -> Condition | None:
        one, other = self._sides(figures, is_match)
        outline, disc = figures.outline(other, is_simple=True), figures.disc(one, is_column=is_match)
        if outline is None:
            return None
        ways: dict[str, Callable[[Polygon, NDArray[np.longdouble], NDArray[np.float64]], Answer]] = {
            "CONTAINS({c}, {s})": lambda polygon, c, r: circle_in_polygon(c, r, polygon),
            "CONTAINS({s}, {c})": polygon_in_circle,
            "INTERSECTS({c}, {s})": polygon_meets_circle,
            "INTERSECTS({s}, {c})": polygon_meets_circle,
        }
        form = self.draw.pick(tuple(ways))
        truth = by_polygon(
            outline,
            lambda polygon, rows: ways[form](polygon, disc.centre.vectors[rows], disc.radius[rows]),
            disc.is_null,
        )
        return self._tested(form.format(c=disc.text, s=outline.text), truth)

    def _outlines(self, figures: Outlines, is_match: bool) -> Condition | None:
        one, other = (figures.outline(alias, is_simple=True) for alias in self._sides(figures, is_match))
        if one is None or other is None:
            return None
        pairs = list(zip(one.which.tolist(), other.which.tolist(), strict=True))
        if len(set(pairs)) > _MOST_PAIRS:
            return None
        is_contained = self.draw.chance(50)
        judge = polygon_in_polygon if is_contained else polygons_meet
        judged = {}
        for pair in set(pairs):
            first, second = one.polygons[pair[0]], other.polygons[pair[1]]
            judged[pair] = (False, False) if first is None or second is None else judge(first, second)
        answer = Answer(*(np.array([judged[pair][at] for pair in pairs]) for at in (0, 1)))
        name = "CONTAINS" if is_contained else "INTERSECTS"
        return self._tested(f"{name}({one.text}, {other.text})", Truth.of(answer, one.is_null | other.is_null))

    def _in_region(self, figures: Outlines, _: bool) -> Condition:
        spot = figures.spot(figures.tables[0][0])
        words, truth = region(figures, spot)
        form = self.draw.pick(("CONTAINS({p}, {s})", "INTERSECTS({s}, {p})", "INTERSECTS({p}, {s})"))
        return self._tested(form.format(p=spot.text, s=f"REGION('{words}')"), truth)


def _key(full_name: str) -> str:
    """Return the name of the column that tells the rows of a table apart."""
    return "match_id" if full_name == "sky.matches" else "id"


def _measure_of_truth(text: str, truth: Truth) -> Measure:
    values = np.where(truth.is_true, 1.0, np.where(truth.is_false, 0.0, np.nan))
    values[truth.is_near] = np.inf
    return Measure(text.removeprefix("1 = "), values, 0.0, Value("", Sort.WHOLE))
