"""Sentences drawn from the grammar of the standard are accepted strictly; certain mistakes in them are refused."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adql.sentences import SKY, Sentence, written
from vo_server.adql.front import check_open, compile_query
from vo_server.adql.words import RESERVED
from vo_server.errors import AdqlError, Span

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = st.integers(0, 2**48)
N_SENTENCES: Final = 150


def sentence(seed: int, *, is_open: bool) -> str:
    rng = Random(seed)
    return written(Sentence(rng, is_open=is_open).query(), rng)


@given(SEEDS)
@settings(max_examples=N_SENTENCES, deadline=None)
def test_a_sentence_of_the_grammar_resolves_strictly(seed: int) -> None:
    compile_query(sentence(seed, is_open=False), SKY, strict=True)


@given(SEEDS)
@settings(max_examples=N_SENTENCES, deadline=None)
def test_a_sentence_of_the_grammar_is_valid_strictly_where_nothing_is_known(seed: int) -> None:
    check_open(sentence(seed, is_open=True), strict=True)


# --------------------------------------------------------------------------------------------------- mistakes

Tokens = list[str]


def words(text: str) -> list[str]:
    return text.split()


_TWICE: Final = frozenset(
    words(
        "SELECT FROM WHERE BY AND OR ON IN LIKE ILIKE BETWEEN AS JOIN TOP ORDER GROUP HAVING OFFSET USING NATURAL"
        " EXISTS IS UNION EXCEPT INTERSECT CAST WITH DISTINCT , . ( ) = <> != < > <= >= || / NOT"
    )
)
_LEFT_OUT: Final = frozenset(
    words("SELECT FROM BY ON JOIN ( ) = <> != < > <= >= BETWEEN IN LIKE ILIKE IS USING EXISTS")
)
_OPEN_ENDS: Final = frozenset(
    words("SELECT FROM WHERE AND OR BY ON IN LIKE = <> < > , ( + - * / . AS JOIN NOT BETWEEN ||")
)
_RESERVED_NAMES: Final = tuple(
    words(
        "SIZE LEVEL POSITION VALUE DATE YEAR ZONE DISTANCE AREA SECTION KEY USER MATCH COUNT MAX ABS LOG SCHEMA Point"
    )
)
_ODD: Final = tuple("#$?@{}!&^~|:\\é€“\u2013`%[]")
_NUMBER: Final = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")


def _places(tokens: Tokens, wanted: Callable[[int], bool]) -> list[int]:
    return [i for i in range(len(tokens)) if wanted(i)]


def _is_name(tokens: Tokens, i: int) -> bool:
    following = tokens[i + 1] if i + 1 < len(tokens) else ""
    token = tokens[i]
    is_word = token[0].isalpha() and token.upper() not in RESERVED
    return (is_word or token[0] == '"') and following != "("


def twice(tokens: Tokens, rng: Random) -> Tokens | None:
    places = _places(tokens, lambda i: tokens[i] in _TWICE)
    i = rng.choice(places)
    return [*tokens[: i + 1], *tokens[i:]]


def left_out(tokens: Tokens, rng: Random) -> Tokens | None:
    i = rng.choice(_places(tokens, lambda i: tokens[i] in _LEFT_OUT))
    return [*tokens[:i], *tokens[i + 1 :]]


def stops_early(tokens: Tokens, rng: Random) -> Tokens | None:
    i = rng.choice(_places(tokens, lambda i: tokens[i] in _OPEN_ENDS and i + 1 < len(tokens)))
    return None if tokens[i] == "*" and tokens[i - 1] in {"(", "SELECT"} else tokens[: i + 1]


def reserved_word(tokens: Tokens, rng: Random) -> Tokens | None:
    i = rng.choice(_places(tokens, lambda i: _is_name(tokens, i)))
    return [*tokens[:i], rng.choice(_RESERVED_NAMES), *tokens[i + 1 :]]


def odd_character(tokens: Tokens, rng: Random) -> Tokens | None:
    i = rng.randrange(len(tokens) + 1)
    return [*tokens[:i], rng.choice(_ODD), *tokens[i:]]


def where_before_from(tokens: Tokens, rng: Random) -> Tokens | None:
    del rng
    swapped = {"FROM": "WHERE", "WHERE": "FROM"}
    return [swapped.get(one, one) for one in tokens] if "WHERE" in tokens else None


def limit(tokens: Tokens, rng: Random) -> Tokens | None:
    del rng
    return None if tokens[-1] == ";" else [*tokens, "LIMIT", "10"]


def second_statement(tokens: Tokens, rng: Random) -> Tokens | None:
    return [*tokens, *rng.choice(([";", ";"], [";", "SELECT", "1", "FROM", "t"], [";", "DROP", "TABLE", "t"]))]


def bad_count(tokens: Tokens, rng: Random) -> Tokens | None:
    places = _places(tokens, lambda i: tokens[i] in {"TOP", "OFFSET"})
    if not places:
        return None
    i = rng.choice(places)
    wrong = rng.choice((["-", "1"], ["1.5"], ["(", "5", ")"], ["ra"], ["'5'"], ["1E3"], ["10", "%"], []))
    return [*tokens[: i + 1], *wrong, *tokens[i + 2 :]]


def case(tokens: Tokens, rng: Random) -> Tokens | None:
    places = _places(tokens, lambda i: _NUMBER.fullmatch(tokens[i]) is not None)
    if not places:
        return None
    i = rng.choice(places)
    return [*tokens[:i], "CASE", "WHEN", "1", "=", "1", "THEN", "1", "END", *tokens[i + 1 :]]


def no_alias(tokens: Tokens, rng: Random) -> Tokens | None:
    del rng
    if tokens[0] == "WITH" or tokens[-1] == ";":
        return None
    return ["SELECT", "*", "FROM", "(", *tokens, ")"]


def scalar_subquery(tokens: Tokens, rng: Random) -> Tokens | None:
    if tokens[0] == "WITH" or tokens[-1] == ";":
        return None
    query = ["(", *tokens, ")"]
    return rng.choice((["SELECT", *query, "FROM", "t"], ["SELECT", "1", "FROM", "t", "WHERE", "1", "=", *query]))


def inner_with(tokens: Tokens, rng: Random) -> Tokens | None:
    del rng
    if tokens[0] != "WITH" or tokens[-1] == ";":
        return None
    return ["SELECT", "1", "FROM", "(", *tokens, ")", "AS", "t"]


def star_and_more(tokens: Tokens, rng: Random) -> Tokens | None:
    places = _places(tokens, lambda i: tokens[i] == "SELECT" and tokens[i + 1] not in {"DISTINCT", "ALL", "TOP"})
    if not places:
        return None
    i = rng.choice(places)
    return [*tokens[: i + 1], "*", ",", *tokens[i + 1 :]]


def cross_join(tokens: Tokens, rng: Random) -> Tokens | None:
    if "JOIN" not in tokens:
        return None
    i = rng.choice(_places(tokens, lambda i: tokens[i] == "JOIN"))
    return [*tokens[:i], "CROSS", *tokens[i:]]


def two_conditions_of_a_join(tokens: Tokens, rng: Random) -> Tokens | None:
    places = _places(tokens, lambda i: tokens[i] == "USING")
    if not places:
        return None
    end = tokens.index(")", rng.choice(places))
    return [*tokens[: end + 1], *rng.choice((["ON", "1", "=", "1"], ["USING", "(", "id", ")"])), *tokens[end + 1 :]]


MISTAKES: Final = (
    twice, left_out, stops_early, reserved_word, odd_character, where_before_from, limit, second_statement, bad_count,
    case, no_alias, scalar_subquery, inner_with, star_and_more, cross_join, two_conditions_of_a_join,
)  # fmt: skip


def check_refused(text: str) -> None:
    with pytest.raises(AdqlError) as caught:
        check_open(text, strict=True)
    for problem in caught.value.problems:
        check_place(text, problem.span)


def check_place(text: str, span: Span) -> None:
    """A place lies in the text, and its line and column say the same as its offset."""
    assert 0 <= span.start <= span.end <= len(text)
    before = text[: span.start].split("\n")
    assert (span.line, span.column) == (len(before), len(before[-1]) + 1)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one.__name__)
@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_sentence_with_a_mistake_is_refused_with_its_place(
    mistake: Callable[[Tokens, Random], Tokens | None], seed: int
) -> None:
    rng = Random(seed)
    tokens = mistake(Sentence(rng, is_open=True).query(), rng)
    if tokens is not None:
        check_refused(written(tokens, rng))


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_number_that_touches_a_word_is_refused(seed: int) -> None:
    rng = Random(seed)
    tokens = Sentence(rng, is_open=True).query()
    places = [i for i in range(len(tokens) - 1) if _NUMBER.match(tokens[i]) and tokens[i + 1][0].isalpha()]
    if places:
        i = rng.choice(places)
        check_refused(" ".join([*tokens[:i], tokens[i] + tokens[i + 1], *tokens[i + 2 :]]))


@given(
    st.lists(
        st.sampled_from(words("SELECT FROM a . , ( ) * = 1 'x' WHERE ORDER BY AS JOIN ON + - IN NOT TOP")), max_size=25
    )
)
@settings(max_examples=200, deadline=None)
def test_any_row_of_tokens_is_answered(tokens: Tokens) -> None:
    text = " ".join(tokens)
    try:
        check_open(text, strict=True)
    except AdqlError as error:
        for problem in error.problems:
            check_place(text, problem.span)
