"""A load's sort may use memory for the width of its rows, whether they are wide by columns or by arrays."""

from __future__ import annotations

from pathlib import Path

from vo_server.engine.duckdb.staging import DuckdbStaging
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column, Table


def sort_limit(folder: Path, columns: tuple[Column, ...]) -> str:
    staging = DuckdbStaging(folder, Table("wide", "rows", columns), key=None, threads=1)
    try:
        staging.begin()
        staging.begin_sort()
        ((limit,),) = staging.connection.execute("SELECT current_setting('memory_limit')").fetchall()
        return str(limit)
    finally:
        staging.close(is_over=True)


def test_an_array_counts_as_as_many_columns_as_it_has_elements(tmp_path: Path) -> None:
    number = DataType(Primitive.FLOAT)
    flat = tuple(Column(f"x{place}", number) for place in range(36))
    arrays = tuple(Column(f"x{place}", DataType(Primitive.FLOAT, "12")) for place in range(3))
    few = flat[:3]
    limits = [sort_limit(tmp_path / str(place), columns) for place, columns in enumerate((flat, arrays, few))]
    assert limits[0] == limits[1] != limits[2]
