"""SQL of PostgreSQL: what differs, and the filters by Q3C."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from sqlglot import exp

from vo_server.engine.dialect import IndexedPosition, MatchSide, SqlDialect
from vo_server.engine.lower import generate as lower
from vo_server.engine.rules import RULES
from vo_server.engine.sqltree import call, cast, column, name, wrapped
from vo_server.model.datatype import DataType, Primitive

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.model.table import Table
    from vo_server.sky.region import Cone

__all__ = ["PostgresDialect", "generate"]

_DOUBLE: Final = DataType(Primitive.DOUBLE)

_NAN: Final = exp.Literal.string("NaN")

_UNICODE: Final = "und-x-icu"
"""Collation that knows the cases of all letters; in every PostgreSQL that is built with ICU, as packages are."""

_MARGIN_DEG: Final = 5e-6
"""Added to radii for Q3C [deg]: it compares with ``<``, and below about 1e-7 deg (its pixel) it loses the centre."""

_MAX_RADIUS_DEG: Final = 90.0
"""Radius beyond which half of the sky is read anyway [deg]."""

_MAX_JOIN_RADIUS_DEG: Final = 30.0
"""Radius beyond which looking up every row by itself cannot pay [deg]."""


class PostgresDialect(SqlDialect):
    """PostgreSQL 14 and later with Q3C 2."""

    name: ClassVar[str] = "postgres"
    full_join_needs_equation: ClassVar[bool] = True

    def type_name(self, datatype: DataType) -> str:
        """Return PostgreSQL's name of a type."""
        return datatype.postgres

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

    def like(self, value: exp.Expr, pattern: exp.Expr, *, ignores_case: bool) -> exp.Expr:
        """Write LIKE with escaping switched off: a backslash would escape by default.

        Columns have the collation ``C``, which knows the cases of ASCII only.
        """
        if ignores_case:
            value, pattern = (exp.Collate(this=one, expression=name(_UNICODE)) for one in (value, pattern))
            match: exp.Expr = exp.ILike(this=value, expression=pattern)
        else:
            match = exp.Like(this=value, expression=pattern)
        return exp.Escape(this=match, expression=exp.Literal.string(""))

    def array(self, *items: exp.Expr) -> exp.Expr:
        """Write an array."""
        return exp.Array(expressions=list(items))

    def real_text(self, value: exp.Expr) -> exp.Expr:
        """Cast: the shortest text that reads back."""
        return cast(value, "TEXT", self.name)

    def cone_filter(self, position: IndexedPosition, cone: Cone) -> exp.Expr | None:
        """Write ``q3c_radial_query``, which planning turns into about a hundred ranges of the index."""
        if cone.radius_deg > _MAX_RADIUS_DEG:
            return None
        return call(
            "q3c_radial_query",
            column(position.alias, position.ra),
            column(position.alias, position.dec),
            self.real(cone.ra_deg),
            self.real(cone.dec_deg),
            self.real(_padded(cone.radius_deg)),
        )

    def match_filter(self, one: MatchSide, other: MatchSide, radius_deg: float) -> exp.Expr | None:
        """Write ``q3c_join``, whose third and fourth arguments are looked up in the index."""
        far, near = (one, other) if _index_rank(one) > _index_rank(other) else (other, one)
        if far.position is None or radius_deg > _MAX_JOIN_RADIUS_DEG:
            return None
        places = (self._finite(near.lon), self._finite(near.lat), far.lon, far.lat)
        return call("q3c_join", *places, self.real(_padded(radius_deg)))

    def _finite(self, value: exp.Expr) -> exp.Expr:
        """Make NULL of NaN and infinities, for which Q3C raises an error; infinity less itself is NaN."""
        value = wrapped(value)
        zero = exp.Paren(this=exp.Sub(this=value.copy(), expression=value.copy()))
        return exp.Nullif(this=exp.Add(this=value, expression=zero), expression=self.cast(_NAN.copy(), _DOUBLE))


def _index_rank(side: MatchSide) -> tuple[bool, bool, int]:
    """Tell how much a side wants to be looked up: what an outer join looks up must be, else the larger table."""
    return side.position is not None, side.is_looked_up, side.n_rows


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
