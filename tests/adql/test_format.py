"""The canonical layout of queries."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adql.published import queries
from tests.adql.samples import corpus
from tests.adql.sentences import Sentence, written
from vo_server.adql import tree
from vo_server.adql.format import format_query
from vo_server.adql.parse import parse_text
from vo_server.adql.tokens import tokenize
from vo_server.errors import AdqlError

QUERIES = [*corpus("standard"), *corpus("lenient")]

EXAMPLES = [
    ("select a,b from t", "SELECT a, b\nFROM t"),
    ('SELECT  "a b" ,T.X from S.T where a!=1', 'SELECT "a b", T.X\nFROM S.T\nWHERE a <> 1'),
    (
        "select distinct top 5 * from t order by 1 desc,b offset 3",
        "SELECT DISTINCT TOP 5 *\nFROM t\nORDER BY 1 DESC, b\nOFFSET 3",
    ),
    (
        "select count( * ),Foo(a),sqrt(b) from t group by a,b having count(*)>1;",
        "SELECT COUNT(*), Foo(a), SQRT(b)\nFROM t\nGROUP BY a, b\nHAVING COUNT(*) > 1",
    ),
    ("select -a, 1- -b, -(-c) from t", "SELECT -a, 1 - -b, -(-c)\nFROM t"),
    (
        "select a from t where(a=1 or b=2)and not c is null",
        "SELECT a\nFROM t\nWHERE (a = 1 OR b = 2) AND NOT c IS NULL",
    ),
    (
        "select a from t join u using(a) natural left outer join v",
        "SELECT a\nFROM t\n  JOIN u USING (a)\n  NATURAL LEFT OUTER JOIN v",
    ),
    (
        "select a from t where a in(select b from u)and c=1",
        "SELECT a\nFROM t\nWHERE a IN (\n    SELECT b\n    FROM u\n  )\n  AND c = 1",
    ),
    ("select a from t union all(select b from u)", "SELECT a\nFROM t\nUNION ALL\n(\n    SELECT b\n    FROM u\n)"),
    ("select m[1],m[jplus :: rSDSS] from t", "SELECT m[1], m[jplus::rSDSS]\nFROM t"),
    ("select cast(a as varchar(5)) from t", "SELECT CAST(a AS VARCHAR(5))\nFROM t"),
    ("select size from t limit 5", "SELECT size\nFROM t\nLIMIT 5"),
    ("with x as(select 1 from t)select * from x", "WITH x AS (\n    SELECT 1\n    FROM t\n  )\nSELECT *\nFROM x"),
    ("select a -- one\n, b from t -- two\n-- three", "SELECT a,  -- one\n  b\nFROM t  -- two\n-- three"),
    ("-- zero\nselect a\n-- from here\nfrom t", "-- zero\nSELECT a\n-- from here\nFROM t"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), EXAMPLES)
def test_a_query_has_one_layout(text: str, expected: str) -> None:
    assert format_query(text) == expected


def check(text: str) -> None:
    """Check that a query keeps its meaning and its comments, and that its layout is final."""
    formatted = format_query(text)
    assert tree.same(parse_text(text)[0], parse_text(formatted)[0])
    assert format_query(formatted) == formatted
    written, kept = tokenize(text).comments, tokenize(formatted).comments
    assert [one.text.rstrip() for one in written] == [one.text for one in kept]
    assert not re.search(r"[ \t]+$", re.sub(r"'[^']*'|\"[^\"]*\"", "x", formatted), re.MULTILINE)


@pytest.mark.parametrize("text", QUERIES)
def test_every_query_keeps_its_tree(text: str) -> None:
    check(text)


@pytest.mark.catalogues
def test_published_queries_keep_their_trees(catalogues_dir: Path) -> None:
    assert catalogues_dir.is_dir()
    for _, text in queries().values():
        check(text)


@settings(deadline=None)
@given(st.sampled_from(QUERIES), st.integers(0, 2**32))
def test_space_and_comments_between_tokens_change_nothing_else(text: str, seed: int) -> None:
    chance = random.Random(seed)
    between = [" ", "\n", "  \t", "\r\n", " -- one\n", "\n-- two, 'x' (\n", "\n  --three\n\n"]
    tokens = [token.text for token in tokenize(text).tokens]
    spaced = "".join(token + chance.choice(between) for token in tokens)
    check(chance.choice(["", "-- head\n"]) + spaced)


def test_long_clauses_have_a_line_for_each_entry() -> None:
    names = ", ".join(f"a_rather_long_name_{i}" for i in range(9))
    lines = format_query(
        f"SELECT {names} FROM t WHERE {' OR '.join(['a = 12345678'] * 9)} ORDER BY {names}"
    ).splitlines()
    assert len(lines) == 28
    assert max(map(len, lines)) < 40


def test_deep_and_long_queries_are_formatted() -> None:
    check("SELECT " + "(" * 90 + "1" + ")" * 90 + " FROM t")
    deep = "SELECT a FROM t"
    for _ in range(45):
        deep = f"SELECT a FROM ({deep}) AS x WHERE a IN (SELECT b FROM u)"
    check(deep)
    check("SELECT a FROM t WHERE a IN (" + ", ".join(map(str, range(20_000))) + ")")


def test_what_is_no_query_is_refused() -> None:
    with pytest.raises(AdqlError):
        format_query("SELECT FROM t")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("SELECT a FROM t", "select a\nfrom t", True),
        ("SELECT SQRT(a) FROM t", "SELECT sqrt(a) FROM t", True),
        ("SELECT a FROM t", "SELECT A FROM t", False),
        ("SELECT a FROM t", 'SELECT "a" FROM t', False),
        ("SELECT a FROM t", "SELECT a, b FROM t", False),
        ("SELECT 1 FROM t", "SELECT 1.0 FROM t", False),
        ("SELECT a FROM t OFFSET 1", "SELECT a FROM t", False),
    ],
)
def test_trees_are_compared_by_what_they_say(one: str, other: str, expected: bool) -> None:
    assert tree.same(parse_text(one)[0], parse_text(other)[0]) is expected


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_sentences_of_the_grammar_keep_their_trees(seed: int) -> None:
    rng = random.Random(seed)
    check(written(Sentence(rng, is_open=True).query(), rng))
