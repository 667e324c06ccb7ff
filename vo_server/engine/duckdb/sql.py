"""SQL of DuckDB: what differs, and the filter by HEALPix cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from sqlglot import exp

from vo_server.engine.dialect import IndexedPosition, MatchSide, Reach, SqlDialect
from vo_server.engine.duckdb.binding import let
from vo_server.engine.duckdb.distance import FEW_DISTANCES
from vo_server.engine.duckdb.grid import MAX_GRID_RADIUS_DEG, Grid
from vo_server.engine.lower import generate as lower
from vo_server.engine.rules import RULES
from vo_server.engine.sqltree import all_of, any_of, call, cast, column, quantity, wrapped
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN
from vo_server.sky.healpix import N_CELLS
from vo_server.sky.region import MARGIN_DEG

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.model.table import Table
    from vo_server.sky.polygon import Polygon
    from vo_server.sky.region import Region

__all__ = ["DuckdbDialect", "generate"]

_MAX_RANGES: Final = 4
"""Most ranges of cells in a filter: each costs 0.1 ms, while a fifth one saves few rows."""

_FEW_ROWS: Final = 20_000
"""Rows between the first and the last cell of a region that are read sooner than more ranges are planned; and rows in
a region whose distances are sooner computed by the function of :mod:`vo_server.engine.duckdb.distance`."""

_SKY_DEG2: Final = 41_252.96
"""Area of the sky [deg**2]."""

_UNKNOWN_ROWS: Final = 10_000_000
"""Taken for the size of a table when it is not known."""


_NUMBER_MARKS: Final = ".eExXbB_"
"""Characters besides digits and signs that DuckDB understands in a whole number."""


class DuckdbDialect(SqlDialect):
    """DuckDB 1.4 and later."""

    name: ClassVar[str] = "duckdb"
    few_distances: ClassVar[str | None] = FEW_DISTANCES
    finds_filters_in_or: ClassVar[bool] = False
    exists_of_outer_join: ClassVar[bool] = False
    not_in_of_random: ClassVar[bool] = False

    def type_name(self, datatype: DataType) -> str:
        """Return DuckDB's name of a type."""
        return datatype.duckdb

    def real(self, value: float) -> exp.Expr:
        """Write a double with an exponent: ``0.3`` would be a decimal."""
        text = repr(abs(value))
        literal = exp.Literal.number(text if "e" in text else f"{text}e0")
        return exp.Neg(this=literal) if value < 0 else literal

    def whole(self, value: exp.Expr, datatype: DataType, result: DataType) -> exp.Expr:
        """Cast: a literal takes the width of the other operand, and bytes have no sign."""
        return value if datatype.primitive is result.primitive else self.cast(value, result)

    def whole_of_text(self, value: exp.Expr, datatype: DataType) -> exp.Expr:
        """Cast with points and letters spoilt: DuckDB would round 12.7, and read 1e3, 0x1f, 0b1 and 1_000."""
        spoilt = call(
            "TRANSLATE", value, exp.Literal.string(_NUMBER_MARKS), exp.Literal.string("z" * len(_NUMBER_MARKS))
        )
        return self.cast(spoilt, datatype)

    def quotient(self, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        """Write ``//``, which truncates."""
        return exp.IntDiv(this=left, expression=right)

    def remainder(self, left: exp.Expr, right: exp.Expr) -> exp.Expr:
        """Write ``%``, which fails for the smallest number by -1."""
        divisor = exp.Case(
            this=right,
            ifs=[
                exp.If(this=exp.Literal.number(0), true=exp.Null()),
                exp.If(this=quantity(-1), true=exp.Literal.number(1)),
            ],
            default=right.copy(),
        )
        return exp.Mod(this=left, expression=divisor)

    def mean(self, value: exp.Expr, again: exp.Expr, *, is_whole: bool) -> exp.Expr:
        """Write AVG for doubles; for whole numbers it would divide in 80 bits."""
        if not is_whole:
            return call("AVG", value)
        # Through text, as the cast from 128 bits rounds twice.
        total = self.cast(cast(call("SUM", value), "TEXT", self.name), DataType(Primitive.DOUBLE))
        return exp.Div(this=total, expression=exp.Nullif(this=call("COUNT", again), expression=quantity(0)), typed=True)

    def narrowed(self, value: exp.Expr) -> exp.Expr:
        """Cast."""
        return self.cast(value, DataType(Primitive.FLOAT))

    def like(self, value: exp.Expr, pattern: exp.Expr) -> exp.Expr:
        """Write LIKE, in which nothing escapes."""
        return exp.Like(this=value, expression=pattern)

    def closed(self, condition: exp.Expr) -> exp.Expr:
        """Cast there and back: pushing filters down takes quadratic time, 68 s for 5 000, and cannot be interrupted."""
        return cast(cast(condition, "UTINYINT", self.name), "BOOLEAN", self.name)

    def array(self, *items: exp.Expr) -> exp.Expr:
        """Write a list."""
        return exp.Array(expressions=list(items))

    def real_text(self, value: exp.Expr) -> exp.Expr:
        """Write 3.0 as ``3``, as PostgreSQL does, and its words for what is no finite number."""
        text = cast(value, "TEXT", self.name)
        text = call("REGEXP_REPLACE", text, exp.Literal.string(r"\.0$"), exp.Literal.string(""))
        for written, read in (("-nan", "nan"), ("nan", "NaN"), ("inf", "Infinity")):
            text = call("REPLACE", text, exp.Literal.string(written), exp.Literal.string(read))
        return text

    def real_of_text(self, value: exp.Expr, datatype: DataType) -> exp.Expr:
        """Write the macro: DuckDB reads 1_000, and makes infinities and zeros of what is out of range."""
        size = "real" if datatype.primitive is Primitive.FLOAT else "double"
        return call(f"vo_functions.{size}_in", value)

    def region_filter(self, position: IndexedPosition, region: Region) -> exp.Expr | None:
        """Bound the cells, by which the rows are sorted, and the declination.

        Through a subquery there is no column of cells; but rows that are stored together have similar coordinates.
        """
        low_deg, high_deg = region.dec_range_deg
        band = exp.Between(this=position.lat.copy(), low=self.real(low_deg), high=self.real(high_deg))
        if not position.has_cells:
            return all_of([band, *self._ra_filter(position, region)])
        cell = column(position.alias, HEALPIX_COLUMN)
        ranges = _few_ranges(region, position.table.n_rows or _UNKNOWN_ROWS)
        if not ranges:
            return exp.LT(this=cell, expression=quantity(0))
        cells = [exp.Between(this=cell.copy(), low=quantity(first), high=quantity(last)) for first, last in ranges]
        return all_of([any_of(cells), band])

    def leaves_few(self, position: IndexedPosition, region: Region) -> bool:
        """Tell whether few rows have a cell of the region."""
        n_rows = position.table.n_rows or _UNKNOWN_ROWS
        return position.has_cells and region.area_deg2 / _SKY_DEG2 * n_rows <= _FEW_ROWS

    def _ra_filter(self, position: IndexedPosition, region: Region) -> list[exp.Expr]:
        """Bound the right ascension, in [0, 360] as loads see to; nothing where a pole is near."""
        found = region.ra_range_deg
        if found is None:
            return []
        start, width = found
        spans = [(start - turn, start + width - turn) for turn in (0.0, 360.0)]
        return [
            any_of(
                exp.Between(this=position.lon.copy(), low=self.real(low), high=self.real(high))
                for low, high in spans
                if high >= 0
            )
        ]

    def match_filter(self, one: MatchSide, other: MatchSide, reach: Reach) -> exp.Expr | None:
        """Bound the declination, and where rows may be repeated ask for the same cell of a grid as well."""
        known = reach.known_deg
        margin = self.real(MARGIN_DEG)
        within: exp.Expr = self.real(known + MARGIN_DEG) if known is not None else exp.Paren(
            this=exp.Add(this=wrapped(_copy(reach)), expression=margin)
        )  # fmt: skip
        band = exp.Between(
            this=wrapped(one.lat.copy()),
            low=exp.Sub(this=wrapped(other.lat.copy()), expression=within),
            high=exp.Add(this=wrapped(other.lat.copy()), expression=within.copy()),
        )
        if known is not None and known + MARGIN_DEG > MAX_GRID_RADIUS_DEG:
            return band
        repeated = [side for side in (one, other) if side.is_repeatable and side.item is not None]
        owner = next((side for side in (one, other) if side.source == reach.source), None)
        if not repeated or (known is None and (owner is None or owner.item is None)):
            return band
        near = min(repeated, key=lambda side: side.n_rows)
        far = other if near is one else one
        grid = Grid.for_match(None if known is None else known + MARGIN_DEG, far.n_rows)
        if known is None:
            assert owner is not None
            assert owner.item is not None
            grid = grid.of_largest(self, _copy(reach), owner.item)
        return all_of([grid.equation(self, near, far), band])

    def let(self, values: Mapping[str, str], body: str) -> str:
        """Write a lambda over a list of one."""
        fields = ", ".join(f"'{name}': {value}" for name, value in values.items())
        return let("v", f"{{{fields}}}", body)

    def edges(self, polygon: Polygon) -> str:
        """Write the numbers: DuckDB would compute them for each row."""
        keys = ("bx", "by", "bz", "cx", "cy", "cz", "nx", "ny", "nz", "l")
        edges = [
            "{" + ", ".join(f"'{key}': {number!r}::DOUBLE" for key, number in zip(keys, edge, strict=True)) + "}"
            for edge in polygon.edges
        ]
        return f"[{', '.join(edges)}]"

    def in_polygon(self, lon: str, lat: str, polygon: Polygon) -> str:
        """Call the macro."""
        return f"vo_functions.in_polygon({lon}, {lat}, {self.edges(polygon)})"


def _few_ranges(region: Region, n_rows: int) -> list[tuple[int, int]]:
    """Return the ranges of cells that are worth asking for."""
    envelope = region.cell_ranges(1)
    if not envelope or (envelope[0][1] - envelope[0][0]) / N_CELLS * n_rows <= _FEW_ROWS:
        return envelope
    return region.cell_ranges(_MAX_RANGES)


def _copy(reach: Reach) -> exp.Expr:
    assert reach.value is not None
    return reach.value.copy()


def generate(query: ResolvedQuery, *, limit: int | None, relation: Callable[[Table], str]) -> str:
    """Write a resolved query in DuckDB's SQL.

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
    return lower(query, DuckdbDialect(), limit=limit, relation=relation, rules=RULES)
