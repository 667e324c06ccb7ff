"""The tree builder: one method for each rule of the grammar, called while the parser runs.

Each method gets the children of its rule in order, tokens included, with None for an optional part that is
not there. The methods have no state, so one builder serves all threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NoReturn

from vo_server.adql import tree
from vo_server.adql.q3c import condition_of_call, condition_of_comparison
from vo_server.adql.tokens import Token
from vo_server.errors import AdqlError, Problem, ProblemKind, Span

__all__ = ["Builder", "Subquery"]

Children = list[Any]
"""Tokens and what the methods return; lark knows no more."""

MAX_QUALIFIERS: Final = 3
MAX_INTEGER: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Subquery:
    """A query and the place of its parentheses."""

    query: tree.QueryNode
    span: Span


@dataclass(frozen=True, slots=True)
class _OrderBy:
    terms: tuple[tree.OrderTerm, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class _Offset:
    value: int
    span: Span


@dataclass(frozen=True, slots=True)
class _Limit:
    value: int
    span: Span


@dataclass(frozen=True, slots=True)
class _With:
    ctes: tuple[tree.CteDefinition, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class _Chain:
    """Names joined by points."""

    names: tuple[tree.Identifier, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class _When:
    test: tree.Condition | tree.Expression
    value: tree.Expression
    span: Span


def _span(children: Children) -> Span:
    """Return the span from the first child to the last one that is there."""
    there = [child for child in children if child is not None]
    start: Span = there[0].span
    return start.to(there[-1].span)


def _fail(message: str, span: Span, token: str = "", hint: str | None = None) -> NoReturn:
    raise AdqlError([Problem(ProblemKind.SYNTAX, message, span, token, hint)])


def _integer(token: Token) -> int:
    value = int(token.text) if len(token.text) <= len(str(MAX_INTEGER)) else MAX_INTEGER + 1
    if value > MAX_INTEGER:
        _fail(f"the integer {token.text[:20]}... is too large", token.span, token.text)
    return value


def _only(children: Children, kind: type) -> Children:
    return [child for child in children if isinstance(child, kind)]


class Builder:
    """Methods named as the rules and aliases of ``grammar.lark``."""

    # ------------------------------------------------------------------------------------------------ queries

    def start(self, children: Children) -> tree.QueryNode:
        """Return the whole query."""
        (query,) = children
        assert isinstance(query, tree.QueryNode)
        return query

    def start_subquery(self, children: Children) -> tree.QueryNode:
        """Return a query that stands in parentheses as a whole."""
        (subquery,) = children
        assert isinstance(subquery, Subquery)
        return subquery.query

    def query(self, children: Children) -> tree.QueryNode:
        """Put body, order, offset and limit together."""
        return self._query(children, ())

    def query_with(self, children: Children) -> tree.QueryNode:
        """Put a query with common tables together."""
        with_clause, *rest = children
        return self._query(rest, with_clause.ctes, with_clause.span)

    def _query(
        self, children: Children, ctes: tuple[tree.CteDefinition, ...], start: Span | None = None
    ) -> tree.QueryNode:
        body = children[0]
        span = _span(children)
        if isinstance(body, Subquery):
            body = _select_all(_as_derived_table(body), body.span)
        return tree.QueryNode(
            span=span if start is None else start.to(span),
            body=body,
            order_by=next((one.terms for one in _only(children, _OrderBy)), ()),
            offset=next((one.value for one in _only(children, _Offset)), None),
            limit=next((one.value for one in _only(children, _Limit)), None),
            limit_span=next((one.span for one in _only(children, _Limit)), None),
            ctes=ctes,
        )

    def with_clause(self, children: Children) -> _With:
        """Collect the common tables."""
        return _With(tuple(_only(children, tree.CteDefinition)), _span(children))

    def common_table(self, children: Children) -> tree.CteDefinition:
        """Name AS (query)."""
        name, _, subquery = children
        return tree.CteDefinition(span=_span(children), name=name, query=subquery.query)

    def order_by(self, children: Children) -> _OrderBy:
        """Collect the terms."""
        return _OrderBy(tuple(_only(children, tree.OrderTerm)), _span(children))

    def order_term(self, children: Children) -> tree.OrderTerm:
        """Order by a value, smallest first."""
        return tree.OrderTerm(span=_span(children), value=children[0])

    order_ascending = order_term

    def order_descending(self, children: Children) -> tree.OrderTerm:
        """Order by a value, largest first."""
        return tree.OrderTerm(span=_span(children), value=children[0], is_descending=True)

    def offset(self, children: Children) -> _Offset:
        """OFFSET n."""
        return _Offset(_integer(children[1]), _span(children))

    def limit(self, children: Children) -> _Limit:
        """LIMIT n."""
        return _Limit(_integer(children[1]), _span(children))

    def union(self, children: Children) -> tree.SetOperation:
        """Chain set operations of one precedence."""
        operands = [one.query if isinstance(one, Subquery) else one for one in children[::2]]
        return tree.SetOperation(
            span=_span(children), operands=tuple(operands), operators=tuple(one.meaning for one in children[1::2])
        )

    intersection = union

    def union_operator(self, children: Children) -> _SetOperatorAt:
        """UNION or EXCEPT, with or without ALL."""
        return _SetOperatorAt((tree.SetOperator(children[0].word), len(children) > 1), _span(children))

    intersect_operator = union_operator

    def subquery(self, children: Children) -> Subquery:
        """Take a query out of its parentheses."""
        _, inner, _ = children
        return Subquery(inner.query if isinstance(inner, Subquery) else inner, _span(children))

    def select(self, children: Children) -> tree.Select:
        """SELECT ... FROM ... WHERE ... GROUP BY ... HAVING ..."""
        _, quantifier, limit, items, tables, where, group_by, having = children
        return tree.Select(
            span=_span(children),
            items=tuple(_only(items.children, tree.Node)),
            tables=tuple(_only(tables.children, tree.TableReference)),
            where=None if where is None else where.children[1],
            group_by=() if group_by is None else tuple(_only(group_by.children, tree.Expression)),
            having=None if having is None else having.children[1],
            is_distinct=quantifier is not None and quantifier.children[0].type == "DISTINCT",
            top=None if limit is None else _integer(limit.children[1]),
        )

    def _clause(self, children: Children) -> _Clause:
        return _Clause(children, _span(children))

    set_quantifier = set_limit = select_list = where = group_by = having = _clause

    def star(self, children: Children) -> tree.Star:
        """All columns."""
        return tree.Star(span=_span(children))

    def qualified_star(self, children: Children) -> tree.Star:
        """All columns of one table."""
        chain, _, _ = children
        _check_length(chain, MAX_QUALIFIERS, "the name of a table has at most catalogue, schema and table")
        return tree.Star(span=_span(children), qualifier=chain.names)

    def select_item(self, children: Children) -> tree.SelectItem:
        """Select a value."""
        return tree.SelectItem(span=_span(children), value=children[0])

    def select_item_named(self, children: Children) -> tree.SelectItem:
        """Select a value under a name."""
        return tree.SelectItem(span=_span(children), value=children[0], alias=children[-1])

    # ------------------------------------------------------------------------------------------------- tables

    def joined_table(self, children: Children) -> tree.Joined:
        """Chain joins."""
        first, *joins = children
        return tree.Joined(span=_span(children), first=first, joins=tuple(joins))

    def join_on(self, children: Children) -> tree.Join:
        """Join on a condition."""
        kind, _, right, _, condition = children
        return tree.Join(span=_span(children), kind=_kind(kind), right=right, condition=condition)

    def join_using(self, children: Children) -> tree.Join:
        """Join on columns of the same name."""
        kind, _, right, _, _, *names = children
        return tree.Join(
            span=_span(children), kind=_kind(kind), right=right, using=tuple(_only(names, tree.Identifier))
        )

    def join_natural(self, children: Children) -> tree.Join:
        """Join on all columns of the same name."""
        _, kind, _, right = children
        return tree.Join(span=_span(children), kind=_kind(kind), right=right, is_natural=True)

    def join_cross(self, children: Children) -> tree.Join:
        """Join everything with everything."""
        return tree.Join(span=_span(children), kind=tree.JoinKind.CROSS, right=children[-1])

    join_type = _clause

    def table_name(self, children: Children) -> tree.TableName:
        """Name a published table or a common table."""
        chain = children[0]
        _check_length(chain, MAX_QUALIFIERS, "the name of a table has at most catalogue, schema and table")
        alias = children[-1] if len(children) > 1 else None
        return tree.TableName(span=_span(children), parts=chain.names, alias=alias)

    table_name_named = table_name

    def derived_table(self, children: Children) -> tree.DerivedTable:
        """Read from a subquery."""
        alias = children[-1] if len(children) > 1 else None
        return tree.DerivedTable(span=_span(children), query=children[0].query, alias=alias)

    derived_table_named = derived_table

    def parenthesised_join(self, children: Children) -> tree.Joined:
        """Join in parentheses."""
        return _with_alias(_only(children, tree.Joined)[0], None, _span(children))

    def parenthesised_join_named(self, children: Children) -> tree.Joined:
        """Join in parentheses under a name."""
        return _with_alias(_only(children, tree.Joined)[0], children[-1], _span(children))

    def chain(self, children: Children) -> _Chain:
        """Begin a chain of names."""
        return _Chain((children[0],), children[0].span)

    def chain_longer(self, children: Children) -> _Chain:
        """Add a name to a chain."""
        chain, _, name = children
        if len(chain.names) > MAX_QUALIFIERS:
            _check_length(_Chain((*chain.names, name), _span(children)), MAX_QUALIFIERS + 1, _COLUMN_PARTS)
        return _Chain((*chain.names, name), _span(children))

    def identifier(self, children: Children) -> tree.Identifier:
        """Take the quotes off a name."""
        (token,) = children
        if token.type == "DELIMITED":
            return tree.Identifier(span=token.span, name=token.text[1:-1].replace('""', '"'), is_delimited=True)
        return tree.Identifier(span=token.span, name=token.text)

    # --------------------------------------------------------------------------------------------- conditions

    def or_condition(self, children: Children) -> tree.Or:
        """Join conditions by OR."""
        return tree.Or(span=_span(children), operands=tuple(children[::2]))

    def and_condition(self, children: Children) -> tree.And:
        """Join conditions by AND."""
        return tree.And(span=_span(children), operands=tuple(children[::2]))

    def not_condition(self, children: Children) -> tree.Not:
        """Turn a condition round."""
        return tree.Not(span=_span(children), operand=children[1])

    def parenthesised_condition(self, children: Children) -> tree.Condition:
        """Take a condition out of its parentheses."""
        condition = children[1]
        assert isinstance(condition, tree.Condition)
        return condition

    def bare_condition(self, children: Children) -> tree.Condition:
        """Use a value as a condition."""
        condition = condition_of_call(children[0], _span(children))
        return condition or tree.BareCondition(span=_span(children), value=children[0])

    def comparison(self, children: Children) -> tree.Condition:
        """Compare two values."""
        left, operator, right = children
        symbol = "<>" if operator.text == "!=" else operator.text
        node = tree.Comparison(span=_span(children), operator=symbol, left=left, right=right)
        return condition_of_comparison(node) or node

    def between(self, children: Children) -> tree.Between:
        """Compare with two bounds."""
        operand, negation, _, low, _, high = children
        return tree.Between(span=_span(children), operand=operand, low=low, high=high, is_negated=negation is not None)

    def in_list(self, children: Children) -> tree.InList | tree.InQuery:
        """Compare with a list."""
        operand, negation, _, _, *items, _ = children
        return tree.InList(
            span=_span(children),
            operand=operand,
            items=tuple(_only(items, tree.Expression)),
            is_negated=negation is not None,
        )

    def in_query(self, children: Children) -> tree.InQuery:
        """Compare with the rows of a subquery."""
        operand, negation, _, subquery = children
        return tree.InQuery(
            span=_span(children), operand=operand, query=subquery.query, is_negated=negation is not None
        )

    def like(self, children: Children) -> tree.Like:
        """Compare with a pattern."""
        operand, negation, word, pattern = children
        return tree.Like(
            span=_span(children),
            operand=operand,
            pattern=pattern,
            is_negated=negation is not None,
            ignores_case=word.type == "ILIKE",
        )

    def is_null(self, children: Children) -> tree.IsNull:
        """Ask for NULL."""
        operand, _, negation, _ = children
        return tree.IsNull(span=_span(children), operand=operand, is_negated=negation is not None)

    def exists(self, children: Children) -> tree.Exists:
        """Ask whether a subquery has rows."""
        return tree.Exists(span=_span(children), query=children[1].query)

    def join_subquery(self, children: Children) -> Subquery:
        """Read all rows of a join."""
        (joined,) = _only(children, tree.Joined)
        span = _span(children)
        body = _select_all(joined, span)
        return Subquery(tree.QueryNode(span=span, body=body), span)

    # ------------------------------------------------------------------------------------------------- values

    def value(self, children: Children) -> tree.Expression:
        """Pass a value on."""
        (value,) = children
        assert isinstance(value, tree.Expression)
        return value

    def concatenation(self, children: Children) -> tree.Concatenation:
        """Join strings."""
        return tree.Concatenation(span=_span(children), operands=tuple(children[::2]))

    def addition(self, children: Children) -> tree.Arithmetic:
        """Calculate, from left to right."""
        return tree.Arithmetic(
            span=_span(children),
            operands=tuple(children[::2]),
            operators=tuple(token.text for token in children[1::2]),
        )

    multiplication = addition

    def signed(self, children: Children) -> tree.Signed:
        """Keep or turn the sign."""
        sign, operand = children
        return tree.Signed(span=_span(children), sign=sign.text, operand=operand)

    def scalar_query(self, children: Children) -> tree.ScalarQuery:
        """Use the one value of a subquery."""
        (subquery,) = children
        return tree.ScalarQuery(span=subquery.span, query=subquery.query)

    def parenthesised_value(self, children: Children) -> tree.Parenthesised:
        """Keep the parentheses."""
        return tree.Parenthesised(span=_span(children), inner=children[1])

    def number(self, children: Children) -> tree.NumberLiteral:
        """Write a number."""
        (token,) = children
        return tree.NumberLiteral(span=token.span, text=token.text)

    def string(self, children: Children) -> tree.StringLiteral:
        """Write a string."""
        (token,) = children
        return tree.StringLiteral(span=token.span, value=token.text[1:-1].replace("''", "'"))

    def null(self, children: Children) -> tree.NullLiteral:
        """Write NULL."""
        return tree.NullLiteral(span=_span(children))

    def boolean(self, children: Children) -> tree.BooleanLiteral:
        """Write TRUE or FALSE."""
        (token,) = children
        return tree.BooleanLiteral(span=token.span, value=token.type == "TRUE")

    def column(self, children: Children) -> tree.ColumnName:
        """Name a column."""
        (chain,) = children
        return tree.ColumnName(span=chain.span, parts=chain.names)

    def function(self, children: Children) -> tree.Call:
        """Call a function."""
        name, _, *arguments = children
        return tree.Call(
            span=_span(children),
            name=name.text,
            name_span=name.span,
            arguments=tuple(_only(arguments, tree.Expression)),
        )

    def set_function(self, children: Children) -> tree.Aggregate:
        """Summarise a group of rows."""
        name, _, quantifier, argument, _ = children
        is_distinct = quantifier is not None and quantifier.type == "DISTINCT"
        return tree.Aggregate(span=_span(children), name=name.word, argument=argument, is_distinct=is_distinct)

    def set_function_star(self, children: Children) -> tree.Aggregate:
        """Count rows."""
        name = children[0]
        if name.word != "COUNT":
            _fail(f"{name.word}(*) does not exist", _span(children), "*", "only COUNT takes *; name a column")
        return tree.Aggregate(span=_span(children), name="COUNT", argument=None)

    def cast(self, children: Children) -> tree.Cast:
        """Change the type of a value."""
        _, _, operand, _, target, _ = children
        return tree.Cast(span=_span(children), operand=operand, target=target)

    def type(self, children: Children) -> tree.TypeName:
        """Name a type of one word."""
        return tree.TypeName(span=_span(children), name=children[0].word)

    def type_double(self, children: Children) -> tree.TypeName:
        """Name the type of two words."""
        return tree.TypeName(span=_span(children), name="DOUBLE PRECISION")

    def type_character(self, children: Children) -> tree.TypeName:
        """Name a type of strings."""
        name, _, length, _ = children
        n_characters = None if length is None else _integer(length)
        if n_characters == 0:
            _fail(f"{name.word}(0) has no room for anything", _span(children), "0")
        return tree.TypeName(span=_span(children), name=name.word, length=n_characters)

    def subscript(self, children: Children) -> tree.Subscript:
        """Take an element of an array."""
        array, _, index, _ = children
        return tree.Subscript(span=_span(children), array=array, index=index)

    subscript_index = number

    def subscript_name(self, children: Children) -> tree.ColumnName:
        """Name an element of an array."""
        return tree.ColumnName(span=_span(children), parts=tuple(_only(children, tree.Identifier)))

    def case(self, children: Children) -> tree.Case:
        """Choose by conditions."""
        return self._case(children, None)

    def case_simple(self, children: Children) -> tree.Case:
        """Choose by comparing one value."""
        return self._case(children, children[1])

    def _case(self, children: Children, operand: tree.Expression | None) -> tree.Case:
        *_, default, _ = children
        return tree.Case(
            span=_span(children),
            operand=operand,
            whens=tuple((one.test, one.value) for one in _only(children, _When)),
            default=None if default is None else default.children[1],
        )

    def searched_when(self, children: Children) -> _When:
        """WHEN test THEN value."""
        _, test, _, value = children
        return _When(test, value, _span(children))

    simple_when = searched_when


@dataclass(frozen=True, slots=True)
class _SetOperatorAt:
    meaning: tuple[tree.SetOperator, bool]
    span: Span


@dataclass(frozen=True, slots=True)
class _Clause:
    """The children of a clause, until the rule around it takes them."""

    children: Children
    span: Span


setattr(Builder, "from", Builder._clause)  # noqa: SLF001 - `from` and `else` are rules and words of Python
setattr(Builder, "else", Builder._clause)  # noqa: SLF001 - see above

_COLUMN_PARTS: Final = "the name of a column has at most catalogue, schema, table and column"


def _check_length(chain: _Chain, limit: int, message: str) -> None:
    if len(chain.names) > limit:
        _fail(message, chain.span, ".".join(one.name for one in chain.names))


def _kind(join_type: _Clause | None) -> tree.JoinKind:
    return tree.JoinKind.INNER if join_type is None else tree.JoinKind(join_type.children[0].word)


def _with_alias(joined: tree.Joined, alias: tree.Identifier | None, span: Span) -> tree.Joined:
    return tree.Joined(span=span, first=joined.first, joins=joined.joins, alias=alias)


def _as_derived_table(subquery: Subquery) -> tree.DerivedTable:
    """Give a subquery in parentheses a name nobody sees, so that it can be ordered and cut from outside."""
    alias = tree.Identifier(span=subquery.span, name="ordered")
    return tree.DerivedTable(span=subquery.span, query=subquery.query, alias=alias)


def _select_all(table: tree.TableReference, span: Span) -> tree.Select:
    return tree.Select(span=span, items=(tree.Star(span=span),), tables=(table,))
