"""Lowering: a resolved query becomes the SQL of a database, through sqlglot's expression tree.

Rules (one per kind of node, in ``values``, ``conditions``, ``queries`` and ``spatial``) are generators: a rule asks
for a part of the tree by yielding an :class:`Ask` and is sent the lowered part. A loop runs them, so nothing here
recurses however deep a query is nested; sqlglot's generator does, and therefore sees deep trees in slices
(:meth:`Lowering.lowered`). Nothing that the user wrote reaches the SQL but literals and the names in the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlglot import exp

from vo_server.adql.tree import (
    ColumnName,
    Expression,
    Joined,
    JoinKind,
    NullLiteral,
    Select,
    SetOperation,
    StringLiteral,
)
from vo_server.engine.fold import unwrapped
from vo_server.engine.grammar import writer_of
from vo_server.engine.sqltree import column, wrapped
from vo_server.engine.templates import Template
from vo_server.errors import AdqlError, Problem, ProblemKind
from vo_server.model.datatype import DataType, Primitive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vo_server.adql.resolved import BoundColumn, MergedColumn, ResolvedQuery, Source
    from vo_server.adql.tree import Call, Condition, CteDefinition, Node
    from vo_server.engine.dialect import SqlDialect
    from vo_server.errors import Span
    from vo_server.model.table import Column, Table
    from vo_server.sky.polygon import Polygon

__all__ = ["Ask", "Lowering", "Rule", "Steps", "generate", "refusal", "unsupported"]

MAX_SQL_CHARACTERS: Final = 4_000_000
"""Most SQL that functions may add up to: each that uses its argument twice doubles what is in it."""

_SLICE_DEPTH: Final = 10
"""Levels of the query after which the SQL so far is written out: sqlglot needs about 30 Python frames a level."""


_TEXT: Final = DataType(Primitive.CHAR, "*")


@dataclass(frozen=True)
class Ask:
    """A part of the tree that a rule needs lowered."""

    node: Node
    is_positive: bool = True
    """False inside NOT, where false and unknown must not be mixed up; conditions may do so elsewhere."""
    targets: tuple[Column, ...] = ()
    """Columns that the rows of a query block must fit, in set operations."""
    limit: int | None = None
    """Most rows that a query may give."""
    looked_up: str = ""
    """For the condition of an outer join: the alias whose rows are looked up for each row of the other side."""
    repeatable: frozenset[str] = frozenset()
    """For conditions that every row must meet: aliases whose rows may occur more than once before, each time with
    another value that a condition can ask for."""


Steps: TypeAlias = Generator[Ask, exp.Expr, exp.Expr]
Rule: TypeAlias = Callable[["Lowering", Any, Ask], "Steps | exp.Expr"]
"""Gives the lowered node at once, or the generator that makes it."""


@dataclass
class _Frame:
    steps: Steps
    is_open: bool
    """Whether the rule that asked goes on to change the answer, as ORDER BY changes a query block."""
    depth: int = 0
    """Levels of unwritten tree below."""


class Lowering:
    """One query on its way to the SQL of one database.

    Parameters
    ----------
    query
        The resolved query.
    dialect
        The database's differences.
    relation
        Gives the quoted SQL name of a table's rows.
    rules
        Rule per type of node.
    """

    def __init__(
        self,
        query: ResolvedQuery,
        dialect: SqlDialect,
        relation: Callable[[Table], str],
        rules: Mapping[type[Node], Rule],
    ) -> None:
        self.query = query
        self.dialect = dialect
        self.relation = relation
        self.items: dict[str, exp.Table | exp.Subquery] = {}
        """Tables and subqueries in FROM by their aliases."""
        self.filters: dict[Condition, exp.Expr] = {}
        """What a spatial index serves of a condition, in what was written of it, for OR to join."""
        self.for_few: set[Call] = set()
        """DISTANCEs that are computed for the few rows that a spatial index leaves."""
        self._rules = rules
        self._generator = writer_of(dialect.name)
        self._characters = 0
        self._cte_names: dict[CteDefinition, str] = {}
        self._positions: dict[Source, dict[str, str]] = {}

    # ------------------------------------------------------------------------------------------- running rules

    def lowered(self, ask: Ask) -> exp.Expr:
        """Run the rules from the root; returns a tree of bounded depth."""
        stack: list[_Frame] = []
        answer: Any = None
        wanted: Ask | None = ask
        while wanted is not None or stack:
            if wanted is not None:
                answer = self._rules[type(wanted.node)](self, wanted.node, wanted)
                if not isinstance(answer, exp.Expr):
                    is_open = isinstance(wanted.node, (Select, SetOperation, Joined))
                    stack.append(_Frame(answer, is_open))
                    answer = None
            frame = stack[-1]
            try:
                wanted = frame.steps.send(answer)
            except StopIteration as done:
                wanted = None
                stack.pop()
                answer = self._sliced(frame, done.value, stack)
        lowered: exp.Expr = answer
        return lowered

    def _sliced(self, frame: _Frame, answer: exp.Expr, stack: list[_Frame]) -> exp.Expr:
        """Write an answer out as text when its tree has become deep."""
        depth = frame.depth + 1
        if depth >= _SLICE_DEPTH and stack and not frame.is_open:
            answer, depth = self.written(answer), 0
        if stack:
            stack[-1].depth = max(stack[-1].depth, depth)
        return answer

    def written(self, value: exp.Expr) -> exp.Expr:
        """Write a value out: what comes back has no depth and can stand anywhere."""
        return exp.Var(this=self.sql(wrapped(value)))

    def sql(self, tree: exp.Expr) -> str:
        """Write a tree, which is used up."""
        return self._generator.generate(tree, copy=False)

    def filled(self, template: str, arguments: Mapping[str, exp.Expr]) -> exp.Expr:
        """Put lowered values, which are used up, into a template with ``{name}`` for each argument.

        Raises
        ------
        AdqlError
            Of kind ``limit``, when functions that use an argument often are nested until the SQL is too long.
        """
        texts = {name: self.sql(wrapped(value)) for name, value in arguments.items()}
        text = Template.of(template, self.dialect.name).filled(texts)
        self._count(len(text))
        return exp.Var(this=text)

    def note_filter(self, node: Condition, filters: Sequence[exp.Expr]) -> None:
        """Remember the filter of a condition, where the database does not find it inside OR.

        Of several conditions the first is kept: DuckDB reads less for an OR only when it is about one column.
        """
        if filters and not self.dialect.finds_filters_in_or:
            first = filters[0]
            while isinstance(first, exp.And):
                first = first.this
            self.filters[node] = first

    def let(self, values: Mapping[str, exp.Expr], body: str) -> exp.Expr:
        """Give values, which are used up, names that SQL calls ``v.name``; each is computed once."""
        text = self.dialect.let({name: self.sql(wrapped(value)) for name, value in values.items()}, body)
        self._count(len(text))
        return exp.Var(this=text)

    def edges(self, polygon: Polygon) -> exp.Expr:
        """Return the edges of a polygon that is known, as the functions of shapes take them."""
        text = self.dialect.edges(polygon)
        self._count(len(text))
        return exp.Var(this=text)

    def in_polygon(self, lon: exp.Expr, lat: exp.Expr, polygon: Polygon) -> exp.Expr:
        """Ask whether a position, whose values are used up, is in a polygon that is known."""
        text = self.dialect.in_polygon(self.sql(wrapped(lon)), self.sql(wrapped(lat)), polygon)
        self._count(len(text))
        return exp.Var(this=text)

    def duplicate(self, value: exp.Expr) -> exp.Expr:
        """Copy a lowered value, within the same bound."""
        copy = value.copy()
        self._count(sum(len(node.this) if isinstance(node, exp.Var) else 1 for node in copy.walk()))
        return copy

    def _count(self, n_characters: int) -> None:
        self._characters += n_characters
        if self._characters > MAX_SQL_CHARACTERS:
            message = "functions are nested so deep that their SQL grows out of bounds"
            hint = "compute inner values in a subquery"
            raise refusal(ProblemKind.LIMIT, message, self.query.tree.span, hint=hint)

    # ------------------------------------------------------------------------------------------ facts and names

    def type_of(self, node: Expression) -> DataType | None:
        """Return the type of a value; None for NULL and where it is not known."""
        bare = unwrapped(node)
        if isinstance(bare, NullLiteral):
            return None
        if isinstance(bare, StringLiteral):
            # Resolution gives it the type of what it is compared with; in SQL it is text until it is cast.
            return _TEXT
        column = self.query.values.get(node) or self.query.values.get(bare)
        if column is None and isinstance(bare, ColumnName):
            column = self.query.names[bare].column
        return None if column is None else column.datatype

    def cte_name(self, cte: CteDefinition) -> str:
        """Return the name of a common table expression in the SQL."""
        return self._cte_names.setdefault(cte, f"w{len(self._cte_names) + 1}")

    def bound(self, bound: BoundColumn) -> exp.Expr:
        """Return a column of a source: by its own name in a table, by its position in a subquery."""
        source = bound.source
        if source.table is not None:
            stored = column(source.alias, self.dialect.stored_name(source.table, bound.column))
            return self.dialect.read(stored, bound.column)
        positions = self._positions.get(source)
        if positions is None:
            positions = {one.name: f"c{at}" for at, one in enumerate(source.columns, start=1)}
            self._positions[source] = positions
        return column(source.alias, positions[bound.column.name])

    def merged(self, merged: MergedColumn) -> exp.Expr:
        """Return a column of a NATURAL or USING join: the first of its parts that is not NULL."""
        parts = [self.bound(part) for part in self._needed(merged.parts)]
        return parts[0] if len(parts) == 1 else exp.Coalesce(this=parts[0], expressions=parts[1:])

    def _needed(self, parts: tuple[BoundColumn, ...]) -> list[BoundColumn]:
        """Leave out the parts that cannot matter, so that indexes serve the column as they serve any other."""
        needed: list[BoundColumn] = []
        for part in parts:
            kind = self._join_kinds.get(part.source)
            if kind is JoinKind.RIGHT:
                needed = [part]
            elif not needed or kind not in {JoinKind.INNER, JoinKind.LEFT}:
                needed.append(part)
        return needed

    @cached_property
    def _join_kinds(self) -> dict[Source, JoinKind]:
        """How each table came into a chain of NATURAL and USING joins; empty when such joins are nested."""
        if any(isinstance(join.right, Joined) for join in self.query.merged):
            return {}
        return {self.query.sources[join.right]: join.kind for join in self.query.merged}


def refusal(kind: ProblemKind, message: str, span: Span, *, token: str = "", hint: str | None = None) -> AdqlError:
    """Return an error about one place of the query."""
    return AdqlError([Problem(kind, message, span, token, hint)])


def unsupported(what: str, span: Span, *, token: str = "", hint: str | None = None) -> AdqlError:
    """Return the error for something that this engine cannot do."""
    return refusal(ProblemKind.UNSUPPORTED, f"{what} is not supported yet on this engine", span, token=token, hint=hint)


def generate(
    query: ResolvedQuery,
    dialect: SqlDialect,
    *,
    limit: int | None,
    relation: Callable[[Table], str],
    rules: Mapping[type[Node], Rule],
) -> str:
    """Write a query in the SQL of a database.

    Parameters
    ----------
    query
        The resolved query.
    dialect
        The database's differences.
    limit
        Most rows to give; the smaller one of this and the query's own TOP holds.
    relation
        Gives the quoted SQL name of a table's rows.
    rules
        Rule per type of node.

    Raises
    ------
    AdqlError
        Of kind ``unsupported`` for what the engine cannot do, ``type`` for coordinates off the sky.
    """
    lowering = Lowering(query, dialect, relation, rules)
    return lowering.sql(lowering.lowered(Ask(query.tree, limit=limit)))
