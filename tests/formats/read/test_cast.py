from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from vo_server.formats.read.cast import cast
from vo_server.model.datatype import DataType, Primitive

SHORT, INT, LONG = DataType(Primitive.SHORT), DataType(Primitive.INT), DataType(Primitive.LONG)
FLOAT, DOUBLE = DataType(Primitive.FLOAT), DataType(Primitive.DOUBLE)
BOOLEAN, TEXT = DataType(Primitive.BOOLEAN), DataType(Primitive.CHAR, "*")
TIMESTAMP = DataType(Primitive.CHAR, "*", "timestamp")
MAX, MIN = 2**63 - 1, -(2**63)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


CASES: list[tuple[str, pa.Array, DataType, list[Any], list[int]]] = [
    ("int64 limits", pa.array([str(MAX), str(MIN)]), LONG, [MAX, MIN], []),
    ("beyond int64", pa.array([str(MAX + 1), str(MIN - 1), "1"]), LONG, [None, None, 1], [0, 1]),
    ("60 digits", pa.array(["9" * 60, "1"]), LONG, [None, 1], [0]),
    ("signs and blanks", pa.array(["+5", " -3 ", "1"]), LONG, [5, -3, 1], []),
    ("whole floats", pa.array(["11.0", "1e3", "1.5"]), INT, [11, 1000, None], [2]),
    ("hexadecimal", pa.array(["0x1F", "0xzz"]), INT, [31, None], [1]),
    ("words for nothing", pa.array(["", "NULL", "7", None]), INT, [None, None, 7, None], []),
    ("narrow", pa.array(["32767", "32768", "-32769"]), SHORT, [32767, None, None], [1, 2]),
    ("float text", pa.array([".5", "5.", "+1E-3", " 2 ", "x"]), DOUBLE, [0.5, 5.0, 0.001, 2.0, None], [4]),
    ("infinite text", pa.array(["inf", "-Infinity", "+Inf"]), DOUBLE, [float("inf"), -float("inf"), float("inf")], []),
    ("too large for float", pa.array(["1e39", "1"]), FLOAT, [None, 1.0], [0]),
    ("too large for double", pa.array(["1e999", "1"]), DOUBLE, [None, 1.0], [0]),
    ("double to float", pa.array([1e39, 2.5, float("inf")]), FLOAT, [None, 2.5, float("inf")], [0]),
    ("double to int", pa.array([1.0, 2.5, float("nan"), 3e9]), INT, [1, None, None, None], [1, 3]),
    ("2**63 as double", pa.array([2.0**63, -(2.0**63)]), LONG, [None, MIN], [0]),
    ("int64 to double", pa.array([2**53, 2**53 + 1]), DOUBLE, [2.0**53, None], [1]),
    ("int64 to int", pa.array([2**31, 5, None]), INT, [None, 5, None], [0]),
    ("uint64 to text", pa.array([2**64 - 1], pa.uint64()), TEXT, [str(2**64 - 1)], []),
    ("numbers to text", pa.array([1, None]), TEXT, ["1", None], []),
    ("empty text", pa.array(["", "a", " "]), TEXT, [None, "a", " "], []),
    (
        "truth",
        pa.array(["T", "false", "1", "0", "?", "", "x"]),
        BOOLEAN,
        [True, False, True, False, None, None, None],
        [6],
    ),
    ("truth numbers", pa.array([0, 1, 2]), BOOLEAN, [False, True, None], [2]),
    ("dictionary", pa.array(["a", "b", "a"]).dictionary_encode(), TEXT, ["a", "b", "a"], []),
    ("large text", pa.array(["5"], pa.large_string()), INT, [5], []),
    ("nothing", pa.nulls(2), LONG, [None, None], []),
    (
        "dates",
        pa.array(["2020-02-29", "2020-01-01T10:20:30.1234567Z", "2019-02-29", "x", "2020-01-01 01:02"]),
        TIMESTAMP,
        [at("2020-02-29"), at("2020-01-01T10:20:30.123456"), None, None, at("2020-01-01T01:02")],
        [2, 3],
    ),
    (
        "zoned",
        pa.array([1_600_000_000_000_000_123], pa.timestamp("ns", "Europe/Madrid")),
        TIMESTAMP,
        [at("2020-09-13T12:26:40")],
        [],
    ),
    (
        "array text",
        pa.array(["1 2", "[3,4]", "", "5 x"]),
        DataType(Primitive.INT, "*"),
        [[1, 2], [3, 4], None, None],
        [3],
    ),
    ("wrong length", pa.array(["1 2", "1 2 3"]), DataType(Primitive.INT, "2"), [[1, 2], None], [1]),
    (
        "fixed lists",
        pa.array([[1, 2], None], pa.list_(pa.int16(), 2)),
        DataType(Primitive.FLOAT, "2"),
        [[1.0, 2.0], None],
        [],
    ),
    ("nested lists", pa.array([[[1, 2], [3]], None, []]), DataType(Primitive.LONG, "*"), [[1, 2, 3], None, []], []),
    ("a number for an array", pa.array([1, None]), DataType(Primitive.LONG, "*"), [None, None], [0]),
]


@pytest.mark.parametrize(
    ("array", "datatype", "values", "bad"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_cast_gives_exact_values_and_tells_the_others(
    array: pa.Array, datatype: DataType, values: list[Any], bad: list[int]
) -> None:
    result, mask = cast(array, datatype, frozenset({"NULL"}))
    assert result.type == datatype.arrow
    assert result.to_pylist() == values
    assert ([] if mask is None else mask.nonzero()[0].tolist()) == bad


def test_a_sliced_array_is_cast_like_a_whole_one() -> None:
    lists = pa.array([[9], [1, 2], [3]]).slice(1)
    result, mask = cast(lists, DataType(Primitive.INT, "*"))
    assert (result.to_pylist(), mask) == ([[1, 2], [3]], None)


_TEXTS = ("7", "-12", "", "NULL", "nan", "NaN", "-99", "-99.0", "0x1F", "inf", "2.5", "1e3", "junk", " 4 ", None)


@pytest.mark.parametrize("datatype", [LONG, FLOAT, DOUBLE])
@pytest.mark.parametrize(
    "null_texts", [(), ("NULL",), ("NULL", "nan", "NaN"), ("NULL", "nan", "NaN", "-99"), ("0x1F",)], ids=str
)
def test_texts_that_mean_null_are_found_whatever_stands_beside_them(
    datatype: DataType, null_texts: tuple[str, ...]
) -> None:
    meaning: dict[str | None, Any] = {}
    for text in _TEXTS:  # alone, where there is no quick way past the texts for NULL
        values, bad = cast(pa.array([text, "", "junk"], pa.string()), datatype, frozenset(null_texts))
        assert bad is not None
        meaning[text] = (values[0].as_py(), bool(bad[0]))
        if text in null_texts:
            assert meaning[text] == (None, False)
    for pair in itertools.product(_TEXTS, repeat=2):
        values, bad = cast(pa.array(pair, pa.string()), datatype, frozenset(null_texts))
        told = zip(values.to_pylist(), [False, False] if bad is None else bad.tolist(), strict=True)
        assert repr(list(told)) == repr([meaning[text] for text in pair]), pair
