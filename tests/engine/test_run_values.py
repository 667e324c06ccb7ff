"""What is loaded comes back bit for bit, in the declared types, on both engines."""

from __future__ import annotations

from contextlib import closing

import pyarrow as pa
import pytest

from tests.engine.samples import (
    DOUBLE,
    HARD,
    HARD_VALUES,
    INT,
    LONG,
    SKY,
    TEXT,
    answer,
    bits,
    hard_rows,
    publish,
    sky_rows,
    start,
)
from tests.engine.site import AnyEngine
from vo_server.errors import EngineError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import Column


@pytest.mark.parametrize("name", HARD_VALUES, ids=list(HARD_VALUES))
def test_hard_values_come_back_bit_for_bit(engine: AnyEngine, name: str) -> None:
    table = publish(engine, HARD, [hard_rows()])
    column = HARD.by_name[name]
    quoted = '"' + name.replace('"', '""') + '"'
    with closing(start(engine, f'SELECT {quoted} FROM {{}} ORDER BY "SELECT"', [column], of=[table])) as rows:
        (batch,) = list(rows)
    assert batch.schema == arrow_schema([column])
    assert list(bits(batch.column(0).to_pylist())) == list(bits(hard_rows().column(name).to_pylist()))


def test_reading_a_release_gives_all_its_columns_and_rows(engine: AnyEngine) -> None:
    table = publish(engine, HARD, [hard_rows().slice(0, 2), hard_rows().slice(2, 2)])
    rows = pa.Table.from_batches(engine.read(table))
    assert rows.schema == arrow_schema(HARD.columns)
    for name in HARD_VALUES:
        assert list(bits(rows.column(name).to_pylist())) == list(bits(hard_rows().column(name).to_pylist()))


def test_a_table_without_rows_can_be_published_and_read(engine: AnyEngine) -> None:
    table = publish(engine, HARD, [])
    assert table.n_rows == 0
    assert list(engine.read(table)) == []
    assert answer(engine, "SELECT count(*) FROM {}", LONG, of=[table]) == [{"c0": 0}]


def test_an_empty_result_of_every_type_has_no_batches(engine: AnyEngine) -> None:
    table = publish(engine, HARD, [hard_rows()])
    with closing(start(engine, "SELECT * FROM {} WHERE 1 = 0", HARD.columns, of=[table])) as rows:
        assert list(rows) == []


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("CAST('1.5' AS numeric(20, 3))", DOUBLE, 1.5),
        ("sum(CAST(9007199254740993 AS bigint))", LONG, 2**53 + 1),
        ("sum(CAST(9007199254740993 AS bigint))", DOUBLE, 2.0**53),
        ("CAST(7 AS integer)", DataType(Primitive.UNSIGNED_BYTE), 7),
        ("CAST(7 AS bigint)", DataType(Primitive.SHORT), 7),
        ("CAST(0.1 AS double precision)", DataType(Primitive.FLOAT), 0.10000000149011612),
        ("CAST(NULL AS integer)", DOUBLE, None),
        ("NULL", TEXT, None),
        ("CAST('2020-02-29' AS date)", DataType(Primitive.CHAR, "*", "timestamp"), None),
    ],
)
def test_results_are_cast_to_the_declared_types(
    engine: AnyEngine, expression: str, kind: DataType, value: object
) -> None:
    found = answer(engine, f"SELECT {expression}", kind)[0]["c0"]
    if kind.is_timestamp:
        assert found.isoformat() == "2020-02-29T00:00:00"
    else:
        assert found == value


def test_a_value_that_its_declared_type_cannot_hold_is_an_error_not_another_value(engine: AnyEngine) -> None:
    with pytest.raises(EngineError, match="column c0") as caught:
        answer(engine, "SELECT CAST(70000 AS integer)", DataType(Primitive.SHORT))
    assert caught.value.hint is not None


def test_columns_may_have_the_same_name(engine: AnyEngine) -> None:
    columns = [Column("x", INT), Column("x", TEXT)]
    with closing(start(engine, "SELECT 1 AS x, 'a' AS x", columns)) as rows:
        (batch,) = list(rows)
    assert [array.to_pylist() for array in batch.columns] == [[1], ["a"]]


def test_a_thousand_columns_come_back(engine: AnyEngine) -> None:
    expressions = ", ".join(f"CAST({number} AS real) AS c{number}" for number in range(1300))
    found = answer(engine, f"SELECT {expressions}", *[DataType(Primitive.FLOAT)] * 1300)
    assert list(found[0].values()) == list(range(1300))


def test_rows_are_stored_in_the_order_of_their_cells_and_those_without_a_cell_come_last(engine: AnyEngine) -> None:
    table = publish(engine, SKY, [sky_rows(5000), sky_rows(5000, first=5000)])
    cells = pa.Table.from_batches(engine.read(table)).column("_healpix_29").to_pylist()
    known = [cell for cell in cells if cell is not None]
    assert len(known) == 9800
    assert cells == sorted(known) + [None] * 200


def test_many_batches_come_in_order_and_are_small(engine: AnyEngine) -> None:
    table = publish(engine, SKY, [sky_rows(100_000, first=first) for first in range(0, 300_000, 100_000)])
    sizes, ids = [], []
    with closing(start(engine, "SELECT id FROM {} ORDER BY id", [SKY.by_name["id"]], of=[table])) as rows:
        for batch in rows:
            sizes.append(batch.nbytes)
            ids += batch.column(0).to_pylist()
    assert ids == list(range(300_000))
    assert max(sizes) < 8 * 1024**2


@pytest.mark.parametrize("limit", [0, 1, 999, 150_000, 300_000, 300_001])
def test_no_more_rows_than_the_limit_are_given(engine: AnyEngine, limit: int) -> None:
    table = publish(engine, SKY, [sky_rows(100_000, first=first) for first in range(0, 300_000, 100_000)])
    with closing(start(engine, "SELECT id FROM {}", [SKY.by_name["id"]], of=[table], limit=limit)) as rows:
        assert sum(batch.num_rows for batch in rows) == min(limit, 300_000)
