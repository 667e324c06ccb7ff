from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import QTable

from tests.formats.read.test_fits import rows_of
from vo_server.errors import IngestError
from vo_server.formats.read.open import open_reader
from vo_server.model.datatype import DataType, Primitive

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
COLUMNS = {
    "id": pa.array([2**63 - 1, None, -(2**63)]),
    "u8": pa.array([0, 255, None], pa.uint8()),
    "i1": pa.array([-128, 127, None], pa.int8()),
    "u2": pa.array([65535, 0, None], pa.uint16()),
    "u4": pa.array([2**32 - 1, 0, None], pa.uint32()),
    "u64": pa.array([2**64 - 1, 0, None], pa.uint64()),
    "f": pa.array([0.5, float("inf"), None], pa.float32()),
    "d": pa.array([0.1, -0.0, None]),
    "flag": pa.array([True, False, None]),
    "text": pa.array(["a", "Å中😀", ""]),
    "kind": pa.array(["x", "y", None]).dictionary_encode(),
    "large": pa.array(["x", None, "z"], pa.large_string()),
    "bytes": pa.array([b"x", None, b"z"]),
    "when": pa.array([WHEN, None, WHEN], pa.timestamp("ns", "UTC")),
    "day": pa.array([date(2026, 1, 2), None, None]),
    "money": pa.array([Decimal("1.25"), None, Decimal("-2.5")]),
    "lists": pa.array([[1.5, 2.5], [], None]),
    "pair": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int32(), 2)),
    "matrix": pa.array([[[1, 2], [3, 4]], None, [[5, 6], [7, 8]]], pa.list_(pa.list_(pa.int16(), 2), 2)),
}


def written(tmp_path: Path, table: pa.Table) -> Path:
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, row_group_size=2)
    return path


def test_every_type_comes_back(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path, pa.table(COLUMNS)))
    for name in ("id", "u8", "i1", "u2", "u4", "f", "d", "flag", "kind", "large", "lists", "pair"):
        assert rows[name] == COLUMNS[name].to_pylist(), name
    assert rows["u64"] == [str(2**64 - 1), "0", None]
    assert rows["text"] == ["a", "Å中😀", None]
    assert rows["bytes"] == ["x", None, "z"]
    naive = WHEN.replace(tzinfo=None)
    assert rows["when"] == [naive, None, naive]
    assert rows["day"] == [datetime.fromisoformat("2026-01-02"), None, None]
    assert rows["money"] == [1.25, None, -2.5]
    assert rows["matrix"] == [[1, 2, 3, 4], None, [5, 6, 7, 8]]


def test_types_are_told_in_votable_words(tmp_path: Path) -> None:
    reader = open_reader(str(written(tmp_path, pa.table(COLUMNS))))
    types = {column.name: column.datatype for column in reader.facts.columns}
    assert types["u4"] == DataType(Primitive.LONG)
    assert types["pair"] == DataType(Primitive.INT, "2")
    assert types["matrix"] == DataType(Primitive.SHORT, "2x2")
    assert types["lists"] == DataType(Primitive.DOUBLE, "*")
    assert types["when"] == types["day"] == DataType(Primitive.CHAR, "*", "timestamp")
    assert reader.facts.n_rows == 3


def test_metadata_of_fields_is_taken_over(tmp_path: Path) -> None:
    field = pa.field("ra", pa.float64(), metadata={"unit": "deg", "ucd": "pos.eq.ra", "description": "Right ascension"})
    path = written(tmp_path, pa.table([pa.array([1.0])], schema=pa.schema([field])))
    (ra,) = open_reader(str(path)).facts.columns
    assert (ra.unit, ra.ucd, ra.description) == ("deg", "pos.eq.ra", "Right ascension")


def test_metadata_that_astropy_writes_is_taken_over(tmp_path: Path) -> None:
    table = QTable({"ra": np.array([1.0, 2.0])})
    table["ra"].unit = "deg"
    table["ra"].info.description = "Right ascension"
    table.write(tmp_path / "a.parquet")
    (ra,) = open_reader(str(tmp_path / "a.parquet")).facts.columns
    assert (ra.unit, ra.description) == ("deg", "Right ascension")


def test_a_votable_inside_is_taken_over(tmp_path: Path) -> None:
    document = """<VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE name="stars">
    <DESCRIPTION>Some stars</DESCRIPTION><FIELD name="ra" datatype="double" unit="deg" ucd="pos.eq.ra;meta.main">
    <DESCRIPTION>Right ascension</DESCRIPTION></FIELD></TABLE></RESOURCE></VOTABLE>"""
    table = pa.table({"ra": [1.0]}).replace_schema_metadata({"IVOA.VOTable-Parquet.content": document})
    facts = open_reader(str(written(tmp_path, table))).facts
    (ra,) = facts.columns
    assert (facts.name, facts.description) == ("stars", "Some stars")
    assert (ra.unit, ra.ucd, ra.description) == ("deg", "pos.eq.ra;meta.main", "Right ascension")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, share: float) -> None:
    whole = written(tmp_path, pa.table({"a": range(10_000)})).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: max(4, int(len(whole) * share))])
    with pytest.raises(IngestError, match=r"cut\.parquet: the Parquet file cannot be opened"):
        rows_of(tmp_path / "cut.parquet")


def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    table = pa.table({"a": np.random.default_rng(0).integers(0, 2**62, 10_000)})
    path = written(tmp_path, table)
    data = bytearray(path.read_bytes())
    data[4:200] = b"\xff" * 196
    path.write_bytes(data)
    with pytest.raises(IngestError, match=r"row 1: the Parquet file is damaged"):
        rows_of(path)


@pytest.mark.parametrize("array", [pa.array([{"x": 1}]), pa.array([["a", "b"]])], ids=["struct", "texts"])
def test_types_without_a_home_are_refused(tmp_path: Path, array: pa.Array) -> None:
    with pytest.raises(IngestError, match=r"column bad: .*cannot be published"):
        open_reader(str(written(tmp_path, pa.table({"bad": array}))))


@pytest.mark.parametrize(
    "kind",
    [pa.decimal32(9, 0), pa.decimal64(18, 0), pa.decimal128(18, 0), pa.decimal128(38, 0), pa.decimal256(70, 0)],
    ids=str,
)
def test_whole_decimals_are_whole_numbers(tmp_path: Path, kind: pa.DataType) -> None:
    longest = min(kind.precision, 18)
    values = [10**longest - 1, 10**longest - 2, None, -(10**longest) + 1]
    path = written(
        tmp_path, pa.table({"id": pa.array([None if one is None else Decimal(one) for one in values], kind)})
    )
    reader = open_reader(str(path))
    assert (reader.facts.columns[0].datatype, reader.facts.warnings) == (DataType(Primitive.LONG), ())
    assert rows_of(path)["id"] == values


def test_whole_decimals_that_do_not_fit_are_text_to_the_last_digit(tmp_path: Path) -> None:
    kind = pa.decimal128(38, 0)
    values = [2**63 - 1, -(2**63), None, 2**63, 2**63 + 1, 10**37]
    column = pa.array([None if one is None else Decimal(one) for one in values], kind)
    path = written(tmp_path, pa.table({"fits": column.slice(0, 3).take(pa.array([0, 1, 2, 0, 1, 2])), "id": column}))
    assert rows_of(path) == {
        "fits": [2**63 - 1, -(2**63), None] * 2,
        "id": [None if one is None else str(one) for one in values],
    }
    (note,) = open_reader(str(path)).facts.warnings
    assert note.startswith("column id: has whole numbers that do not fit 64 bits")


def test_decimals_that_a_double_rounds_are_told(tmp_path: Path) -> None:
    columns = {
        "exact": pa.array([Decimal("1.25")], pa.decimal128(15, 2)),
        "long": pa.array([Decimal("1.25")], pa.decimal128(16, 2)),
        "lists": pa.array([[Decimal("1.25")]], pa.list_(pa.decimal128(30, 3))),
    }
    path = written(tmp_path, pa.table(columns))
    notes = open_reader(str(path)).facts.warnings
    assert [note.split(":")[0] for note in notes] == ["column long", "column lists"]
    assert rows_of(path) == {"exact": [1.25], "long": [1.25], "lists": [[1.25]]}
