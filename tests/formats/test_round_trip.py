"""From a table in a database through a format into other people's readers, on both engines."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse

from tests.engine.conftest import duckdb_site, engine, postgres_site, site
from tests.engine.samples import publish, start
from tests.engine.site import AnyEngine
from tests.formats import oracle
from tests.formats.expect import in_binary2
from tests.formats.samples import EVERYTHING, INF, NAN, P, batch_of, column, written
from tests.support.stilts import convert
from vo_server.formats.arrow import ArrowWriter
from vo_server.formats.base import Writer
from vo_server.formats.parquet import ParquetWriter
from vo_server.formats.votable import Binary2Writer
from vo_server.model.table import Column, Table

__all__ = ["duckdb_site", "engine", "postgres_site", "site"]

MORE: tuple[tuple[Column, list[Any]], ...] = (
    (column("row", P.INT), [1, 2, 3]),
    (column("nan", P.FLOAT), [NAN, INF, -0.0]),
    (column("polygon", P.DOUBLE, "*", "polygon"), [[0.0, 0.0, 1.0, 0.0, 0.5, 1.0], None, []]),
    (column("moc", P.CHAR, "*", "moc"), ["4/1-3 5/", None, ""]),
    (column("region", P.CHAR, "*", "adql:region"), ["Circle ICRS 1 2 3", "", None]),
    (column("outside_bmp", P.UNICODE_CHAR, "*"), ["😀🌌", "é\t\n", "\U0010ffff"]),
)
# STILTS 4.1 reads xtype polygon in BINARY2 well; only its votlint does not.
VALUES = dict([*EVERYTHING, *MORE])
COLUMNS = tuple(VALUES)
NAMES = [one.name for one in COLUMNS]


@pytest.fixture
def rows(engine: AnyEngine) -> Iterator[list[pa.RecordBatch]]:
    """The rows as an engine gives them."""
    batch = batch_of(COLUMNS, list(VALUES.values()))
    table = publish(engine, Table("trip", "everything", COLUMNS), [batch])
    names = ", ".join(f'"{name}"' for name in NAMES)
    with closing(start(engine, f'SELECT {names} FROM {{}} ORDER BY "row"', COLUMNS, of=[table])) as stream:
        yield list(stream)


def document(writer: Writer, rows: list[pa.RecordBatch]) -> io.BytesIO:
    return io.BytesIO(written(writer, COLUMNS, *rows))


def is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def bits(value: Any) -> Any:
    """Return a value as something that compares by its bits: NaN is NaN, zero has a sign."""
    if isinstance(value, float):
        return "NaN" if np.isnan(value) else struct.pack(">d", value)
    if isinstance(value, (list, np.ndarray)):
        return [bits(one) for one in (value.tolist() if isinstance(value, np.ndarray) else value)]
    return None if value is pd.NA or value is pd.NaT else value


def as_text(values: list[Any], one: Column) -> list[Any]:
    """Return what is in a format in which timestamps are text."""
    return [in_binary2(value, one) if one.datatype.is_timestamp else value for value in values]


def test_binary2_gives_every_value_back(rows: list[pa.RecordBatch]) -> None:
    found = oracle.read(document(Binary2Writer(), rows).getvalue()).rows
    for one, cells in zip(COLUMNS, zip(*found, strict=True), strict=True):
        assert bits(list(cells)) == bits([in_binary2(value, one) for value in VALUES[one]]), one.name


def test_stilts_gives_every_value_of_binary2_back(rows: list[pa.RecordBatch], stilts: str) -> None:
    read = convert(stilts, document(Binary2Writer(), rows).getvalue(), "votable", "votable-binary2-inline")
    found = oracle.read(read)
    assert [one.name for one in found.fields] == NAMES
    for one, cells in zip(COLUMNS, zip(*found.rows, strict=True), strict=True):
        expected = [in_binary2(value, one) for value in VALUES[one]]
        assert bits([_of_stilts(cell, one) for cell in cells]) == bits(
            [_of_stilts(value, one) for value in expected]
        ), one.name


def _of_stilts(value: Any, one: Column) -> Any:
    """Take away what STILTS makes no difference of: NULL and NaN, NULL and empty, a null truth value in an array."""
    if one.datatype.is_array:
        n_elements = one.datatype.n_elements
        value = [None] * (n_elements or 0) if value is None else value
        least = {P.SHORT: -(2**15), P.INT: -(2**31), P.LONG: -(2**63)}.get(one.datatype.primitive, False)
        return [least if cell is None or is_nan(cell) or cell == least else cell for cell in value]
    if is_nan(value):
        return None
    return value or None if isinstance(value, str) else value


@pytest.mark.filterwarnings("ignore:.*W47")  # A single character has no arraysize; astropy asks for one.
def test_astropy_gives_every_value_of_binary2_back(rows: list[pa.RecordBatch]) -> None:
    table = parse(document(Binary2Writer(), rows), verify="exception").get_first_table().array
    for one in COLUMNS:
        expected = [in_binary2(value, one) for value in VALUES[one]]
        found = list(table[one.name])
        assert bits([_of_astropy(cell, one) for cell in found]) == bits(
            [_of_astropy(value, one) for value in expected]
        ), one.name


def _of_astropy(value: Any, one: Column) -> Any:
    """Take away what astropy makes no difference of: NULL and NaN, NULL and the empty text or array."""
    if one.datatype.is_array:
        cells = np.ma.asarray(value).ravel().tolist() if value is not None else [None] * (one.datatype.n_elements or 0)
        return [None if is_nan(cell) else cell for cell in cells]
    if one.datatype.is_string or one.datatype.is_timestamp:
        return str(value or "")
    if value is None or value is np.ma.masked or is_nan(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def test_pyarrow_gives_every_value_of_arrow_back(rows: list[pa.RecordBatch]) -> None:
    table = pa.ipc.open_stream(document(ArrowWriter(), rows)).read_all()
    for one in COLUMNS:
        assert table.schema.field(one.name).type == one.datatype.arrow
        assert bits(table[one.name].to_pylist()) == bits(VALUES[one]), one.name


def test_pandas_gives_every_value_of_arrow_back(rows: list[pa.RecordBatch]) -> None:
    frame = pa.ipc.open_stream(document(ArrowWriter(), rows)).read_pandas(types_mapper=pd.ArrowDtype)
    for one in COLUMNS:
        assert bits(_of_pandas(frame[one.name])) == bits(VALUES[one]), one.name


def test_pyarrow_gives_every_value_of_parquet_back(rows: list[pa.RecordBatch]) -> None:
    table = pq.read_table(document(ParquetWriter(), rows))
    for one in COLUMNS:
        assert bits(table[one.name].to_pylist()) == bits(as_text(VALUES[one], one)), one.name


def test_pandas_gives_every_value_of_parquet_back(rows: list[pa.RecordBatch]) -> None:
    frame = pd.read_parquet(document(ParquetWriter(), rows), dtype_backend="pyarrow")
    for one in COLUMNS:
        assert bits(_of_pandas(frame[one.name])) == bits(as_text(VALUES[one], one)), one.name


def _of_pandas(cells: pd.Series[Any]) -> list[Any]:
    """Return the Arrow values behind a column: on their own, pandas shows a null of any type as NA and drops NaN."""
    found: list[Any] = pa.array(cells.array).to_pylist()
    return found


def test_a_column_described_with_another_xtype_is_its_base_type(rows: list[pa.RecordBatch]) -> None:
    one = replace(column("moc", P.CHAR, "*", "of:tomorrow"))
    values = batch_of([one], [["a", None]])
    assert oracle.read(written(Binary2Writer(), [one], values)).rows == [["a"], [None]]
    assert rows
