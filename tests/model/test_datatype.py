from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from vo_server.model.datatype import ADQL_CAST_TYPES, DataType, Kind, Primitive

SCALARS = [DataType(primitive) for primitive in Primitive if not primitive.endswith("har")]


@pytest.mark.parametrize(
    ("datatype", "kind"),
    [
        (DataType(Primitive.INT), Kind.NUMBER),
        (DataType(Primitive.BOOLEAN), Kind.BOOLEAN),
        (DataType(Primitive.CHAR, "*"), Kind.STRING),
        (DataType(Primitive.CHAR), Kind.STRING),
        (DataType(Primitive.CHAR, "*", "timestamp"), Kind.TIMESTAMP),
        (DataType(Primitive.DOUBLE, "2", "point"), Kind.GEOMETRY),
        (DataType(Primitive.CHAR, "*", "adql:region"), Kind.GEOMETRY),
        (DataType(Primitive.CHAR, "*", "moc"), Kind.GEOMETRY),
        (DataType(Primitive.CHAR, "*", "uri"), Kind.STRING),
        (DataType(Primitive.FLOAT, "12"), Kind.ARRAY),
    ],
    ids=str,
)
def test_the_kind_follows_from_the_votable_triple(datatype: DataType, kind: Kind) -> None:
    assert datatype.kind is kind


@pytest.mark.parametrize("arraysize", ["", "x", "-1", "*x3", "3x", "1 2"])
def test_an_arraysize_that_votable_does_not_know_is_refused(arraysize: str) -> None:
    with pytest.raises(ValueError, match="arraysize"):
        DataType(Primitive.INT, arraysize)


@pytest.mark.parametrize("datatype", SCALARS, ids=lambda one: one.primitive)
def test_a_scalar_survives_the_way_through_arrow(datatype: DataType) -> None:
    assert DataType.of_arrow(datatype.arrow) == datatype


@pytest.mark.parametrize("datatype", [*SCALARS, *ADQL_CAST_TYPES.values()], ids=str)
def test_duckdb_stores_the_arrow_type_of_every_type(datatype: DataType) -> None:
    with duckdb.connect() as connection:
        empty = connection.sql(f"SELECT NULL::{datatype.duckdb} AS x").to_arrow_table()
    assert empty.schema.field("x").type.equals(datatype.arrow)


@pytest.mark.parametrize("big_endian", [">i2", ">i4", ">i8", ">f4", ">f8"])
def test_the_byte_order_of_a_file_does_not_change_the_type(big_endian: str) -> None:
    dtype = np.dtype(big_endian)
    assert DataType.of_numpy(dtype) == DataType.of_numpy(dtype.newbyteorder("="))


@pytest.mark.parametrize(
    ("primitives", "widest"),
    [
        ((Primitive.SHORT, Primitive.INT), Primitive.INT),
        ((Primitive.SHORT, Primitive.FLOAT), Primitive.FLOAT),
        ((Primitive.LONG, Primitive.FLOAT), Primitive.DOUBLE),
        ((Primitive.INT, Primitive.FLOAT, Primitive.SHORT), Primitive.DOUBLE),
        ((Primitive.UNSIGNED_BYTE, Primitive.LONG), Primitive.LONG),
    ],
)
def test_widening_loses_no_digit(primitives: tuple[Primitive, ...], widest: Primitive) -> None:
    assert DataType.widest(*map(DataType, primitives)) == DataType(widest)


def test_text_cannot_be_widened() -> None:
    with pytest.raises(ValueError, match="not all numbers"):
        DataType.widest(DataType(Primitive.INT), DataType(Primitive.CHAR, "*"))


def test_unsigned_integers_go_to_the_next_wider_type() -> None:
    assert DataType.of_arrow(pa.uint16()) == DataType(Primitive.INT)
    assert DataType.of_arrow(pa.uint32()) == DataType(Primitive.LONG)
    with pytest.raises(ValueError, match="uint64"):
        DataType.of_arrow(pa.uint64())


def test_arrays_keep_their_length() -> None:
    assert DataType.of_arrow(pa.list_(pa.float32(), 12)) == DataType(Primitive.FLOAT, "12")
    assert DataType.of_arrow(pa.list_(pa.float32())) == DataType(Primitive.FLOAT, "*")


@pytest.mark.parametrize(("name", "datatype"), ADQL_CAST_TYPES.items())
def test_the_adql_name_of_a_cast_target_is_its_own(name: str, datatype: DataType) -> None:
    assert datatype.adql == ("VARCHAR" if name == "CHAR" else name)
