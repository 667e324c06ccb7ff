"""Valid queries at random, from the EBNF of ADQL 2.1 and independent of the grammar file of the parser.

Each method of :class:`Sentence` is one production and gives the tokens of a sentence of it. Names are drawn
from :data:`SKY`, and kinds are kept apart, so that a sentence not only parses but also resolves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Final

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Catalogue, Column, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["SKY", "Sentence", "written"]

NUMBER: Final = "number"
STRING: Final = "string"
POINT: Final = "point"
TIME: Final = "time"

_TYPES: Final = {
    NUMBER: DataType(Primitive.DOUBLE),
    STRING: DataType(Primitive.CHAR, "*"),
    POINT: DataType(Primitive.DOUBLE, "2", "point"),
    TIME: DataType(Primitive.CHAR, "*", "timestamp"),
}
_TABLES: Final = {
    ("sky", "stars"): (("ra", NUMBER), ("dec", NUMBER), ("name", STRING), ("pos", POINT), ("observed", TIME)),
    ("sky", "Mixed Case"): (("size", NUMBER), ("Dist-VISTA", NUMBER), ("a b", STRING), ("DATE", TIME)),
    ("deep", "quasars"): (("z", NUMBER), ("type", STRING), ("where_", POINT), ("Flux", NUMBER)),
    ("deep", "select"): (("level", NUMBER), ("class", STRING), ("ñu", NUMBER), ("limit", NUMBER)),
}
_SHARED: Final = (("id", NUMBER), ("obj", STRING))
"""Columns that every table has."""


def _table(schema: str, name: str) -> Table:
    columns = (*_SHARED, *_TABLES[schema, name])
    return Table(
        schema, name, tuple(Column(one, _TYPES[kind], unit="m" if kind == NUMBER else None) for one, kind in columns)
    )


SKY: Final = Catalogue(
    tuple(Schema(schema, tuple(_table(*key) for key in _TABLES if key[0] == schema)) for schema in ("sky", "deep"))
)

_REGULAR: Final = frozenset(
    {"id", "obj", "ra", "dec", "name", "pos", "observed", "z", "type", "where_", "Flux", "class", "limit"}
    | {"sky", "deep", "stars", "quasars"}
)
"""Names that need no quotes: no reserved words, no odd characters."""

_MATHS: Final = (
    "ABS", "CEILING", "DEGREES", "EXP", "FLOOR", "LOG", "LOG10", "RADIANS", "SQRT",
    "ACOS", "ASIN", "ATAN", "COS", "COT", "SIN", "TAN",
)  # fmt: skip
_COMPARISONS: Final = ("=", "<>", "!=", "<", ">", "<=", ">=")
_NUMBER_TYPES: Final = (["SMALLINT"], ["INTEGER"], ["BIGINT"], ["REAL"], ["DOUBLE", "PRECISION"])
_STRING_TYPES: Final = (["CHAR"], ["VARCHAR"], ["CHAR", "(", "10", ")"], ["VARCHAR", "(", "255", ")"])
_SYSTEMS: Final = ("'ICRS'", "''", "'icrs'", "'ICRS GEOCENTER'", "'FK5'")
_ALIASES: Final = ("{}", "{}", '"{}"', '"{} ""Ω"""', '"select {}"')

Tokens = list[str]
Kinds = tuple[str, ...]


@dataclass
class Relation:
    """A table of FROM."""

    qualifier: Tokens | None
    """How its columns are qualified; None when they cannot be."""
    columns: tuple[tuple[str, str], ...]
    """Names as they are written (quoted where they must be) and kinds."""


@dataclass
class Scope:
    """What can be named."""

    relations: list[Relation] = field(default_factory=list)
    merged: list[tuple[str, str]] = field(default_factory=list)
    """Columns merged by USING or NATURAL: unqualified only."""
    blocked: set[str] = field(default_factory=set)
    """Names that would be ambiguous without a qualifier."""
    outer: Scope | None = None
    groups: list[tuple[Tokens, str]] | None = None
    """Columns of GROUP BY, outside of set functions the only ones that can be named."""

    def names(self) -> list[str]:
        """Return the names of all columns."""
        return [name for name, _ in self.merged] + [name for one in self.relations for name, _ in one.columns]

    def columns(self, kind: str) -> list[Tokens]:
        """Return all spellings of all columns of a kind."""
        if self.groups is not None:
            return [tokens for tokens, one in self.groups if one == kind]
        found: list[Tokens] = [[name] for name, one in self.merged if one == kind and name not in self.blocked]
        every = [name for relation in self.relations for name, _ in relation.columns]
        merged = {name for name, _ in self.merged}
        for relation in self.relations:
            for name, one in relation.columns:
                if one != kind or name in merged:
                    continue
                if every.count(name) == 1 and name not in self.blocked:
                    found.append([name])
                if relation.qualifier is not None:
                    found.append([*relation.qualifier, ".", name])
        if self.outer is not None and self.outer.groups is None:
            found.extend(
                [*relation.qualifier, ".", name]
                for relation in self.outer.relations
                for name, one in relation.columns
                if relation.qualifier is not None
                and len(relation.qualifier) == 1
                and one == kind
                and name not in {other for other, _ in self.outer.merged}
            )
        return found


def _name(bare: str) -> str:
    return bare if bare in _REGULAR else '"' + bare.replace('"', '""') + '"'


class Sentence:
    """Draws one query.

    Parameters
    ----------
    rng
        Where the choices come from.
    depth
        How deep parentheses, calls and subqueries may nest.
    is_open
        Use functions and catalogue names that nobody declared.
    """

    def __init__(self, rng: Random, *, depth: int = 4, is_open: bool = False) -> None:
        self._rng = rng
        self._depth = depth
        self._is_open = is_open
        self._numbers = count(1)
        self._common: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        self._n_joins = 0

    # ------------------------------------------------------------------------------------------------ choices

    def _one(self, *makers: Callable[[], Tokens]) -> Tokens:
        return self._rng.choice(makers)()

    def _maybe(self, *tokens: str, chance: float = 0.5) -> Tokens:
        return list(tokens) if self._rng.random() < chance else []

    def _is_deep(self) -> bool:
        return self._depth <= 0

    def _inside(self, make: Callable[[], Tokens]) -> Tokens:
        self._depth -= 1
        try:
            return make()
        finally:
            self._depth += 1

    def _list(self, make: Callable[[], Tokens], low: int = 1, high: int = 3) -> Tokens:
        tokens = make()
        for _ in range(self._rng.randint(low, high) - 1):
            tokens += [",", *make()]
        return tokens

    def _new_name(self) -> str:
        return self._rng.choice(_ALIASES).format(f"n{next(self._numbers)}")

    # ------------------------------------------------------------------------------------------------ queries

    def query(self) -> Tokens:
        """query = [WITH cte {, cte}] select_expr [;]."""
        tokens: Tokens = []
        if self._rng.random() < 0.2:
            common = []
            for _ in range(self._rng.randint(1, 2)):
                name, kinds = self._new_name(), self._kinds()
                inner, columns = self.select_expr(None, kinds, named=True)
                common.append([name, "AS", "(", *inner, ")"])
                self._common.append((name, columns))
            tokens = ["WITH", *common[0]]
            for one in common[1:]:
                tokens += [",", *one]
        body, _ = self.select_expr(None, None)
        return [*tokens, *body, *self._maybe(";", chance=0.05)]

    def _kinds(self) -> Kinds:
        return tuple(self._rng.choices((NUMBER, STRING, POINT, TIME), (6, 3, 1, 1), k=self._rng.randint(1, 3)))

    def select_expr(
        self, outer: Scope | None, kinds: Kinds | None, *, named: bool = False
    ) -> tuple[Tokens, tuple[tuple[str, str], ...]]:
        """select_expr = set_expr [ORDER BY ...] [OFFSET uint]; with names and kinds of the output columns."""
        if self._rng.random() < 0.2 and not self._is_deep():
            kinds = kinds or self._kinds()
            while POINT in kinds:  # rows that hold points cannot be compared
                kinds = tuple(NUMBER if one == POINT else one for one in kinds)
            tokens, columns = self.set_expr(outer, kinds, named=named)
            order = [str(self._rng.randint(1, len(columns)))]
        else:
            tokens, columns, order = self.select(outer, kinds, named=named)
            if self._rng.random() < 0.1 and not self._is_deep():
                tokens, order = ["(", *tokens, ")"], [str(self._rng.randint(1, len(columns)))]
        if order and self._rng.random() < 0.4 and self._sortable(order, columns):
            tokens = [*tokens, "ORDER", "BY", *order, *self._rng.choice([[], ["ASC"], ["DESC"]])]
        if self._rng.random() < 0.15:
            tokens = [*tokens, "OFFSET", str(self._rng.randint(0, 20))]
        return tokens, columns

    @staticmethod
    def _sortable(order: Tokens, columns: tuple[tuple[str, str], ...]) -> bool:
        return not order[0].isdigit() or columns[int(order[0]) - 1][1] != POINT

    def set_expr(self, outer: Scope | None, kinds: Kinds, *, named: bool) -> tuple[Tokens, tuple[tuple[str, str], ...]]:
        """set_expr = operand {UNION | EXCEPT | INTERSECT [ALL] operand}; precedence is the parser's business."""
        self._depth -= 1
        tokens, columns = self.set_prim(outer, kinds, named=named)
        for _ in range(self._rng.randint(1, 2)):
            operator = [self._rng.choice(("UNION", "EXCEPT", "INTERSECT")), *self._maybe("ALL")]
            operand, _ = self.set_prim(outer, kinds, named=False)
            tokens = [*tokens, *operator, *operand]
        self._depth += 1
        return tokens, columns

    def set_prim(self, outer: Scope | None, kinds: Kinds, *, named: bool) -> tuple[Tokens, tuple[tuple[str, str], ...]]:
        """set_prim = select | (select_expr)."""
        if self._rng.random() < 0.3:
            tokens, columns = self.select_expr(outer, kinds, named=named)
            return ["(", *tokens, ")"], columns
        tokens, columns, _ = self.select(outer, kinds, named=named)
        return tokens, columns

    def select(
        self, outer: Scope | None, kinds: Kinds | None, *, named: bool
    ) -> tuple[Tokens, tuple[tuple[str, str], ...], Tokens]:
        """Draw a select; return it, its output columns, and a term for ORDER BY."""
        scope = Scope(outer=outer)
        tables = self.from_clause(scope)
        where = self._maybe("WHERE") and ["WHERE", *self.cond(scope)]
        is_distinct = self._rng.random() < 0.15
        head = ["SELECT", *(["DISTINCT"] if is_distinct else self._maybe("ALL", chance=0.1))]
        head += self._maybe("TOP", str(self._rng.choice((0, 1, 10, 1000))), chance=0.2)
        if kinds is None and not named and not is_distinct and self._rng.random() < 0.2:
            items, columns = self.stars(scope)
            return [*head, *items, *tables, *where], columns, []
        group = self.group_by(scope) if scope.columns(NUMBER) and self._rng.random() < 0.2 else []
        items, columns = self.select_list(scope, kinds or self._kinds(), named=named)
        having: Tokens = []
        if scope.groups is not None and self._rng.random() < 0.5:
            having = ["HAVING", *self.cond(scope, simple=True)]
        order = self._order_term(scope, columns, items_are_all=is_distinct)
        return [*head, *items, *tables, *where, *group, *having], columns, order

    def _order_term(self, scope: Scope, columns: tuple[tuple[str, str], ...], *, items_are_all: bool) -> Tokens:
        choices = [[str(i)] for i in range(1, len(columns) + 1)]
        choices += [[name] for name, kind in columns if name and kind != POINT]
        if not items_are_all:
            choices += [one for kind in (NUMBER, STRING, TIME) for one in scope.columns(kind) if len(one) > 1]
            choices.append(["ABS", "(", *self._inside(lambda: self.num(scope)), ")"])
        return self._rng.choice(choices)

    def stars(self, scope: Scope) -> tuple[Tokens, tuple[tuple[str, str], ...]]:
        """select_list = * | qualifier.* {, ...}."""
        qualified = [one for one in scope.relations if one.qualifier is not None]
        if not qualified or self._rng.random() < 0.5:
            return ["*"], (("", NUMBER),)
        tokens: Tokens = []
        for relation in self._rng.sample(qualified, self._rng.randint(1, len(qualified))):
            assert relation.qualifier is not None
            tokens += [*([","] if tokens else []), *relation.qualifier, ".", "*"]
        return [*tokens, *self._maybe(",", *self.num(scope))], (("", NUMBER),)

    def select_list(self, scope: Scope, kinds: Kinds, *, named: bool) -> tuple[Tokens, tuple[tuple[str, str], ...]]:
        """select_list = item {, item} with item = expr [[AS] ident]."""
        tokens: Tokens = []
        columns = []
        for kind in kinds:
            value = self.expr(scope, kind)
            alias = self._new_name() if named or self._rng.random() < 0.4 else ""
            item = [*value, *self._maybe("AS", chance=0.6), alias] if alias else value
            tokens += [*([","] if tokens else []), *item]
            columns.append((alias, kind))
        return tokens, tuple(columns)

    def group_by(self, scope: Scope) -> Tokens:
        """GROUP BY group_term {, group_term}."""
        choices = [(one, kind) for kind in (NUMBER, STRING, TIME) for one in scope.columns(kind)]
        own = {
            relation.qualifier[0] for relation in scope.relations if relation.qualifier and len(relation.qualifier) == 1
        }
        choices = [(one, kind) for one, kind in choices if len(one) != 3 or one[0] in own]
        choices = choices or [(["ABS", "(", "1.5", ")"], NUMBER)]  # any expression will do
        groups = self._rng.sample(choices, min(len(choices), self._rng.randint(1, 2)))
        tokens: Tokens = []
        for one, _ in groups:
            tokens += [*([","] if tokens else []), *one]
        tokens += self._maybe(",", "FLOOR", "(", *self._inside(lambda: self.num(scope)), ")", chance=0.2)
        scope.groups = groups
        return ["GROUP", "BY", *tokens]

    # ------------------------------------------------------------------------------------------------- tables

    def from_clause(self, scope: Scope) -> Tokens:
        """FROM table_ref {, table_ref}."""
        tokens = ["FROM", *self.table_ref(scope)]
        if self._rng.random() < 0.15:
            tokens += [",", *self.table_ref(scope)]
        return tokens

    def table_ref(self, scope: Scope) -> Tokens:
        """table_ref = table_prim {join}."""
        here = Scope(outer=scope.outer)
        tokens = self.table_prim(here)
        chance = 0.3
        while self._rng.random() < chance and self._n_joins < 12:
            self._n_joins += 1
            tokens = self.join(here, tokens)
            chance /= 2
        _beside(scope, here)
        return tokens

    def join(self, here: Scope, left: Tokens) -> Tokens:
        """Draw a join with ON, USING or NATURAL to what stands on the left."""
        there = Scope(outer=here.outer)
        right = self.table_prim(there)
        kind = self._rng.choice(
            [[], ["INNER"], *([side, *outer] for side in ("LEFT", "RIGHT", "FULL") for outer in ([], ["OUTER"]))]
        )
        every, more = here.names(), there.names()
        shared = [
            one
            for one in dict.fromkeys(
                (*there.merged, *(one for relation in there.relations for one in relation.columns))
            )
            if every.count(one[0]) == more.count(one[0]) == 1 and one[0] not in here.blocked | there.blocked
        ]
        common = set(every) & (set(more) | there.blocked)
        is_plain = not there.merged and POINT not in {one for _, one in shared}
        choice = self._rng.random()
        if choice < 0.25 and shared and is_plain:
            names = self._rng.sample(shared, self._rng.randint(1, len(shared)))
            tokens = [*left, *kind, "JOIN", *right, "USING", "(", *_commas([name for name, _ in names]), ")"]
            self._merge(here, there, names)
        elif (
            choice < 0.45
            and is_plain
            and common == {name for name, _ in shared}
            and not here.blocked & {*more, *there.blocked}
        ):
            tokens = [*left, "NATURAL", *kind, "JOIN", *right]
            self._merge(here, there, shared)
        else:
            both = Scope(outer=here.outer)
            _beside(both, here)
            _beside(both, there)
            tokens = [*left, *kind, "JOIN", *right, "ON", *self._inside(lambda: self.cond(both, simple=True))]
            _beside(here, there)
        return tokens

    @staticmethod
    def _merge(here: Scope, there: Scope, names: list[tuple[str, str]]) -> None:
        merged = list(dict.fromkeys([*here.merged, *names]))
        taken = {name for name, _ in names}
        for scope in (here, there):
            for relation in scope.relations:
                relation.columns = tuple(one for one in relation.columns if one[0] not in taken)
        here.merged = [one for one in here.merged if one[0] not in taken]
        _beside(here, there)
        here.merged = [one for one in merged if one in here.merged or one[0] in taken]

    def table_prim(self, scope: Scope) -> Tokens:
        """table_prim = table_name [[AS] ident] | (select_expr | joined) [AS] ident | (joined)."""
        choice = self._rng.random()
        if choice < 0.12 and not self._is_deep():
            return self._inside(lambda: self._derived(scope))
        if choice < 0.2 and not self._is_deep():
            return self._inside(lambda: self._parenthesised(scope))
        if choice < 0.35 and self._common:
            name, columns = self._rng.choice(self._common)
            alias = self._new_name()
            scope.relations.append(Relation([alias], columns))
            return [name, *self._maybe("AS"), alias]
        return self._published(scope)

    def _published(self, scope: Scope) -> Tokens:
        schema, name = self._rng.choice(list(_TABLES))
        columns = tuple((_name(one), kind) for one, kind in (*_SHARED, *_TABLES[schema, name]))
        tokens = [_name(schema), ".", _name(name)] if self._rng.random() < 0.6 else [_name(name)]
        if self._is_open and len(tokens) == 3:
            tokens = [*self._maybe("cat", ".", chance=0.2), *tokens]
        alias = self._new_name()
        scope.relations.append(Relation([alias], columns))
        return [*tokens, *self._maybe("AS"), alias]

    def _derived(self, scope: Scope) -> Tokens:
        inner, columns = self.select_expr(scope.outer, self._kinds(), named=True)
        alias = self._new_name()
        scope.relations.append(Relation([alias], columns))
        return ["(", *inner, ")", *self._maybe("AS"), alias]

    def _parenthesised(self, scope: Scope) -> Tokens:
        here = Scope(outer=scope.outer)
        tokens = self.join(here, self.table_prim(here))
        if self._rng.random() < 0.4:
            names = here.names()
            columns = [one for relation in here.relations for one in relation.columns]
            visible = [one for one in columns if names.count(one[0]) == 1 and one[0] not in here.blocked]
            alias = self._new_name()
            named = Scope(
                [Relation([alias], tuple(visible))], blocked={*here.blocked, *names} - {one for one, _ in visible}
            )
            _beside(scope, named)
            return ["(", *tokens, ")", *self._maybe("AS"), alias]
        _beside(scope, here)
        return ["(", *tokens, ")"]

    # --------------------------------------------------------------------------------------------- conditions

    def cond(self, scope: Scope, *, simple: bool = False) -> Tokens:
        """cond = and_cond {OR and_cond}, and_cond = not_cond {AND not_cond}."""
        tokens = self.not_cond(scope, simple=simple)
        for _ in range(self._rng.choice((0, 0, 0, 1, 1, 2))):
            tokens += [self._rng.choice(("AND", "OR")), *self.not_cond(scope, simple=simple)]
        return tokens

    def not_cond(self, scope: Scope, *, simple: bool) -> Tokens:
        """not_cond = [NOT] ((cond) | predicate)."""
        negation = self._maybe("NOT", chance=0.15)
        if self._rng.random() < 0.2 and not self._is_deep():
            return [*negation, "(", *self._inside(lambda: self.cond(scope, simple=simple)), ")"]
        return [*negation, *self._inside(lambda: self.predicate(scope, simple=simple))]

    def predicate(self, scope: Scope, *, simple: bool) -> Tokens:
        """Draw a predicate."""
        makers = [self._comparison, self._comparison, self._between, self._in_list, self._like, self._is_null]
        if not simple and not self._is_deep():
            makers += [self._in_query, self._exists, self._contains]
        return self._rng.choice(makers)(scope)

    def _comparison(self, scope: Scope) -> Tokens:
        kind = self._rng.choice((NUMBER, NUMBER, STRING, TIME))
        return [*self.expr(scope, kind), self._rng.choice(_COMPARISONS), *self.expr(scope, kind)]

    def _contains(self, scope: Scope) -> Tokens:
        name = self._rng.choice(("CONTAINS", "INTERSECTS"))
        call = [name, "(", *self.geo(scope), ",", *self.geo(scope), ")"]
        operator, number = self._rng.choice(_COMPARISONS), self._rng.choice("01")
        return [number, operator, *call] if self._rng.random() < 0.5 else [*call, operator, number]

    def _between(self, scope: Scope) -> Tokens:
        kind = self._rng.choice((NUMBER, STRING, TIME))
        return [
            *self.expr(scope, kind), *self._maybe("NOT", chance=0.3), "BETWEEN",
            *self.expr(scope, kind), "AND", *self.expr(scope, kind),
        ]  # fmt: skip

    def _in_list(self, scope: Scope) -> Tokens:
        kind = self._rng.choice((NUMBER, STRING))
        items = self._list(lambda: self.expr(scope, kind), 1, 4)
        return [*self.expr(scope, kind), *self._maybe("NOT", chance=0.3), "IN", "(", *items, ")"]

    def _in_query(self, scope: Scope) -> Tokens:
        kind = self._rng.choice((NUMBER, STRING))
        inner, _ = self.select_expr(scope, (kind,))
        return [*self.expr(scope, kind), *self._maybe("NOT", chance=0.3), "IN", "(", *inner, ")"]

    def _exists(self, scope: Scope) -> Tokens:
        if self._rng.random() < 0.15:
            here = Scope(outer=scope)
            return ["EXISTS", "(", *self.join(here, self.table_prim(here)), ")"]
        inner, _ = self.select_expr(scope, None)
        return ["EXISTS", "(", *inner, ")"]

    def _like(self, scope: Scope) -> Tokens:
        word = self._rng.choice(("LIKE", "ILIKE"))
        return [*self.str_(scope), *self._maybe("NOT", chance=0.3), word, *self.str_(scope)]

    def _is_null(self, scope: Scope) -> Tokens:
        columns = [one for kind in (NUMBER, STRING, POINT, TIME) for one in scope.columns(kind)]
        if not columns:
            return self._comparison(scope)
        return [*self._rng.choice(columns), "IS", *self._maybe("NOT"), "NULL"]

    # ------------------------------------------------------------------------------------------------- values

    def expr(self, scope: Scope, kind: str) -> Tokens:
        """expr = NULL | num | str | geo."""
        if self._rng.random() < 0.02:
            return ["NULL"]
        if kind == NUMBER:
            return self._inside(lambda: self.num(scope))
        if kind == STRING:
            return self._inside(lambda: self.str_(scope))
        return self._inside(lambda: self.time(scope) if kind == TIME else self.point(scope))

    def time(self, scope: Scope) -> Tokens:
        """Draw a value of kind timestamp."""
        columns = scope.columns(TIME)
        if columns and self._rng.random() < 0.6:
            return [*self._rng.choice(columns)]
        return ["CAST", "(", self._rng.choice(("'2015-01-01'", "'2015-01-01T10:11:12.5Z'")), "AS", "TIMESTAMP", ")"]

    def num(self, scope: Scope) -> Tokens:
        """num = term {(+ | -) term}, term = factor {(* | /) factor}."""
        tokens = self.factor(scope)
        if self._is_deep():
            return tokens
        for _ in range(self._rng.choice((0, 0, 0, 1, 2))):
            tokens += [self._rng.choice("+-*/"), *self.factor(scope)]
        return tokens

    def factor(self, scope: Scope) -> Tokens:
        """factor = [+ | -] (prim | num_func)."""
        sign = self._maybe(self._rng.choice("+-"), chance=0.15)
        if self._is_deep():
            return [*sign, *self._inside(lambda: self._number_leaf(scope))]
        return [*sign, *self._inside(lambda: self._number_value(scope))]

    def _number_leaf(self, scope: Scope) -> Tokens:
        columns = scope.columns(NUMBER)
        if columns and self._rng.random() < 0.6:
            return [*self._rng.choice(columns)]
        return [self.number()]

    def number(self) -> str:
        """Draw an unsigned number in any of its forms."""
        digits = str(self._rng.choice((0, 1, 7, 12, 180, 2147483648, 9223372036854775807)))
        mantissa = self._rng.choice((digits, f"{digits}.", f"{digits}.25", ".5", "0.000"))
        exponent = self._rng.choice(("", "", "", "E5", "e-3", "E+10", "e0"))
        return mantissa + exponent

    def _number_value(self, scope: Scope) -> Tokens:
        makers = [
            lambda: self._number_leaf(scope),
            lambda: self._number_leaf(scope),
            lambda: ["(", *self.expr(scope, NUMBER), ")"],
            lambda: self._maths(scope),
            lambda: self._set_function(scope),
            lambda: [
                "CAST",
                "(",
                *self.expr(scope, self._rng.choice((NUMBER, STRING))),
                "AS",
                *self._rng.choice(_NUMBER_TYPES),
                ")",
            ],
            lambda: ["COALESCE", "(", *self._list(lambda: self.expr(scope, NUMBER)), ")"],
            lambda: self._geometry_number(scope),
            lambda: self._in_unit(scope),
        ]
        if self._is_open:
            makers.append(lambda: self._udf(scope))
        return self._rng.choice(makers)()

    def _maths(self, scope: Scope) -> Tokens:
        def number() -> Tokens:
            return self._inside(lambda: self.num(scope))

        sign = self._maybe(self._rng.choice("+-"), chance=0.3)
        return self._one(
            lambda: [self._rng.choice(_MATHS), "(", *number(), ")"],
            lambda: [self._rng.choice(("MOD", "POWER", "ATAN2")), "(", *number(), ",", *number(), ")"],
            lambda: ["PI", "(", ")"],
            lambda: ["RAND", "(", *self._maybe("5"), ")"],
            lambda: [self._rng.choice(("ROUND", "TRUNCATE")), "(", *number(), *self._maybe(",", *sign, "2"), ")"],
        )

    def _set_function(self, scope: Scope) -> Tokens:
        """Draw a set function; only where rows are grouped."""
        if scope.groups is None:
            return self._number_leaf(scope)
        every = Scope(scope.relations, scope.merged, scope.blocked)
        if self._rng.random() < 0.3:
            return ["COUNT", "(", "*", ")"]
        quantifier = self._rng.choice(([], ["DISTINCT"], ["ALL"]))
        if self._rng.random() < 0.3:
            return ["COUNT", "(", *quantifier, *self.expr(every, self._rng.choice((NUMBER, STRING))), ")"]
        name = self._rng.choice(("AVG", "MAX", "MIN", "SUM"))
        return [name, "(", *quantifier, *self._inside(lambda: self.num(every)), ")"]

    def _in_unit(self, scope: Scope) -> Tokens:
        columns = [one for one in scope.columns(NUMBER) if scope.groups is None]
        named = [one for one in columns if one[-1] in {"ra", "dec", "z"}]
        return ["IN_UNIT", "(", *self._rng.choice(named), ",", "'km'", ")"] if named else self._number_leaf(scope)

    def _geometry_number(self, scope: Scope) -> Tokens:
        def number() -> Tokens:
            return self._inside(lambda: self.num(scope))

        return self._one(
            lambda: ["AREA", "(", *self.geo(scope), ")"],
            lambda: [self._rng.choice(("COORD1", "COORD2")), "(", *self.pt(scope), ")"],
            lambda: ["DISTANCE", "(", *self.pt(scope), ",", *self.pt(scope), ")"],
            lambda: [
                "DISTANCE",
                "(",
                *number(),
                ",",
                *self._latitude(scope),
                ",",
                *number(),
                ",",
                *self._latitude(scope),
                ")",
            ],
            lambda: ["CONTAINS", "(", *self.geo(scope), ",", *self.geo(scope), ")"],
        )

    def _udf(self, scope: Scope) -> Tokens:
        name = self._rng.choice(("my_function", "ivo_nobody_knows", "f"))
        arguments = self._list(lambda: self.expr(scope, self._rng.choice((NUMBER, STRING, POINT))), 1, 3)
        return [name, "(", *(arguments if self._rng.random() < 0.8 else []), ")"]

    def str_(self, scope: Scope) -> Tokens:
        """str = str_prim {|| str_prim}."""
        tokens = self._string_value(scope)
        if self._is_deep():
            return tokens
        for _ in range(self._rng.choice((0, 0, 0, 1, 2))):
            tokens += ["||", *self._string_value(scope)]
        return tokens

    def _string_leaf(self, scope: Scope) -> Tokens:
        columns = scope.columns(STRING)
        if columns and self._rng.random() < 0.6:
            return [*self._rng.choice(columns)]
        return [
            self._rng.choice(
                ("'x'", "''", "'it''s'", "'''' ", "'a -- b'", "'\"q\"'", "'Ω ; SELECT'", "'line\nbreak'", "'%_'")
            ).strip()
        ]

    def _string_value(self, scope: Scope) -> Tokens:
        if self._is_deep():
            return self._string_leaf(scope)
        makers = [
            lambda: self._string_leaf(scope),
            lambda: self._string_leaf(scope),
            lambda: ["(", *self.expr(scope, STRING), ")"],
            lambda: [self._rng.choice(("LOWER", "UPPER")), "(", *self._inside(lambda: self.str_(scope)), ")"],
            lambda: ["COORDSYS", "(", *self.geo(scope), ")"],
            lambda: [
                "CAST",
                "(",
                *self.expr(scope, self._rng.choice((NUMBER, STRING, TIME))),
                "AS",
                *self._rng.choice(_STRING_TYPES),
                ")",
            ],
            lambda: ["COALESCE", "(", *self._list(lambda: self.expr(scope, STRING)), ")"],
        ]
        if self._is_open:
            makers.append(lambda: self._udf(scope))
        return self._rng.choice(makers)()

    # ----------------------------------------------------------------------------------------------- geometry

    def _latitude(self, scope: Scope) -> Tokens:
        columns = [one for one in scope.columns(NUMBER) if self._rng.random() < 0.5]
        number = self._rng.choice(("0", "45.5", ".5", "90", "9E1"))
        return list(self._rng.choice([*columns[:1], [*self._maybe(self._rng.choice("+-")), number]]))

    def _system(self) -> Tokens:
        return self._maybe(self._rng.choice(_SYSTEMS), ",", chance=0.4)

    def _position(self, scope: Scope) -> Tokens:
        return [*self._inside(lambda: self.num(scope)), ",", *self._latitude(scope)]

    def _literal_point(self, scope: Scope) -> Tokens:
        return ["POINT", "(", *self._system(), *self._position(scope), ")"]

    def pt(self, scope: Scope) -> Tokens:
        """pt = POINT | CENTROID | udf | column."""
        columns = scope.columns(POINT)
        makers = [lambda: self._literal_point(scope)]
        if columns:
            makers.append(lambda: [*self._rng.choice(columns)])
        if not self._is_deep():
            makers.append(lambda: ["CENTROID", "(", *self._inside(lambda: self.geo(scope)), ")"])
        if self._is_open:
            makers.append(lambda: self._udf(scope))
        return self._inside(self._rng.choice(makers))

    def point(self, scope: Scope) -> Tokens:
        """Draw a value of kind point."""
        if self._is_deep():
            return self.pt(scope)
        return self._one(
            lambda: self.pt(scope),
            lambda: self.pt(scope),
            lambda: ["(", *self.pt(scope), ")"],
            lambda: ["CAST", "(", "'12.3 45.6'", "AS", "POINT", ")"],
            lambda: ["COALESCE", "(", *self._list(lambda: self.pt(scope), 1, 2), ")"],
        )

    def geo(self, scope: Scope) -> Tokens:
        """Draw a geometry of any shape."""
        if self._is_deep():
            return self.pt(scope)
        self._depth -= 1
        try:
            return self._one(
                lambda: self.point(scope),
                lambda: [
                    "CIRCLE",
                    "(",
                    *self._system(),
                    *self._centre(scope),
                    ",",
                    self._rng.choice(("1", ".5", "1E-3", "180")),
                    ")",
                ],
                lambda: [
                    "BOX",
                    "(",
                    *self._system(),
                    *self._centre(scope),
                    ",",
                    *self.num(scope),
                    ",",
                    *self.num(scope),
                    ")",
                ],
                lambda: ["POLYGON", "(", *self._system(), *self._corners(scope), ")"],
                lambda: ["REGION", "(", "'Circle ICRS 1 2 3'", ")"],
                lambda: ["CAST", "(", "'1 2 3'", "AS", "CIRCLE", ")"],
                lambda: ["CAST", "(", "'1 2 3 4 5 6'", "AS", "POLYGON", ")"],
            )
        finally:
            self._depth += 1

    def _centre(self, scope: Scope) -> Tokens:
        return self._position(scope) if self._rng.random() < 0.5 else self.pt(scope)

    def _corners(self, scope: Scope) -> Tokens:
        n_corners = self._rng.randint(3, 5)
        if self._rng.random() < 0.5:
            return self._list(lambda: self._position(scope), n_corners, n_corners)
        return self._list(lambda: self.pt(scope), n_corners, n_corners)


def _beside(scope: Scope, more: Scope) -> None:
    """Put tables beside those of a scope; names of both sides need qualifiers, merged ones cannot be used at all."""
    both = set(scope.names()) & set(more.names())
    merged = {name for name, _ in (*scope.merged, *more.merged)}
    scope.blocked |= more.blocked | (both & merged)
    scope.relations = [*scope.relations, *more.relations]
    scope.merged = [*scope.merged, *more.merged]


def _commas(names: list[str]) -> Iterator[str]:
    for i, name in enumerate(names):
        if i:
            yield ","
        yield name


# -------------------------------------------------------------------------------------------------------- text

_SPACES: Final = (" ", "  ", "\n", "\t", "\r\n", " -- a 'comment\n", "--\n", ' \n -- "\n')


def _need_space(left: str, right: str) -> bool:
    """Tell whether two tokens would become others if they touched."""
    is_word = left[-1].isalnum() or left[-1] == "_" or (left[-1] == "." and left != ".")
    begins_word = right[0].isalnum() or right[0] == "_" or (right[0] == "." and len(right) > 1)
    if is_word and begins_word:
        return True
    if left[-1] in "'\"" and right[0] == left[-1]:
        return True
    if left == "." or right == ".":
        return (left[-1].isdigit() and left[0].isdigit()) or right[0].isdigit()
    return (
        left + right in {"--", "<>", "<=", ">=", "!=", "<=>"} or (left == "/" and right == "*") or left == right == "|"
    )


def written(tokens: Tokens, rng: Random) -> str:
    """Write tokens as a text: words in any case, separators where they must be and where they may be."""
    style = rng.choice(("plain", "tight", "wild"))
    text = rng.choice(_SPACES) if style == "wild" else ""
    for left, right in zip(tokens, [*tokens[1:], None], strict=True):
        text += _cased(left, rng) if style != "plain" else left
        if right is None:
            break
        must = _need_space(left, right)
        if style == "plain":
            text += "" if left == "." or right == "." else " "
        elif style == "tight":
            text += " " if must else ""
        else:
            space = rng.choice(_SPACES) if must or rng.random() < 0.5 else ""
            text += " " + space if left == "-" and space.startswith("--") else space
    return text + (rng.choice(("", " ", "\n", " -- the end", "-- the end\n")) if style == "wild" else "")


def _cased(token: str, rng: Random) -> str:
    if token[0].isalpha() and token[0].isascii():
        return rng.choice((token, token.lower(), token.upper(), token.title()))
    return token
