"""SQL of PostgreSQL: what differs, and the filters by Q3C."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from sqlglot import exp

from vo_server.engine.dialect import IndexedPosition, IndexedShape, MatchSide, Reach, SqlDialect
from vo_server.engine.lower import generate as lower
from vo_server.engine.postgres import bounds, pgsphere
from vo_server.engine.postgres.names import stored_name
from vo_server.engine.postgres.types import read
from vo_server.engine.rules import RULES
from vo_server.engine.sqltree import any_of, call, column, quantity, wrapped
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, PositionIndex
from vo_server.sky.polygon import EDGE_TOLERANCE, Polygon
from vo_server.sky.region import Cone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.model.table import Column, Table
    from vo_server.sky.region import Region

__all__ = ["PostgresDialect", "generate"]

_DOUBLE: Final = DataType(Primitive.DOUBLE)

_NUMBER_MARKS: Final = "xX(_"
"""Characters that PostgreSQL understands in a number and the language does not."""

_NAN: Final = exp.Literal.string("NaN")

_MARGIN_DEG: Final = 5e-6
"""Added to radii for Q3C [deg]: it compares with ``<``, and below about 1e-7 deg (its pixel) it loses the centre."""

_MAX_RADIUS_DEG: Final = 90.0
"""Radius beyond which half of the sky is read anyway [deg]."""

_MAX_RANGES: Final = 8
"""Most ranges of cells in a filter: a scan of the index for each, and text to write and to plan (0.03 ms)."""

_MAX_EDGES: Final = 50
"""Edges of a polygon that are written out."""

_MAX_JOIN_RADIUS_DEG: Final = 30.0
"""Radius beyond which looking up every row by itself cannot pay [deg]."""


class PostgresDialect(SqlDialect):
    """PostgreSQL 14 and later with Q3C 2."""

    name: ClassVar[str] = "postgres"
    full_join_needs_equation: ClassVar[bool] = True
    fence: ClassVar[str] = " OFFSET 0"

    def type_name(self, datatype: DataType) -> str:
        """Return PostgreSQL's name of a type."""
        return datatype.postgres

    def stored_name(self, table: Table, column: Column) -> str:
        """Return the name of a column, other than those of PostgreSQL's own."""
        return stored_name(column.name, table.location)

    def read(self, value: exp.Expr, column: Column) -> exp.Expr:
        """Convert what another software has stored in a type of its own."""
        return read(value, column)

    def real(self, value: float) -> exp.Expr:
        """Cast: every number with a point is a numeric."""
        literal: exp.Expr = exp.Literal.number(repr(abs(value)))
        return self.cast(exp.Neg(this=literal) if value < 0 else literal, _DOUBLE)

    def whole(self, value: exp.Expr, datatype: DataType, result: DataType) -> exp.Expr:
        """Cast what is smaller than an integer: two of them would overflow; wider operands widen the others."""
        is_small = datatype.primitive in {Primitive.SHORT, Primitive.UNSIGNED_BYTE}
        return self.cast(value, result) if is_small else value

    def quotient(self, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        """Write ``/``, which truncates whole numbers."""
        return exp.Div(this=left, expression=right, typed=True)

    def remainder(self, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        """Write ``%``."""
        return exp.Mod(this=left, expression=exp.Nullif(this=right, expression=exp.Literal.number(0)))

    def mean(self, value: exp.Expr, again: exp.Expr, *, is_whole: bool) -> exp.Expr:
        """Divide the sum: AVG of doubles fails where the sum of squares overflows, of whole numbers it is a numeric."""
        del is_whole
        total = self.cast(call("SUM", value), _DOUBLE)
        count = exp.Nullif(this=call("COUNT", again), expression=exp.Literal.number(0))
        return exp.Add(this=exp.Div(this=total, expression=count, typed=True), expression=self.real(0.0))

    def narrowed(self, value: exp.Expr) -> exp.Expr:
        """Write the function: the cast fails for what is too small."""
        return call("vo_functions.narrowed", value)

    def like(self, value: exp.Expr, pattern: exp.Expr) -> exp.Expr:
        """Write LIKE with escaping switched off: a backslash would escape by default."""
        return exp.Escape(this=exp.Like(this=value, expression=pattern), expression=exp.Literal.string(""))

    def array(self, *items: exp.Expr) -> exp.Expr:
        """Write an array."""
        return exp.Array(expressions=list(items))

    def real_text(self, value: exp.Expr) -> exp.Expr:
        """Write the function: in a cast reals have an exponent from 1e6 on, and doubles from 1e15."""
        return call("vo_functions.real_text", value)

    def real_of_text(self, value: exp.Expr, datatype: DataType) -> exp.Expr:
        """Cast with letters spoilt: PostgreSQL would read 0x1f and nan(1)."""
        spoilt = call(
            "TRANSLATE", value, exp.Literal.string(_NUMBER_MARKS), exp.Literal.string("z" * len(_NUMBER_MARKS))
        )
        return self.cast(spoilt, datatype)

    def region_filter(self, position: IndexedPosition, region: Region) -> exp.Expr | None:
        """Write ranges of cells, which the B-tree on the cells serves, and in which order the rows are stored.

        ``q3c_radial_query`` finds the same rows, but planning turns it into about a hundred ranges of its index: of a
        cone of 0.1 deg it is 2.2 of 3.4 ms, where a few ranges of cells take 0.4 ms in all. Where the cells cannot be
        named, a cone around the region serves. An adopted table may have pgSphere's index, or none: then its
        declinations are bounded.
        """
        if position.index is PositionIndex.NONE and position.stored is None:
            low, high = (self.real(bound) for bound in region.dec_range_deg)
            return exp.Between(this=wrapped(position.lat.copy()), low=low, high=high)
        if isinstance(region, Cone) and (region.radius_deg > _MAX_RADIUS_DEG or not position.has_cells):
            return self._cone_filter(position, region)
        if position.has_cells:
            cell = column(position.alias, HEALPIX_COLUMN)
            ranges = region.cell_ranges(_MAX_RANGES)
            between = [
                exp.Between(this=cell.copy(), low=quantity(first), high=quantity(last)) for first, last in ranges
            ]
            return any_of(between) if between else exp.LT(this=cell, expression=quantity(0))
        return self._cone_filter(position, region.bounding_cone) if isinstance(region, Polygon) else None

    def _cone_filter(self, position: IndexedPosition, cone: Cone) -> exp.Expr | None:
        if cone.radius_deg > _MAX_RADIUS_DEG:
            return None
        centre = self.real(cone.ra_deg), self.real(cone.dec_deg)
        if position.index is not PositionIndex.OWN:
            radius = self.real(min(_padded(cone.radius_deg), _MAX_RADIUS_DEG))
            return pgsphere.is_in(_spoint(position), pgsphere.region(pgsphere.point(*centre), radius))
        places = position.lon.copy(), position.lat.copy(), *centre
        return call("q3c_radial_query", *places, self.real(_padded(cone.radius_deg)))

    def match_filter(self, one: MatchSide, other: MatchSide, reach: Reach) -> exp.Expr | None:
        """Write ``q3c_join``, whose third and fourth arguments are looked up in the index, or the same for pgSphere.

        Radii of rows may be 180 degrees, for which ``q3c_join`` loses the antipode.
        """
        sides = (one, other) if _index_rank(one, reach) > _index_rank(other, reach) else (other, one)
        far, near = sides
        if not _is_indexed(far) or far.position is None or (reach.value is not None and reach.source != near.source):
            return None
        if reach.known_deg is not None and reach.known_deg > _MAX_JOIN_RADIUS_DEG:
            return None
        radius = self._radius(reach)
        lon, lat = self._finite(near.lon), self._finite(near.lat)
        if far.position.index is PositionIndex.SPOINT:
            place = _spoint(far.position)
            circles = pgsphere.regions(pgsphere.point(lon, lat), radius, is_small=reach.known_deg is not None)
            return any_of(pgsphere.is_in(place.copy(), circle) for circle in circles)
        near_of_rows = "q3c_join" if reach.known_deg is not None else "vo_functions.near"
        return call(near_of_rows, lon, lat, far.position.lon.copy(), far.position.lat.copy(), radius)

    def has_shapes(self, column: Column) -> bool:
        """Tell whether a column has one of pgSphere's types."""
        return column.stored_as in pgsphere.SPHERE_TYPES

    def can_search(self, column: Column) -> bool:
        """Tell whether a column has one of pgSphere's types, or an index over the boxes of its shapes."""
        return self.has_shapes(column) or bounds.has_bounds(column)

    def coordinates(self, stored: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
        """Return longitude and latitude of a ``spoint`` [deg]."""
        return pgsphere.coordinates(stored)

    def shape_filter(self, shape: IndexedShape, lon: exp.Expr, lat: exp.Expr, reach: Reach) -> exp.Expr | None:
        """Write that a ``scircle`` or ``spoly`` and the circle around the place have a point in common.

        Of arrays of numbers, that the boxes of the two overlap.
        """
        if reach.known_deg is not None and reach.known_deg > _MAX_JOIN_RADIUS_DEG:
            return None
        if not self.has_shapes(shape.column):
            boxes = bounds.boxes_of_circle(self._finite(lon), self._finite(lat), self._radius(reach), self.real)
            return bounds.overlaps(bounds.numbers(shape.stored.copy(), shape.column), boxes)
        centre = pgsphere.point(self._finite(lon), self._finite(lat))
        circles = pgsphere.regions(centre, self._radius(reach), is_small=reach.known_deg is not None)
        return any_of(pgsphere.overlaps(shape.stored.copy(), circle) for circle in circles)

    def _radius(self, reach: Reach) -> exp.Expr:
        """Return a reach that is padded, at most 180 [deg]."""
        if reach.known_deg is not None:
            return self.real(_padded(reach.known_deg))
        assert reach.value is not None
        padded = exp.Add(this=wrapped(reach.value.copy()), expression=self.real(_MARGIN_DEG))
        return call("LEAST", padded, self.real(180.0))

    def let(self, values: Mapping[str, str], body: str) -> str:
        """Write a subquery without a table, which OFFSET keeps from being pasted into each use."""
        fields = ", ".join(f"{value} AS {name}" for name, value in values.items())
        return f"(SELECT {body} FROM (SELECT {fields} OFFSET 0) AS v)"

    def edges(self, polygon: Polygon) -> str:
        """Call the function, which planning replaces by its value."""
        return f"vo_functions.edges(ARRAY[{', '.join(f'{number!r}::float8' for number in polygon.numbers)}])"

    def in_polygon(self, lon: str, lat: str, polygon: Polygon) -> str:
        """Write out the turn of each edge, five times as fast as the function that serves polygons of many edges."""
        if len(polygon.edges) > _MAX_EDGES:
            return f"vo_functions.in_polygon({lon}, {lat}, {self.edges(polygon)})"
        turns = [_turn(*edge) for edge in polygon.edges]
        winding = f"ABS({' + '.join(turns)}) > PI()"
        is_place = f"ABS({lat}) <= 90 AND {lon} - {lon} = 0"
        angles = {
            "a": f"RADIANS({lon} - 360 * FLOOR({lon} / 360))",
            "d": f"CASE WHEN {is_place} THEN RADIANS({lat}) END",
        }
        vector = {
            "x": "COS(v.d) * COS(v.a)",
            "y": "COS(v.d) * SIN(v.a)",
            "z": "CASE WHEN v.d IS NOT NULL THEN SIN(v.d) END",
        }
        # The inner v is the angles, the outer one the vector.
        fields = ", ".join(f"{value} AS {name}" for name, value in vector.items())
        inner = ", ".join(f"{value} AS {name}" for name, value in angles.items())
        return (
            f"(SELECT CASE WHEN v.z IS NOT NULL THEN {winding} END FROM "
            f"(SELECT {fields} FROM (SELECT {inner} OFFSET 0) AS v OFFSET 0) AS v)"
        )

    def _finite(self, value: exp.Expr) -> exp.Expr:
        """Make NULL of NaN and infinities, for which Q3C raises an error; infinity less itself is NaN."""
        value = wrapped(value)
        zero = exp.Paren(this=exp.Sub(this=value.copy(), expression=value.copy()))
        return exp.Nullif(this=exp.Add(this=value, expression=zero), expression=self.cast(_NAN.copy(), _DOUBLE))


def _index_rank(side: MatchSide, reach: Reach) -> tuple[bool, bool, bool, int]:
    """Tell how much a side wants to be looked up.

    What an outer join looks up must be; a radius of the rows that are looked up would not be known before; else it is
    the larger table.
    """
    has_reach = reach.value is not None and reach.source == side.source
    return _is_indexed(side), not has_reach, side.is_looked_up, side.n_rows


def _is_indexed(side: MatchSide) -> bool:
    return side.position is not None and side.position.index is not PositionIndex.NONE


def _spoint(position: IndexedPosition) -> exp.Expr:
    """Write the ``spoint`` that pgSphere's index of a position knows."""
    if position.stored is not None:
        return position.stored.copy()
    return pgsphere.point(position.lon.copy(), position.lat.copy())


def _turn(*edge: float) -> str:
    """Write by how much one edge turns, seen from the vector ``v``; far more than all can when ``v`` lies on it."""
    bx, by, bz, cx, cy, cz, nx, ny, nz, length = (f"({number!r}::float8)" for number in edge)
    sine = f"(v.x * {nx} + v.y * {ny} + v.z * {nz})"
    cosine = f"(({bx} - v.x) * ({cx} - v.x) + ({by} - v.y) * ({cy} - v.y) + ({bz} - v.z) * ({cz} - v.z))"
    tolerance = f"{EDGE_TOLERANCE!r}::float8 * {length}"
    return (
        f"CASE WHEN ABS({sine}) <= {tolerance} AND {cosine} <= {tolerance} THEN 1000::float8 "
        f"ELSE ATAN2({sine}, {cosine}) END"
    )


def _padded(radius_deg: float) -> float:
    return radius_deg * (1 + 1e-9) + _MARGIN_DEG


def generate(query: ResolvedQuery, *, limit: int | None, relation: Callable[[Table], str]) -> str:
    """Write a resolved query in PostgreSQL's SQL.

    Parameters
    ----------
    query
        The resolved query.
    limit
        Most rows to give; None for no limit of the service.
    relation
        Gives the quoted SQL name of a table's rows.

    Returns
    -------
    str
        One SELECT whose columns are ``c1``, ``c2``, ... in the order of ``query.columns``.

    Raises
    ------
    AdqlError
        With a position, for what cannot be written.
    """
    return lower(query, PostgresDialect(), limit=limit, relation=relation, rules=RULES)
