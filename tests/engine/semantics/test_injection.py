"""No text of a user reaches the SQL but as a literal: hostile texts, names and numbers in every place they can stand.

The SQL is compared with that of a harmless query of the same form, token by token: only the inside of text literals may
differ. The answers are those of the plain meaning, and what else lies in the database stays as it is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from sqlglot import Dialect, TokenType

from tests.engine.samples import publish
from tests.engine.semantics.cases import answer
from tests.engine.semantics.conftest import Sky
from vo_server.adql.front import compile_query
from vo_server.engine.duckdb.run import DuckdbEngine
from vo_server.engine.postgres.place import split
from vo_server.errors import AdqlError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import Catalogue, Column, Schema, Table

FRAGMENTS = [
    "'", "''", '"', '""', ";", "--", "/*", "*/", "$$", "$a$", "\\", "\\'", "\\\\", "\n", "\r\n", "\t", "%", "_", "%s",
    "%(x)s", "{x}", "{0}", "{{", "${x}", ":x", "?", "@x", "`", "#", "[1]", "(", ")", ",", "E'", "U&'\\0027'", "x'27'",
    "N'", "\u02bc", "\u2019", "\uff07", "\u2032", "\u037e", "\u2011\u2011", "\u202e", "\ufeff", "\u00a0", "🌌", "é",
    " OR 1=1 ", "DROP TABLE canary", "SELECT pg_sleep(9)", "UNION SELECT 1", "COPY canary TO '/tmp/x'", "NULL", "\x01",
    "\x1a", "\x7f", "c1", '"t1"."k"', "CAST(", "Infinity", "NaN", " ",
]  # fmt: skip

FIXED = [
    "'; DROP TABLE canary; --", "' OR '1'='1", "\\'; DROP TABLE canary; --", '"; DROP TABLE canary; --', "$$; DROP$$",
    "'||(SELECT 1)||'", "x' /* ", "*/ DROP TABLE canary /*", "{k}", "'\n--\n'", "%' OR s LIKE '%", "", "'", "\\",
]  # fmt: skip


def _texts(n: int) -> list[str]:
    chosen = random.Random(2209)
    return FIXED + ["".join(chosen.choices(FRAGMENTS, k=chosen.randint(1, 7))) for _ in range(n)]


TEXTS = _texts(100)

QUERIES = {
    "values": (
        "SELECT {t} AS a, {t} || s || {t} AS b, CASE WHEN s = {t} THEN 'same' ELSE {t} END AS c, "
        "COALESCE({t}, s) AS d, CAST({t} AS VARCHAR) AS e, LOWER({t}) AS f, {t} || {t} AS g FROM sky.pairs "
        "WHERE k = 10 AND {t} = {t}"
    ),
    "conditions": (
        "SELECT k FROM sky.pairs AS p WHERE (s <> {t} OR s IN ({t}, 'p') OR s BETWEEN {t} AND {t}) "
        "AND NOT s LIKE {t} AND NOT s ILIKE {t} AND EXISTS (SELECT 1 FROM sky.tiny AS q WHERE q.s <> {t}) "
        "AND s NOT IN (SELECT {t} FROM sky.tiny) ORDER BY k"
    ),
    "blocks": (
        "WITH w AS (SELECT {t} AS v, k FROM sky.pairs WHERE s <> {t}) "
        "SELECT MAX(w.v) AS a, ivo_string_agg(w.v, {t}) AS b, COUNT(*) AS n FROM w JOIN sky.pairs AS p "
        "ON w.k = p.k AND w.v || p.s = {t} || p.s GROUP BY w.v || {t} HAVING MIN(w.v) = {t} ORDER BY MAX(w.v) || {t}"
    ),
    "sets": (
        "SELECT {t} AS v FROM sky.pairs UNION SELECT s FROM sky.pairs WHERE s = {t} EXCEPT SELECT 'p' FROM sky.pairs"
    ),
    "functions": (
        "SELECT ivo_hasword({t}, {t}) AS a, ivo_nocasematch({t}, 'x') AS b, ivo_hashlist_has({t}, {t}) AS c, "
        "ivo_to_jd({t}) AS d, ivo_hms_to_degrees({t}) AS e, UPPER({t}) AS f FROM sky.pairs WHERE k = 10"
    ),
}
_S = {10: "p", 11: "q", 90: "z", 0: "n"}
"""Texts of ``sky.pairs`` by ``k``; that of 30 is NULL."""


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _delimited(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _like(text: str, pattern: str, flags: int = 0) -> bool:
    parts = (".*" if one == "%" else "." if one == "_" else re.escape(one) for one in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL | flags) is not None


def _rows(semantics: Sky, adql: str) -> list[list[Any]]:
    table = answer(*semantics, adql)[1]
    return [list(row.values()) for row in table.to_pylist()]


def _tokens(semantics: Sky, adql: str) -> list[tuple[TokenType, str]]:
    """Return the tokens of the SQL of a query, without the inside of text literals."""
    engine, catalogue = semantics
    sql = engine.translate(compile_query(adql, catalogue))
    tokens = Dialect.get_or_raise(engine.name).tokenize(sql)
    return [(one.token_type, "" if one.token_type is TokenType.STRING else one.text) for one in tokens]


# ------------------------------------------------------------------------------------------------ what must not change


@pytest.fixture(autouse=True)
def canary(semantics: Sky, request: pytest.FixtureRequest) -> Iterator[None]:
    """Watch everything else in the database during a test."""
    engine, catalogue = semantics
    dsn = None if isinstance(engine, DuckdbEngine) else request.getfixturevalue("postgres_dsn")
    before = _state(engine, catalogue, dsn)
    yield
    assert _state(engine, catalogue, dsn) == before


def _state(engine: Any, catalogue: Catalogue, dsn: str | None) -> object:
    rows = [
        pa.Table.from_batches(engine.read(table)).to_pydict() for table in catalogue.tables if table.name == "pairs"
    ]
    if dsn is None:
        files = sorted(engine._directory.rglob("*"))
        return rows, [(str(path), path.stat().st_mtime_ns) for path in files if path.suffix == ".duckdb"]
    data_schema = split(str(catalogue.tables[0].location))[0]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS public.canary AS SELECT 'alive' AS state")
        found = connection.execute("SELECT state FROM public.canary").fetchall()
        relations = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace ORDER BY 1", (data_schema,)
        ).fetchall()
    return rows, found, relations


# ------------------------------------------------------------------------------------------------------------- texts


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_a_hostile_text_changes_nothing_but_literals(query: str, semantics: Sky) -> None:
    harmless = _tokens(semantics, query.format(t=_literal("harmless")))
    for text in TEXTS:
        assert _tokens(semantics, query.format(t=_literal(text))) == harmless, text


def test_a_hostile_text_is_the_value_that_it_is(semantics: Sky) -> None:
    for text in TEXTS:
        ((a, b, c, d, e, f, g),) = _rows(semantics, QUERIES["values"].format(t=_literal(text)))
        assert (a, c, d, e) == (text, "same" if text == "p" else text, text, text)
        assert (b, f, g) == (f"{text}p{text}", text.lower(), text * 2)


def test_a_hostile_text_in_conditions_selects_what_it_says(semantics: Sky) -> None:
    for text in TEXTS:
        found = _rows(semantics, QUERIES["conditions"].format(t=_literal(text)))
        wanted = [
            k for k, s in sorted(_S.items()) if s != text and not _like(s, text) and not _like(s, text, re.IGNORECASE)
        ]
        assert found == [[k] for k in wanted]


def test_a_hostile_text_in_groups_joins_and_sets(semantics: Sky) -> None:
    for text in TEXTS:
        n = sum(s != text for s in _S.values())
        ((a, b, count),) = _rows(semantics, QUERIES["blocks"].format(t=_literal(text)))
        assert (a, b, count) == (text, text.join([text] * n), n)
        assert _rows(semantics, QUERIES["sets"].format(t=_literal(text))) == ([] if text == "p" else [[text]])


def test_a_text_with_the_character_0_is_refused(semantics: Sky) -> None:
    with pytest.raises(AdqlError, match="code 0"):
        _rows(semantics, "SELECT 'a\0b' FROM sky.pairs")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT POINT({t}, 1, 2) FROM sky.pairs",
        "SELECT IN_UNIT(DISTANCE(1, 2, 3, 4), {t}) FROM sky.pairs",
        "SELECT ivo_geom_transform({t}, 'ICRS', POINT(1, 2)) FROM sky.pairs",
        "SELECT CAST({t} AS TIMESTAMP) FROM sky.pairs",
        "SELECT id FROM sky.tiny WHERE t > {t}",
        "SELECT id FROM sky.tiny WHERE n > {t}",
        "SELECT id FROM sky.tiny WHERE b = {t}",
    ],
)
def test_a_hostile_text_where_words_are_expected_is_refused_before_any_sql(query: str, semantics: Sky) -> None:
    engine, catalogue = semantics
    for text in filter(str.strip, TEXTS):
        with pytest.raises(AdqlError):
            engine.translate(compile_query(query.format(t=_literal(text)), catalogue))


# ------------------------------------------------------------------------------------------------------------- names

NAMED = (
    "WITH {w} AS (SELECT k AS {a}, s AS {b} FROM sky.pairs WHERE k > 5) "
    "SELECT {t}.{a} AS {c}, MAX({t}.{b}) AS {e} FROM {w} AS {t} "
    "JOIN (SELECT k AS {f} FROM sky.pairs) AS {d} ON {t}.{a} = {d}.{f} JOIN {w} AS {u} USING ({a}) "
    "WHERE {t}.{a} < 50 AND EXISTS (SELECT 1 FROM {w} WHERE {w}.{a} = {t}.{a}) "
    "GROUP BY {t}.{a} HAVING MAX({t}.{b}) IS NOT NULL ORDER BY {c}, {e}"
)


def _named(text: str) -> tuple[str, list[str]]:
    names = {key: f"{text}{key}" for key in "abcdeftuw"}
    return NAMED.format(**{key: _delimited(name) for key, name in names.items()}), [names["c"], names["e"]]


def test_a_hostile_name_does_not_reach_the_sql(semantics: Sky) -> None:
    engine, catalogue = semantics
    harmless = engine.translate(compile_query(_named("x")[0], catalogue))
    for text in TEXTS:
        hostile, names = _named(text)
        assert engine.translate(compile_query(hostile, catalogue)) == harmless
        query, table = answer(engine, catalogue, hostile)
        assert [column.name for column in query.columns] == names
        assert [list(row.values()) for row in table.to_pylist()] == [[10, "p"], [11, "q"]]


@pytest.mark.parametrize(
    "adql",
    [
        "SELECT k FROM sky.pairs; DROP TABLE canary",
        "SELECT k FROM sky.pairs;;",
        "DROP TABLE canary",
        "SELECT k FROM sky.pairs UNION DELETE FROM canary",
        "SELECT k FROM canary",
        "SELECT k FROM public.canary",
        "SELECT k FROM pg_catalog.pg_class",
        "SELECT k FROM information_schema.tables",
        'SELECT k FROM "sky.pairs"',
        'SELECT "k"" FROM canary --" FROM sky.pairs',
        "SELECT pg_sleep(9) FROM sky.pairs",
        "SELECT read_text('/etc/passwd') FROM sky.pairs",
        "SELECT vo_functions.remainder(1, 2) FROM sky.pairs",
        "SELECT current_user FROM sky.pairs",
        "SELECT k::regclass FROM sky.pairs",
        "SELECT k /* */ FROM sky.pairs",
        "SELECT $1 FROM sky.pairs",
        "SELECT ? FROM sky.pairs",
        "SELECT E'\\'' FROM sky.pairs",
        "SELECT $$a$$ FROM sky.pairs",
        "SELECT U&'\\0061' FROM sky.pairs",
        "SELECT \u043a FROM sky.pairs",
        "SELECT k FROM sky.pairs WHERE s = \u2019p\u2019",
        "SELECT k FROM sky.pairs\u037e DROP TABLE canary",
        "SELECT c1 FROM sky.pairs",
        "SELECT t1.k FROM sky.pairs",
        "SELECT _healpix_29 FROM sky.objects",
        'SELECT "_healpix_29" FROM sky.objects',
        "SELECT k FROM sky.pairs\0",
    ],
)
def test_what_is_no_query_over_published_names_is_refused(adql: str, semantics: Sky) -> None:
    with pytest.raises(AdqlError):
        compile_query(adql, semantics[1])


def test_a_comment_does_not_reach_the_sql(semantics: Sky) -> None:
    adql = "SELECT k -- '; DROP TABLE canary; --\nFROM sky.pairs -- */ DROP\nWHERE k = 10 -- end"
    assert _tokens(semantics, adql) == _tokens(semantics, "SELECT k FROM sky.pairs WHERE k = 10")
    assert _rows(semantics, adql) == [[10]]


# ----------------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("007", 7), ("1.", 1.0), (".5", 0.5), ("1E+05", 1e5), ("1e-05", 1e-5), ("0.1e1", 1.0), ("1" + "0" * 300, 1e300),
        ("0." + "0" * 400 + "1", 0.0), ("9" * 19, 9999999999999999999.0), ("1e-400", 0.0), ("00000.000", 0.0),
        ("123456789012345678901234567890.5", 1.2345678901234568e29),
    ],
)  # fmt: skip
def test_a_number_is_its_value(number: str, value: float, semantics: Sky) -> None:
    assert _rows(
        semantics, f"SELECT {number} AS v, -{number} AS w FROM sky.pairs WHERE k = 10 AND {number} = {number}"
    ) == [[value, -value]]
    plain = "7" if isinstance(value, int) else "7.5"
    shown = [
        (kind, "" if kind is TokenType.NUMBER else text)
        for kind, text in _tokens(semantics, f"SELECT {number} AS v FROM sky.pairs")
    ]
    assert shown == [
        (kind, "" if kind is TokenType.NUMBER else text)
        for kind, text in _tokens(semantics, f"SELECT {plain} AS v FROM sky.pairs")
    ]


@pytest.mark.parametrize(
    "number",
    [
        "1e400",
        "0x10",
        "1_000",
        "1e",
        "1e+",
        "1.2.3",
        "1;2",
        "\u0661\u0662",
        "1e5x",
        "\uff11",
        "1--\n'",
        "$1",
        "1e5e5",
        "..5",
    ],
)
def test_what_is_no_number_is_refused(number: str, semantics: Sky) -> None:
    engine, catalogue = semantics
    with pytest.raises(AdqlError):
        engine.translate(compile_query(f"SELECT {number} + 1 AS v FROM sky.pairs", catalogue))


# ------------------------------------------------------------------------------------------------- published names

PUBLISHED = [text for text in dict.fromkeys(TEXTS) if text.strip() and len(text.encode()) < 50][:40]


def test_hostile_names_of_published_columns_are_names(semantics: Sky) -> None:
    engine, _ = semantics
    columns = tuple(Column(f"{text}{at}", DataType(Primitive.INT)) for at, text in enumerate(PUBLISHED))
    table = Table("odd", f"names of {engine.name}", columns)
    schema = arrow_schema(columns)
    rows = pa.RecordBatch.from_arrays([pa.array([at], pa.int32()) for at in range(len(columns))], schema=schema)
    loaded = publish(engine, table, [rows])
    catalogue = Catalogue((Schema("odd", (loaded,)),))
    name = f'odd."{table.name}"'
    for at, column in enumerate(columns):
        (row,) = _rows((engine, catalogue), f"SELECT {_delimited(column.name)} + 1 FROM {name} AS q")
        assert row == [at + 1]
    (row,) = _rows((engine, catalogue), f"SELECT * FROM {name}")
    assert row == list(range(len(columns)))
    sql = engine.translate(compile_query(f"SELECT * FROM {name}", catalogue))
    quoted = {
        one.text for one in Dialect.get_or_raise(engine.name).tokenize(sql) if one.token_type is TokenType.IDENTIFIER
    }
    assert quoted >= {column.name for column in columns}
    engine.drop(str(loaded.location))
