"""ADQL in, rows out: compiled, translated, run and cast, on both engines."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pyarrow as pa
import pytest

from tests.engine.samples import LONG, LONG_MAX, LONG_MIN, SKY, TEXT, publish, sky_rows
from tests.engine.site import AnyEngine
from tests.support.sky import oracle_separation_deg
from vo_server.adql.front import compile_query
from vo_server.errors import EngineError
from vo_server.model.query import arrow_schema
from vo_server.model.table import Catalogue, Column, Schema, Table

_N_ROWS = 20_000
_UPLOAD = Table("tap_upload", "mine", (Column("id", LONG), Column("note", TEXT)))
_IDS = Table("demo", "ids", (Column("id", LONG),))
_NEAR_LIMITS = [LONG_MIN, LONG_MIN + 1, LONG_MIN + 508, -1, 2**53, 2**53 + 1, LONG_MAX - 1, LONG_MAX]
_NOTES = pa.table({"id": [7, 8, -1], "note": ["a", None, "c"]})


@pytest.fixture
def catalogue(engine: AnyEngine) -> Catalogue:
    table = publish(engine, SKY, [sky_rows(_N_ROWS)])
    return Catalogue((Schema("demo", (table,)), Schema("tap_upload", (_UPLOAD,))))


def _ask(
    engine: AnyEngine, catalogue: Catalogue, adql: str, *, limit: int | None = 100_000, inline: bool = False
) -> pa.Table:
    query = compile_query(adql, catalogue)
    given = {_UPLOAD.full_name: _NOTES} if inline else None
    with closing(engine.run(query, limit=limit, timeout_s=60.0, inline=given)) as rows:
        return pa.Table.from_batches(list(rows), arrow_schema(query.columns))


@pytest.mark.parametrize(
    ("ra", "dec", "radius"), [(0.0, 0.0, 5.0), (10.0, 90.0, 8.0), (359.9, -90.0, 3.0), (180.0, 45.0, 180.0)]
)
def test_cones_give_the_rows_that_the_oracle_gives(
    engine: AnyEngine, catalogue: Catalogue, ra: float, dec: float, radius: float
) -> None:
    adql = f"SELECT id FROM demo.sky WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({ra}, {dec}, {radius})) ORDER BY id"
    rows = sky_rows(_N_ROWS).to_pydict()
    inside = oracle_separation_deg(
        [float("nan") if one is None else one for one in rows["ra"]],
        [float("nan") if one is None else one for one in rows["dec"]],
        ra,
        dec,
    )
    wanted = [number for number, distance in zip(rows["id"], inside, strict=True) if distance <= radius]
    assert _ask(engine, catalogue, adql).column("id").to_pylist() == wanted
    assert wanted


def test_inline_tables_join_with_releases(engine: AnyEngine, catalogue: Catalogue) -> None:
    adql = "SELECT s.name, u.note FROM demo.sky AS s JOIN tap_upload.mine AS u ON s.id = u.id ORDER BY s.id"
    found = _ask(engine, catalogue, adql, inline=True)
    assert found.to_pylist() == [{"name": "object 7", "note": "a"}, {"name": "object 8", "note": None}]


def test_an_inline_table_alone_answers_too(engine: AnyEngine, catalogue: Catalogue) -> None:
    found = _ask(engine, catalogue, "SELECT * FROM tap_upload.mine WHERE note IS NULL", inline=True)
    assert found.to_pylist() == [{"id": 8, "note": None}]


@pytest.mark.parametrize("limit", [1, 5_000, 15_000])
@pytest.mark.parametrize("order", ["", " ORDER BY id DESC"], ids=["as stored", "ordered"])
def test_the_limit_holds_with_and_without_an_order(
    engine: AnyEngine, catalogue: Catalogue, limit: int, order: str
) -> None:
    found = _ask(engine, catalogue, f"SELECT id FROM demo.sky{order}", limit=limit).column("id").to_pylist()
    assert len(found) == limit
    if order:
        assert found == list(range(_N_ROWS - 1, _N_ROWS - 1 - limit, -1))


def test_a_smaller_top_is_kept_below_the_limit(engine: AnyEngine, catalogue: Catalogue) -> None:
    assert _ask(engine, catalogue, "SELECT TOP 3 id FROM demo.sky", limit=1000).num_rows == 3


def test_sums_counts_and_averages_have_their_declared_types(engine: AnyEngine, catalogue: Catalogue) -> None:
    select = "SELECT COUNT(*) AS n, SUM(id) AS total, AVG(ra) AS mean, MIN(name) AS first"
    adql = f"{select} FROM demo.sky WHERE id BETWEEN 2 AND 4"
    (row,) = _ask(engine, catalogue, adql).to_pylist()
    assert (row["n"], row["total"], row["first"]) == (3, 9, "object 2")


def test_what_is_translated_names_the_release(engine: AnyEngine, catalogue: Catalogue) -> None:
    table = catalogue.find("demo.sky")
    assert table is not None
    sql = engine.translate(compile_query("SELECT id FROM demo.sky", catalogue), limit=10)
    assert "LIMIT 10" in sql
    assert ("demo/sky/1" if engine.name == "duckdb" else str(table.location).split(".")[1]) in sql


def test_a_location_of_another_engine_is_refused(engine: AnyEngine, catalogue: Catalogue) -> None:
    table = catalogue.find("demo.sky")
    foreign = "vo_data.demo_sky_1" if engine.name == "duckdb" else "tables/demo/sky/1.duckdb"
    for location in (foreign, "../../etc/passwd", "tables/../../x/y.duckdb", 'a.b"; DROP TABLE x; --', ""):
        assert table is not None
        moved = Catalogue((Schema("demo", (replace(table, location=location),)),))
        with pytest.raises(EngineError, match="is not a place"):
            _ask(engine, moved, "SELECT id FROM demo.sky")
        with pytest.raises(EngineError, match="is not a place"):
            engine.drop(location)


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("id = -9223372036854775808", [LONG_MIN]),
        ("id = -(9223372036854775808)", [LONG_MIN]),
        ("id = '-9223372036854775808'", [LONG_MIN]),
        ("id <> -9223372036854775808", _NEAR_LIMITS[1:]),
        ("id IN (5, -9223372036854775808)", [LONG_MIN]),
        ("id BETWEEN -9223372036854775808 AND -9223372036854775807", [LONG_MIN, LONG_MIN + 1]),
        ("id = -9223372036854775807 - 1", [LONG_MIN]),
        ("id = 9223372036854775807", [LONG_MAX]),
        ("id = 9223372036854775808", []),
        ("9223372036854775808 = id", []),
        ("id = '9223372036854775808'", []),
        ("id = -9223372036854775809", []),
        ("id <> 9223372036854775808", _NEAR_LIMITS),
        ("id < 9223372036854775808", _NEAR_LIMITS),
        ("id >= 9223372036854775808", []),
        ("id > -9223372036854775809", _NEAR_LIMITS),
        ("NOT (id < 9223372036854775808)", []),
        (f"id < 1{'0' * 60}", _NEAR_LIMITS),
        (f"id < '1{'0' * 60}'", _NEAR_LIMITS),
        ("id IN (9223372036854775808, 9007199254740993)", [2**53 + 1]),
        ("id NOT IN (9223372036854775808, -9223372036854775809)", _NEAR_LIMITS),
        ("id BETWEEN 9223372036854775807 AND 9223372036854775808", [LONG_MAX]),
        ("id NOT BETWEEN -9223372036854775809 AND 9223372036854775808", []),
        ("9223372036854775808 BETWEEN id AND id", []),
        ("1 = CASE id WHEN 9223372036854775808 THEN 1 ELSE 0 END", []),
    ],
)
def test_identifiers_are_compared_exactly_with_whole_numbers_of_any_size(
    engine: AnyEngine, condition: str, wanted: list[int]
) -> None:
    assert _ids_where(engine, condition) == wanted


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("id = 9007199254740993.0", [2**53, 2**53 + 1]),
        ("id = 9007199254740993e0", [2**53, 2**53 + 1]),
        ("id IN (9007199254740993.0)", [2**53, 2**53 + 1]),
        ("id = 9223372036854775808.0", [LONG_MAX - 1, LONG_MAX]),
        ("id = -9223372036854775808.0", _NEAR_LIMITS[:3]),
        ("id BETWEEN 9007199254740993.0 AND 9e15", []),
        ("id > 9007199254740992.0", [LONG_MAX - 1, LONG_MAX]),
    ],
)
def test_identifiers_are_compared_as_doubles_with_numbers_that_have_a_point_or_an_exponent(
    engine: AnyEngine, condition: str, wanted: list[int]
) -> None:
    assert _ids_where(engine, condition) == wanted


def test_the_smallest_whole_number_is_one_and_without_its_sign_it_is_a_double(engine: AnyEngine) -> None:
    catalogue = Catalogue((Schema("demo", (publish(engine, _IDS, [_id_rows()]),)),))
    select = "SELECT -9223372036854775808 AS low, 9223372036854775808 AS high FROM demo.ids WHERE id = -1"
    assert _ask(engine, catalogue, select).to_pylist() == [{"low": LONG_MIN, "high": 2.0**63}]


@pytest.mark.parametrize("text", ["12.7", "12.", "1e3", "0x10", "1_000", "abc", ""])
@pytest.mark.parametrize("target", ["SMALLINT", "INTEGER", "BIGINT"])
def test_a_text_that_is_no_whole_number_is_an_error_and_never_rounded(
    engine: AnyEngine, target: str, text: str
) -> None:
    catalogue = Catalogue((Schema("demo", (publish(engine, _IDS, [_id_rows()]),)),))
    with pytest.raises(EngineError, match="a text could not be read as the wanted type") as caught:
        _ask(engine, catalogue, f"SELECT CAST('{text}' AS {target}) AS n FROM demo.ids")
    assert "whole numbers have digits only" in str(caught.value.hint)


def test_a_text_that_is_a_whole_number_is_read_and_none_stays_none(engine: AnyEngine) -> None:
    catalogue = Catalogue((Schema("demo", (publish(engine, _IDS, [_id_rows()]),)),))
    read = "CAST(' -12 ' AS INTEGER) AS a, CAST('+5' AS BIGINT) AS b, CAST(LOWER(NULL) AS INTEGER) AS c"
    found = _ask(engine, catalogue, f"SELECT {read} FROM demo.ids WHERE id = -1").to_pylist()
    assert found == [{"a": -12, "b": 5, "c": None}]


def _id_rows() -> pa.RecordBatch:
    return pa.record_batch({"id": [*_NEAR_LIMITS, None]})


def _ids_where(engine: AnyEngine, condition: str) -> list[int]:
    catalogue = Catalogue((Schema("demo", (publish(engine, _IDS, [_id_rows()]),)),))
    found = _ask(engine, catalogue, f"SELECT id FROM demo.ids WHERE {condition}").column("id").to_pylist()
    return sorted(found)
