"""Our typed tree of an ADQL query, as the text says it.

Nodes are immutable and know where they stand in the text. They compare by identity, so that facts found
out later (which column a name means, the type of an expression) are kept beside the tree, keyed by node
(see :mod:`vo_server.adql.resolved`), and formatting or checking the same tree needs no copy of it.

Chains of one precedence (``a + b - c``, ``x OR y OR z``, joins, set operations) are one node with many
operands, so that the depth of a tree is the nesting that the user wrote, never the length of a list.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.errors import Span

__all__ = [
    "Aggregate", "And", "Arithmetic", "BareCondition", "Between", "BooleanLiteral", "Call", "Case", "Cast",
    "ColumnName", "Comparison", "Concatenation", "Condition", "CteDefinition", "DerivedTable", "Exists",
    "Expression", "Identifier", "InList", "InQuery", "IsNull", "Join", "JoinKind", "Joined", "Like", "Node",
    "Not", "NullLiteral", "NumberLiteral", "Or", "OrderTerm", "Parenthesised", "QueryNode", "ScalarQuery",
    "Select", "SelectItem", "SetOperation", "SetOperator", "Signed", "Star", "StringLiteral", "Subscript",
    "TableName", "TableReference", "TypeName", "children", "same",
]  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Node:
    """Anything in the tree."""

    span: Span


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Identifier(Node):
    """One name. ``name`` is bare: quotes taken off, doubled quotes undone."""

    name: str
    is_delimited: bool = False


# ---------------------------------------------------------------------------------------------------- values


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Expression(Node):
    """Anything with a value."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class NumberLiteral(Expression):
    """A number as written: ``12``, ``12.5``, ``.5``, ``1e-3``; the sign is never part of it."""

    text: str

    @property
    def is_integer(self) -> bool:
        """True when the literal has neither a point nor an exponent."""
        return self.text.isdigit()


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class StringLiteral(Expression):
    """A string; doubled quotes undone."""

    value: str


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class NullLiteral(Expression):
    """``NULL``."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class BooleanLiteral(Expression):
    """``TRUE`` or ``FALSE`` (lenient)."""

    value: bool


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ColumnName(Expression):
    """A column, with up to three qualifiers (catalogue, schema, table or correlation name)."""

    parts: tuple[Identifier, ...]

    @property
    def name(self) -> Identifier:
        """The column's own name."""
        return self.parts[-1]

    @property
    def qualifier(self) -> tuple[Identifier, ...]:
        """What stands before the name."""
        return self.parts[:-1]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Parenthesised(Expression):
    """A value in parentheses; kept, because the user's grouping is also what we write out."""

    inner: Expression


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Signed(Expression):
    """``+x`` or ``-x``."""

    sign: str
    operand: Expression


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Arithmetic(Expression):
    """A chain of ``+ -`` or of ``* /`` (and ``%``, lenient), evaluated from left to right."""

    operands: tuple[Expression, ...]
    operators: tuple[str, ...]
    """One fewer than the operands."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Concatenation(Expression):
    """``a || b || c``."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Call(Expression):
    """A function of the language, a geometry or a user-defined function, but not an aggregate of SQL-92."""

    name: str
    """As written; compare in upper case."""
    arguments: tuple[Expression, ...]
    name_span: Span


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Aggregate(Expression):
    """``COUNT``, ``SUM``, ``AVG``, ``MIN`` or ``MAX``."""

    name: str
    """In upper case."""
    argument: Expression | None
    """None for ``COUNT(*)``."""
    is_distinct: bool = False


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TypeName(Node):
    """Target of a CAST: a key of ``ADQL_CAST_TYPES`` and the length of CHAR and VARCHAR."""

    name: str
    length: int | None = None


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Cast(Expression):
    """``CAST(x AS type)``."""

    operand: Expression
    target: TypeName


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Subscript(Expression):
    """``a[1]`` or ``a[system::element]`` (lenient); ``index`` is a number literal or a name."""

    array: Expression
    index: Expression


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Case(Expression):
    """``CASE [operand] WHEN ... THEN ... ELSE ... END`` (lenient)."""

    operand: Expression | None
    whens: tuple[tuple[Condition | Expression, Expression], ...]
    default: Expression | None


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ScalarQuery(Expression):
    """A subquery where a value is expected (lenient)."""

    query: QueryNode


# ------------------------------------------------------------------------------------------------ conditions


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Condition(Node):
    """Anything that is true, false or unknown."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Or(Condition):
    """Two or more conditions joined by OR."""

    operands: tuple[Condition, ...]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class And(Condition):
    """Two or more conditions joined by AND."""

    operands: tuple[Condition, ...]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Not(Condition):
    """``NOT condition``."""

    operand: Condition


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Comparison(Condition):
    """``left operator right``; the operator is one of ``= <> < > <= >=`` (``!=`` is read as ``<>``)."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Between(Condition):
    """``x [NOT] BETWEEN low AND high``."""

    operand: Expression
    low: Expression
    high: Expression
    is_negated: bool = False


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class InList(Condition):
    """``x [NOT] IN (a, b, ...)``."""

    operand: Expression
    items: tuple[Expression, ...]
    is_negated: bool = False


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class InQuery(Condition):
    """``x [NOT] IN (SELECT ...)``."""

    operand: Expression
    query: QueryNode
    is_negated: bool = False


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Like(Condition):
    """``x [NOT] LIKE pattern`` or ``ILIKE``."""

    operand: Expression
    pattern: Expression
    is_negated: bool = False
    ignores_case: bool = False


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class IsNull(Condition):
    """``x IS [NOT] NULL``."""

    operand: Expression
    is_negated: bool = False


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Exists(Condition):
    """``EXISTS (SELECT ...)``."""

    query: QueryNode


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class BareCondition(Condition):
    """A value used as a condition: ``WHERE CONTAINS(...)``, ``WHERE is_star`` (lenient): true when not 0."""

    value: Expression


# ---------------------------------------------------------------------------------------------------- tables


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TableReference(Node):
    """One entry of FROM."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TableName(TableReference):
    """``[[catalogue.]schema.]table [[AS] alias]``."""

    parts: tuple[Identifier, ...]
    alias: Identifier | None = None


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class DerivedTable(TableReference):
    """``(SELECT ...) AS alias``."""

    query: QueryNode
    alias: Identifier | None
    """None is an error that is reported when the query is resolved."""


class JoinKind(StrEnum):
    """Kinds of joins."""

    INNER = "INNER"
    LEFT = "LEFT"
    RIGHT = "RIGHT"
    FULL = "FULL"
    CROSS = "CROSS"


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Join(Node):
    """One step of a chain of joins: what is joined to everything on its left, and how."""

    kind: JoinKind
    right: TableReference
    is_natural: bool = False
    condition: Condition | None = None
    using: tuple[Identifier, ...] = ()


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Joined(TableReference):
    """``first JOIN a ... JOIN b ...``, from left to right; in parentheses it may have an alias."""

    first: TableReference
    joins: tuple[Join, ...]
    alias: Identifier | None = None


# --------------------------------------------------------------------------------------------------- queries


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Star(Node):
    """``*`` or ``qualifier.*`` in a select list."""

    qualifier: tuple[Identifier, ...] = ()


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SelectItem(Node):
    """One expression of a select list."""

    value: Expression
    alias: Identifier | None = None


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Select(Node):
    """``SELECT ... FROM ... WHERE ... GROUP BY ... HAVING ...``."""

    items: tuple[Star | SelectItem, ...]
    tables: tuple[TableReference, ...]
    """Entries of FROM, separated by commas."""
    where: Condition | None = None
    group_by: tuple[Expression, ...] = ()
    having: Condition | None = None
    is_distinct: bool = False
    top: int | None = None


class SetOperator(StrEnum):
    """Set operators; INTERSECT binds tighter than the others."""

    UNION = "UNION"
    EXCEPT = "EXCEPT"
    INTERSECT = "INTERSECT"


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SetOperation(Node):
    """A chain of set operations of one precedence, from left to right."""

    operands: tuple[Select | SetOperation | QueryNode, ...]
    operators: tuple[tuple[SetOperator, bool], ...]
    """One fewer than the operands: (operator, True for ALL)."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class OrderTerm(Node):
    """One term of ORDER BY; an integer literal is the ordinal of an output column."""

    value: Expression
    is_descending: bool = False


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class CteDefinition(Node):
    """``name AS (SELECT ...)`` of a WITH clause."""

    name: Identifier
    query: QueryNode


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class QueryNode(Node):
    """A whole query or a subquery: body, order, offset; ``limit`` is the lenient LIMIT clause."""

    body: Select | SetOperation
    order_by: tuple[OrderTerm, ...] = ()
    offset: int | None = None
    limit: int | None = None
    limit_span: Span | None = None
    ctes: tuple[CteDefinition, ...] = ()


_PLAIN_TYPES: Final = frozenset({"Span", "Span | None", "str", "bool", "int | None", "tuple[str, ...]", "JoinKind"})

_known_fields: dict[type[Node], tuple[str, ...]] = {}


def _fields_with_nodes(kind: type[Node]) -> tuple[str, ...]:
    """Return the fields of a type of node that can hold nodes."""
    found = _known_fields.get(kind)
    if found is None:
        found = tuple(field.name for field in fields(kind) if field.type not in _PLAIN_TYPES)
        _known_fields[kind] = found
    return found


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes directly inside a node, in the order of its fields."""
    for name in _fields_with_nodes(type(node)):
        stack = [getattr(node, name)]
        while stack:
            value = stack.pop()
            if isinstance(value, Node):
                yield value
            elif isinstance(value, tuple):
                stack.extend(reversed(value))


def same(one: Node, other: Node) -> bool:
    """Tell whether two trees say the same, wherever their parts stand in their texts.

    Names are compared as they are written, names of functions without case.
    """
    pairs: list[tuple[object, object]] = [(one, other)]
    while pairs:
        left, right = pairs.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, tuple) and isinstance(right, tuple):
            if len(left) != len(right):
                return False
            pairs.extend(zip(left, right, strict=True))
        elif isinstance(left, Node):
            is_call = isinstance(left, Call)
            for field in fields(left):
                values = getattr(left, field.name), getattr(right, field.name)
                if is_call and field.name == "name":
                    pairs.append((values[0].upper(), values[1].upper()))
                elif not field.name.endswith("span"):
                    pairs.append(values)
        elif left != right:
            return False
    return True
