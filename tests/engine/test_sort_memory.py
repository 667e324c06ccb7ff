"""A load's sort may use memory for the width of its rows, whether they are wide by columns or by arrays."""

from __future__ import annotations

from vo_server.engine.duckdb.release import sort_memory_bytes, sort_threads
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column, Table


def sort_limit(columns: tuple[Column, ...]) -> int:
    return sort_memory_bytes(Table("wide", "rows", columns))


def test_an_array_counts_as_as_many_columns_as_it_has_elements() -> None:
    number = DataType(Primitive.FLOAT)
    flat = tuple(Column(f"x{place}", number) for place in range(36))
    arrays = tuple(Column(f"x{place}", DataType(Primitive.FLOAT, "12")) for place in range(3))
    few = flat[:3]
    limits = [sort_limit(columns) for columns in (flat, arrays, few)]
    assert limits[0] == limits[1] != limits[2]


def test_wide_rows_are_sorted_by_one_thread_and_narrow_ones_by_all() -> None:
    number = DataType(Primitive.DOUBLE)
    tables = [Table("wide", "rows", tuple(Column(f"x{place}", number) for place in range(n))) for n in (32, 33)]
    assert [sort_threads(table, 2) for table in tables] == [2, 1]
