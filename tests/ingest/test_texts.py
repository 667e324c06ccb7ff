"""Texts that are nearly nothing: empty ones, and characters that no database keeps."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests.ingest.conftest import Site
from vo_server.formats.csv import CsvWriter
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import QueryResult, arrow_schema
from vo_server.model.table import Column


def test_a_text_with_the_character_zero_is_a_bad_value_on_both_engines(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3], "name": ["a", "b\0c", None]}), file)
    refused = site.run("load", file, "--table", "s.t")
    assert f"{file}, row 2, column name: 'b\\x00c' has a character with the code 0" in str(refused.exception)
    site.load(file, "--table", "s.t", "--on-error", "keep")
    rows = {row["id"]: row["name"] for row in site.rows("s.t").to_pylist()}
    assert rows == {1: "a", 2: None, 3: None}


def test_a_quoted_empty_cell_is_an_empty_text_and_one_without_quotes_is_null(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text('id,name,n,x\n1,,,1.5\n2,"","",""\n3,"a","7","nan"\n')
    site.load(file, "--table", "s.t")
    rows = sorted(site.rows("s.t").to_pylist(), key=lambda row: row["id"])
    assert [row["name"] for row in rows] == [None, "", "a"]
    assert [row["n"] for row in rows] == [None, None, 7]
    assert [row["x"] for row in rows] == [1.5, None, None]


def test_texts_survive_our_own_csv(duckdb_site: Site, tmp_path: Path) -> None:
    columns = (Column("id", DataType(Primitive.INT)), Column("name", DataType(Primitive.CHAR, "*")))
    names = ["", None, '"', "a,b", " ", "nan"]
    batch = pa.record_batch([pa.array(range(len(names)), pa.int32()), pa.array(names)], schema=arrow_schema(columns))
    file = tmp_path / "t.csv"
    file.write_bytes(b"".join(CsvWriter().write(QueryResult(columns, iter([batch]), 100))))
    duckdb_site.load(file, "--table", "s.t")
    rows = sorted(duckdb_site.rows("s.t").to_pylist(), key=lambda row: row["id"])
    assert [row["name"] for row in rows] == names


def test_an_empty_text_is_null_where_the_description_says_so(duckdb_site: Site, tmp_path: Path) -> None:
    file, schema = tmp_path / "t.csv", tmp_path / "s.yaml"
    file.write_text('id,name\n1,""\n2,a\n')
    schema.write_text(duckdb_site.run("describe", file, "--table", "s.t").stdout)
    text = schema.read_text()
    assert "name: name" in text
    spec = yaml.safe_load(text)
    spec["tables"][0]["columns"][1]["vo"] = {"null_values": [""]}
    schema.write_text(yaml.safe_dump(spec))
    duckdb_site.load(file, "--table", "s.t", "--schema-file", schema)
    assert sorted(row["name"] or "" for row in duckdb_site.rows("s.t").to_pylist()) == ["", "a"]
    assert duckdb_site.rows("s.t")["name"].null_count == 1


def test_missing_sexagesimal_positions_may_be_quoted(duckdb_site: Site, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text('"id","ra","dec"\n"1","12:00:00.0","-01:30:00.0"\n"2","",""\n')
    duckdb_site.load(file, "--table", "s.t")
    rows = sorted(duckdb_site.rows("s.t").to_pylist(), key=lambda row: row["id"])
    assert [row["_ra_icrs"] for row in rows] == [180.0, None]
