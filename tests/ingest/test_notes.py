"""What a schema file says beyond Felis, from the file to the rows of a query: other names, flags, elements, keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.ingest.conftest import Site
from vo_server.adql.front import compile_query
from vo_server.model.table import Key
from vo_server.vo.vosi import tableset

SCHEMA = """
name: s
"@id": "#s"
tables:
- name: main
  "@id": "#main"
  vo: {foreign_keys: [{name: main_far, target: far.away, columns: {id: number}, description: Far away}]}
  columns:
  - {name: id, "@id": "#main.id", datatype: long, nullable: false}
  - name: rpetMag
    "@id": "#main.rpetMag"
    datatype: float
    description: Petrosian magnitude
    ivoa:unit: mag
    vo: {aliases: [rpelMag, r/mag], null_values: [-999, NaN]}
  - name: mags
    "@id": "#main.mags"
    datatype: float
    votable:arraysize: "3"
    vo: {element_names: [g, r, i], null_values: [99, NaN]}
  - {name: bits, "@id": "#main.bits", datatype: int, vo: {flag_bits: {0: BRIGHT, 10: BAILOUT, 31: LAST}}}
  - {name: code, "@id": "#main.code", datatype: short, description: Warnings, vo: {flag_meanings: {0: fine, 2: odd}}}
"""

Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def loaded(site: Site, tmp_path: Path) -> Site:
    """A site with a table whose file has the misprinted name."""
    rows = {
        "id": pa.array([1, 2, 3]),
        "rpelMag": pa.array([17.5, -999.0, float("nan")], pa.float32()),
        "mags": pa.array([[1, 99, float("nan")], None, [2, 3, 99]], pa.list_(pa.float32(), 3)),
        "bits": pa.array([1024, 1025, -(2**31)], pa.int32()),
        "code": pa.array([2, 0, 0], pa.int16()),
    }
    pq.write_table(pa.table(rows), tmp_path / "rows.parquet")
    (tmp_path / "s.yaml").write_text(SCHEMA)
    site.load(tmp_path / "rows.parquet", "--table", "s.main", "--schema-file", tmp_path / "s.yaml")
    return site


@pytest.fixture
def ask(loaded: Site) -> Iterator[Ask]:
    """What returns the rows of a query of everything that is published."""
    store, engine = loaded.open_store(), loaded.open_engine()
    catalogue = store.catalogue.load()

    def asked(adql: str) -> list[tuple[Any, ...]]:
        query = compile_query(adql, catalogue)
        own = store.catalogue.inline(catalogue)
        named = {one.full_name: own[one.full_name] for one in query.tables if one.full_name in own}
        with closing(engine.run(query, limit=None, timeout_s=60, inline=named)) as batches:
            return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]

    yield asked
    engine.close()
    store.close()


def test_a_column_is_loaded_and_queried_by_either_name(ask: Ask) -> None:
    assert ask("SELECT id FROM s.main WHERE rpelMag < 20") == [(1,)]
    assert ask('SELECT "r/mag", rpetMag FROM s.main WHERE id = 1') == [(17.5, 17.5)]
    assert ask("SELECT COUNT(rpelMag) AS n FROM s.main") == [(1,)]


def test_elements_that_mean_null_are_null(ask: Ask) -> None:
    assert ask("SELECT mags FROM s.main ORDER BY id") == [([1.0, None, None],), (None,), ([2.0, 3.0, None],)]
    assert ask("SELECT id FROM s.main WHERE mags[r] IS NULL ORDER BY id") == [(1,), (2,)]
    assert ask("SELECT id FROM s.main WHERE mags[3] > 0") == []


def test_what_bits_mean_is_joined_to_the_rows_that_have_them(ask: Ask) -> None:
    joined = """
        SELECT f.meaning, COUNT(*) AS n FROM s.main AS t JOIN tap_schema.flags AS f ON has_bits(t.bits, f.value) = 1
        WHERE f.table_name = 's.main' AND f.column_name = 'bits' GROUP BY f.meaning ORDER BY f.meaning"""
    assert ask(joined) == [("BAILOUT", 2), ("BRIGHT", 1), ("LAST", 1)]


def test_what_codes_mean_is_joined_to_the_rows_that_have_them(ask: Ask) -> None:
    joined = """
        SELECT t.id, f.meaning FROM s.main AS t JOIN tap_schema.flags AS f ON t.code = f.value
        WHERE f.table_name = 's.main' AND f.column_name = 'code' ORDER BY t.id"""
    assert ask(joined) == [(1, "odd"), (2, "fine"), (3, "fine")]


def test_descriptions_tell_it_in_tap_schema_and_in_the_tables(loaded: Site, ask: Ask) -> None:
    wanted = {
        "id": None,
        "rpetMag": "Petrosian magnitude. Also called rpelMag, r/mag",
        "mags": "Elements: g, r, i",
        "bits": "Bits: 0 BRIGHT, 10 BAILOUT, 31 LAST",
        "code": "Warnings. Values: 0 fine, 2 odd",
    }
    told = ask("SELECT column_name, description FROM tap_schema.columns WHERE table_name = 's.main'")
    assert dict(told) == wanted
    store = loaded.open_store()
    document = tableset(store.catalogue.load(), reserved=frozenset()).decode()
    store.close()
    assert all(f"<description>{text}</description>" in document for text in wanted.values() if text)


def test_a_key_to_another_file_is_told_when_its_target_is_published(loaded: Site, ask: Ask, tmp_path: Path) -> None:
    of_ours = "SELECT target_table FROM tap_schema.keys WHERE from_table = 's.main'"
    assert ask(of_ours) == []
    (tmp_path / "far.csv").write_text("number\n1\n")
    loaded.load(tmp_path / "far.csv", "--table", "far.away")
    store = loaded.open_store()
    (schema,) = [one for one in store.catalogue.load().schemas if one.name == "s"]
    store.close()
    assert schema.tables[0].keys == (Key("main_far", "far.away", (("id", "number"),), "Far away"),)


def test_a_draft_of_a_table_has_no_notes_that_its_file_does_not_say(loaded: Site, tmp_path: Path) -> None:
    drafted = loaded.run("describe", tmp_path / "rows.parquet", "--table", "s.main").stdout
    assert "aliases" not in drafted
    assert "flag_bits" not in drafted
