from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from tests.formats import endings
from tests.formats.expect import same
from tests.formats.samples import EVERYTHING, INF, LATER, NAN, NOON, P, batch_of, column, sample, until_error, written
from tests.formats.strategies import tables
from vo_server.errors import EngineError, MissingError
from vo_server.formats.json import JsonLinesWriter, JsonWriter
from vo_server.model.datatype import Primitive
from vo_server.model.table import Column


def meant(value: Any, one: Column) -> Any:
    """Return what a cell of JSON means, as the page on formats says it."""
    if isinstance(value, list):
        return [_scalar(element, one.datatype.primitive) for element in value]
    return value if one.datatype.is_timestamp else _scalar(value, one.datatype.primitive)


def _scalar(value: Any, primitive: Primitive) -> Any:
    if value is None or primitive in {P.BOOLEAN, P.CHAR, P.UNICODE_CHAR}:
        return value
    if primitive is P.LONG:
        assert isinstance(value, str)
        return int(value)
    if primitive is P.FLOAT:
        return float(np.float32(value))
    return float(value) if primitive is P.DOUBLE else value


def original(value: Any, one: Column) -> Any:
    if value is None or not one.datatype.is_timestamp:
        return value
    text = value.isoformat()
    text = text.rstrip("0").rstrip(".") if "." in text else text
    n_elements = one.datatype.n_elements
    return text if n_elements is None else (text if "." in text else f"{text}.").ljust(n_elements, "0")


@pytest.mark.parametrize("pair", EVERYTHING, ids=[one.name for one, _ in EVERYTHING])
def test_no_value_is_lost(pair: tuple[Column, list[Any]]) -> None:
    columns, batch = sample([pair])
    one, values = pair
    expected = [original(value, one) for value in values]
    rows = json.loads(written(JsonWriter(), columns, batch))["data"]
    assert same([meant(cell, one) for (cell,) in rows], expected)
    lines = written(JsonLinesWriter(), columns, batch).decode().splitlines()
    assert same([meant(json.loads(line)[one.name], one) for line in lines], expected)


@given(table=tables())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_json_reads_back_to_the_same_table(table: tuple[tuple[Column, ...], list[list[Any]]]) -> None:
    columns, values = table
    found = json.loads(written(JsonWriter(), columns, batch_of(columns, values)))["data"]
    read = [[meant(cell, one) for cell, one in zip(row, columns, strict=True)] for row in found]
    assert same(
        read,
        [[original(cell, one) for cell, one in zip(row, columns, strict=True)] for row in zip(*values, strict=True)],
    )


def test_a_document_is_one_object_with_columns_rows_and_status() -> None:
    columns = [column("l", P.LONG), column("s", P.CHAR, "*"), column("p", P.DOUBLE, "2", "point")]
    rows = batch_of(columns, [[2**60, None], ["a", None], [[1.5, NAN], None]])
    assert written(JsonWriter(), columns, rows).decode() == (
        '{"metadata":[\n'
        '{"name":"l","datatype":"long","unit":null,"description":null},\n'
        '{"name":"s","datatype":"char","arraysize":"*","unit":null,"description":null},\n'
        '{"name":"p","datatype":"double","arraysize":"2","xtype":"point","unit":null,"description":null}\n'
        '],\n"info":[\n\n],\n"links":[\n\n],\n"data":[\n'
        '["1152921504606846976","a",[1.5,"NaN"]],\n'
        "[null,null,null]\n"
        '],\n"status":"OK","message":null,"truncation":null,"rows":2}\n'
    )


def test_lines_are_objects() -> None:
    columns = [column('a "b"', P.INT), column("A", P.DOUBLE), column("a", P.CHAR, "*", "timestamp")]
    rows = batch_of(columns, [[1, None], [INF, -0.0], [NOON, LATER]])
    assert written(JsonLinesWriter(), columns, rows).decode() == (
        '{"a \\"b\\"":1,"A":"Infinity","a_2":"2020-01-02T12:00:00"}\n'
        '{"a \\"b\\"":null,"A":-0.0,"a_2":"1999-12-31T23:59:59.12"}\n'
    )


def test_every_character_survives() -> None:
    text = "".join(map(chr, range(0x80))) + '\u2028é中😀 "\\ \\u0041'
    one = column("s", P.CHAR, "*")
    assert json.loads(written(JsonWriter(), [one], batch_of([one], [[text]])))["data"] == [[text]]


def test_notes_are_told_with_all_that_they_say() -> None:
    found = json.loads(b"".join(JsonWriter().write(endings.whole())))
    assert found["info"][2] == {
        "name": "citation",
        "value": "2020A&A...1..1X",
        "text": "<the paper>",
        "ucd": "meta.bib.bibcode",
    }
    assert found["links"] == [{"href": "https://example.org/doi", "title": "The paper"}]
    assert found["info"][0]["value"] == "SELECT n\nFROM t WHERE s = 'é'"


def test_an_overflow_is_told_behind_the_rows() -> None:
    found = json.loads(b"".join(JsonWriter().write(endings.cut())))
    assert (found["status"], found["rows"], found["data"]) == ("OVERFLOW", 2, [[1], [2]])
    assert "MAXREC=2" in found["message"]
    assert found["truncation"]["TRUNCATED_BY"] == "maxrec"
    assert json.loads(b"".join(JsonWriter().write(endings.cut_before())))["data"] == []


def test_an_error_in_the_middle_is_told_behind_the_rows_and_raised() -> None:
    found = json.loads(b"".join(until_error(JsonWriter().write(endings.broken()), EngineError)))
    assert (found["status"], found["rows"]) == ("ERROR", 2)
    assert "went away" in found["message"]


def test_the_last_line_after_an_error_cannot_be_read_by_mistake() -> None:
    *lines, last = b"".join(until_error(JsonLinesWriter().write(endings.broken()), EngineError)).decode().split("\n")
    assert [json.loads(line) for line in lines] == [{"n": 1}, {"n": 2}]
    assert "went away" in last
    with pytest.raises(json.JSONDecodeError):
        json.loads(last)


def test_pandas_reads_lines() -> None:
    columns = [column("l", P.LONG), column("d", P.DOUBLE), column("s", P.CHAR, "*")]
    document = written(JsonLinesWriter(), columns, batch_of(columns, [[2**63 - 1, 1], [0.5, None], ["a", "é"]]))
    frame = pd.read_json(io.BytesIO(document), lines=True, dtype={"l": str})
    assert frame["l"].tolist() == [str(2**63 - 1), "1"]
    assert frame["d"][0] == 0.5
    assert math.isnan(frame["d"][1])
    assert frame["s"].tolist() == ["a", "é"]


def test_the_error_documents_say_what_happened() -> None:
    assert json.loads(JsonWriter().write_error(MissingError("no table é"), query="SELECT 1")) == {
        "status": "ERROR",
        "message": "no table é",
        "query": "SELECT 1",
    }
    assert JsonLinesWriter().write_error(MissingError("x")).decode() == "ERROR: x\n"
