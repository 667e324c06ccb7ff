"""What is a query and what is not."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adql.samples import corpus
from vo_server.adql import tree
from vo_server.adql.front import parse
from vo_server.adql.parse import grammar_parser
from vo_server.adql.tokens import GRAMMAR_WORDS, tokenize
from vo_server.adql.words import RESERVED
from vo_server.errors import AdqlError, ProblemKind
from vo_server.model.query import Lang


def body(text: str) -> tree.Select:
    found = parse(text).body
    assert isinstance(found, tree.Select)
    return found


def value(text: str) -> Any:
    (item,) = body(f"SELECT {text} FROM t").items
    assert isinstance(item, tree.SelectItem)
    return item.value


def condition(text: str) -> Any:
    return body(f"SELECT a FROM t WHERE {text}").where


@pytest.mark.parametrize("text", corpus("standard"))
def test_queries_of_the_standard_are_valid_strictly(text: str) -> None:
    parse(text, strict=True)


@pytest.mark.parametrize("text", corpus("lenient"))
def test_what_people_write_beyond_the_standard_is_valid_and_refused_strictly(text: str) -> None:
    parse(text)
    with pytest.raises(AdqlError) as caught:
        parse(text, strict=True)
    assert {problem.kind for problem in caught.value.problems} == {ProblemKind.NONSTANDARD}
    assert all(problem.hint for problem in caught.value.problems)


@pytest.mark.parametrize("text", corpus("invalid"))
def test_invalid_queries_are_refused_with_a_place_inside_the_text(text: str) -> None:
    with pytest.raises(AdqlError) as caught:
        parse(text)
    span = caught.value.span
    assert 0 <= span.start <= span.end <= len(text)
    assert span.line == 1
    assert span.column == span.start + 1
    assert "__ANON" not in str(caught.value)


def test_the_corpus_is_large() -> None:
    assert sum(len(corpus(name)) for name in ("standard", "lenient", "invalid")) > 500


def test_grammar_keywords_and_lexer_keywords_are_the_same() -> None:
    terminals = {symbol for state in _states() for symbol in state if isinstance(symbol, str)}
    words = {name for name in terminals if name in RESERVED}
    assert words == GRAMMAR_WORDS


def _states() -> list[Any]:
    return list(grammar_parser().parse_interactive("").parser_state.parse_conf.states.values())


def test_reserved_words_are_those_of_the_standard() -> None:
    assert len(RESERVED) > 260
    assert {"SIZE", "LEVEL", "OFFSET", "ILIKE", "TOP", "IN_UNIT", "BIGINT", "COT"} <= RESERVED
    assert not {"NAME", "TYPE", "CLASS", "EPOCH", "LIMIT", "BOOLEAN"} & RESERVED


# ----------------------------------------------------------------------------------------------------- trees


def test_multiplication_binds_tighter_than_addition() -> None:
    found = value("a + b * c - d")
    assert isinstance(found, tree.Arithmetic)
    assert found.operators == ("+", "-")
    assert isinstance(found.operands[1], tree.Arithmetic)
    assert found.operands[1].operators == ("*",)


def test_chains_of_one_precedence_are_one_node() -> None:
    found = value(" + ".join(["a"] * 500))
    assert isinstance(found, tree.Arithmetic)
    assert len(found.operands) == 500


def test_a_sign_belongs_to_the_factor() -> None:
    found = value("-a * b")
    assert isinstance(found, tree.Arithmetic)
    assert isinstance(found.operands[0], tree.Signed)


def test_and_binds_tighter_than_or() -> None:
    found = condition("a = 1 OR b = 2 AND c = 3")
    assert isinstance(found, tree.Or)
    assert isinstance(found.operands[1], tree.And)


def test_the_and_of_between_is_not_a_conjunction() -> None:
    found = condition("a BETWEEN 1 AND 2 AND b = 3")
    assert isinstance(found, tree.And)
    assert isinstance(found.operands[0], tree.Between)
    assert isinstance(found.operands[1], tree.Comparison)


def test_not_equal_has_one_spelling_in_the_tree() -> None:
    assert condition("a != 1").operator == condition("a <> 1").operator == "<>"


def test_parenthesised_values_and_conditions_are_told_apart() -> None:
    assert isinstance(condition("(a + 1) > 2"), tree.Comparison)
    assert isinstance(condition("(a + 1 > 2)"), tree.Comparison)
    assert isinstance(condition("((a)) > ((b))"), tree.Comparison)
    bare = condition("((a))")
    assert isinstance(bare, tree.BareCondition)
    assert isinstance(bare.value, tree.Parenthesised)


def test_intersect_binds_tighter_than_union() -> None:
    found = parse("SELECT a FROM t UNION SELECT b FROM u INTERSECT SELECT c FROM v").body
    assert isinstance(found, tree.SetOperation)
    assert found.operators == ((tree.SetOperator.UNION, False),)
    inner = found.operands[1]
    assert isinstance(inner, tree.SetOperation)
    assert inner.operators == ((tree.SetOperator.INTERSECT, False),)


def test_set_operations_associate_to_the_left() -> None:
    found = parse("SELECT a FROM t UNION ALL SELECT b FROM u EXCEPT SELECT c FROM v").body
    assert isinstance(found, tree.SetOperation)
    assert found.operators == ((tree.SetOperator.UNION, True), (tree.SetOperator.EXCEPT, False))


def test_joins_associate_to_the_left() -> None:
    (joined,) = body("SELECT a FROM t JOIN u USING (i) LEFT JOIN v ON u.j = v.j NATURAL FULL JOIN w").tables
    assert isinstance(joined, tree.Joined)
    assert [join.kind for join in joined.joins] == [tree.JoinKind.INNER, tree.JoinKind.LEFT, tree.JoinKind.FULL]
    assert [one.name for one in joined.joins[0].using] == ["i"]
    assert joined.joins[2].is_natural


def test_quotes_are_taken_off() -> None:
    assert value("'it''s'").value == "it's"
    name = value('"a ""b"""').name
    assert name.name == 'a "b"'
    assert name.is_delimited


def test_numbers_keep_their_text() -> None:
    assert [value(text).text for text in ("12", "12.", ".5", "1E-3")] == ["12", "12.", ".5", "1E-3"]
    assert value("12").is_integer
    assert not value("12.").is_integer


def test_select_clauses_reach_the_tree() -> None:
    query = parse("SELECT DISTINCT TOP 5 a FROM t WHERE b = 1 GROUP BY a HAVING a > 2 ORDER BY a DESC, 1 OFFSET 7")
    select = query.body
    assert isinstance(select, tree.Select)
    assert (select.is_distinct, select.top, query.offset, query.limit) == (True, 5, 7, None)
    assert select.where is not None
    assert select.having is not None
    assert len(select.group_by) == 1
    assert [term.is_descending for term in query.order_by] == [True, False]


def test_limit_is_a_name_unless_a_number_follows() -> None:
    assert body("SELECT limit FROM t limit").tables[0].alias.name == "limit"  # type: ignore[attr-defined] # TableName
    assert parse("SELECT a FROM t LIMIT 10").limit == 10


def test_subscripts_by_number_and_by_name() -> None:
    assert value("a[2]").index.text == "2"
    assert [part.name for part in value("a[jplus::rSDSS]").index.parts] == ["jplus", "rSDSS"]


def test_cast_keeps_type_and_length() -> None:
    assert value("CAST(a AS double precision)").target.name == "DOUBLE PRECISION"
    assert (value("CAST(a AS Char(10))").target.name, value("CAST(a AS CHAR(10))").target.length) == ("CHAR", 10)


def test_spans_cover_what_was_written() -> None:
    text = "SELECT a,\n  ABS( b ) AS x\nFROM t"
    item = body(text).items[1]
    assert isinstance(item, tree.SelectItem)
    assert text[item.value.span.start : item.value.span.end] == "ABS( b )"
    assert (item.value.span.line, item.value.span.column) == (2, 3)


def test_comments_and_strings_count_lines() -> None:
    tokens = tokenize("SELECT 'a\nb' -- x\n, \"c\nd\" FROM t").tokens
    assert [(token.text, token.span.line, token.span.column) for token in tokens[-3:-1]] == [
        ("FROM", 4, 4),
        ("t", 4, 9),
    ]


def test_words_that_only_the_newer_version_reserves_are_names_in_the_older_one() -> None:
    parse("SELECT offset FROM t", lang=Lang.ADQL_20, strict=True)
    with pytest.raises(AdqlError, match="reserved word"):
        parse("SELECT offset FROM t", lang=Lang.ADQL_21, strict=True)


def test_one_semicolon_at_the_end_is_no_mistake() -> None:
    parse("SELECT a FROM t ; -- done", strict=True)


# ------------------------------------------------------------------------------------------------- generated

NAMES = st.sampled_from(["a", "b.c", '"Odd one"', "s.t.u", "mag_g"])
LITERALS = st.sampled_from(["1", "2.5", ".5", "1e-3", "'x'", "'it''s'", "NULL"])


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from([" + ", " - ", "*", "/", " || "])
    return st.one_of(
        st.tuples(inner, operators, inner).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-({text})"),
        inner.map(lambda text: f"ABS({text})"),
        st.tuples(inner, inner).map(lambda pair: f"udf_f({pair[0]}, {pair[1]})"),
        inner.map(lambda text: f"CAST({text} AS DOUBLE PRECISION)"),
        inner.map(lambda text: f"COUNT(DISTINCT {text})"),
    )


VALUES = st.recursive(NAMES | LITERALS, _grow, max_leaves=12)
PREDICATES = st.one_of(
    st.tuples(VALUES, st.sampled_from(["=", "<>", "<", ">=", " != "]), VALUES).map("".join),
    st.tuples(VALUES, VALUES, VALUES).map(lambda three: "{} BETWEEN {} AND {}".format(*three)),
    st.tuples(VALUES, VALUES).map(lambda pair: "{} NOT IN ({}, 1)".format(*pair)),
    st.tuples(VALUES, VALUES).map(lambda pair: "{} LIKE {}".format(*pair)),
    NAMES.map(lambda text: f"{text} IS NOT NULL"),
    VALUES.map(lambda text: f"EXISTS (SELECT {text} FROM t)"),
)
CONDITIONS = st.recursive(
    PREDICATES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " OR "]), inner).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"NOT ({text})"),
    ),
    max_leaves=8,
)


@given(VALUES, CONDITIONS, st.booleans())
def test_generated_queries_are_valid_strictly(expression: str, where: str, is_distinct: bool) -> None:
    distinct = "DISTINCT " if is_distinct else ""
    parse(f"SELECT {distinct}TOP 5 {expression} AS x\nFROM t, u v\nWHERE {where}\nORDER BY {expression}", strict=True)


@given(VALUES)
def test_a_value_means_the_same_with_other_white_space(expression: str) -> None:
    once = value(expression)
    again = value(f" -- comment\n\t{expression}\r\n ")
    assert _shape(once) == _shape(again)


def _shape(node: tree.Node) -> list[str]:
    stack, found = [node], []
    while stack:
        one = stack.pop()
        found.append(f"{type(one).__name__} {getattr(one, 'operators', '')}{getattr(one, 'text', '')}")
        stack.extend(tree.children(one))
    return found


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_a_usage_error(text: str) -> None:
    with suppress(AdqlError):
        parse(text)


@given(
    st.lists(st.sampled_from([*sorted(GRAMMAR_WORDS), "(", ")", ",", "a", "1", "'x'", "*", "=", ".", "-"]), max_size=20)
)
def test_any_row_of_words_is_a_query_or_a_usage_error(words: list[str]) -> None:
    with suppress(AdqlError):
        parse(f"SELECT {' '.join(words)}")
