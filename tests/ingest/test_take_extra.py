"""``vo: take_extra: true``: columns that a schema file leaves to the files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import Table

from tests.ingest.conftest import Site
from vo_server.errors import IngestError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, Position

SCHEMA = """
name: s
tables:
- name: main
  description: Described
  vo: {title: Main, position: {ra: ra, dec: dec}, take_extra: true}
  columns:
  - {name: dec, datatype: double, "ivoa:unit": deg}
  - {name: ra, datatype: double, "ivoa:unit": deg}
  - {name: flux, datatype: float, "ivoa:unit": Jy, vo: {source: S, aliases: [fluxx]}}
  - {name: code, datatype: text}
- name: unknown
  description: Nobody knows its columns
  vo: {title: Unknown, take_extra: true}
"""


def described(tmp_path: Path, text: str = SCHEMA) -> Path:
    (tmp_path / "s.yaml").write_text(text)
    return tmp_path / "s.yaml"


def test_what_is_not_described_is_taken_as_the_file_has_it(duckdb_site: Site, tmp_path: Path) -> None:
    rows = Table({"id": [7], "RA": [1.5], "Dec": [2.5], "S": [3.0], "code": ["x"], "pm": [4.0], "_healpix_29": [1]})
    rows["pm"].unit = "mas/yr"
    rows.write(tmp_path / "rows.fits")
    duckdb_site.load(tmp_path / "rows.fits", "--table", "s.main", "--schema-file", described(tmp_path))
    table = duckdb_site.table("s.main")
    assert [one.name for one in table.columns] == ["dec", "ra", "flux", "code", "id", "pm", HEALPIX_COLUMN]
    assert (table.title, table.description, table.position) == ("Main", "Described", Position("ra", "dec"))
    assert (table.by_name["pm"].unit, table.by_name["flux"].unit) == ("mas.yr**-1", "Jy")
    assert table.by_name["id"].datatype == DataType(Primitive.LONG)
    assert duckdb_site.ask("SELECT id, pm, flux FROM s.main", "s.main") == [(7, 4.0, 3.0)]


def test_texts_that_are_described_stay_what_they_are_and_others_get_types(duckdb_site: Site, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("ra,dec,S,code,n,word\n1,2,3,1.50,4,a\n5,6,7,2.00,,b\n")
    duckdb_site.load(tmp_path / "rows.csv", "--table", "s.main", "--schema-file", described(tmp_path))
    assert duckdb_site.ask("SELECT code, n, word FROM s.main ORDER BY ra", "s.main") == [
        ("1.50", 4, "a"),
        ("2.00", None, "b"),
    ]


def test_a_table_of_which_nothing_is_described_is_that_of_the_file(duckdb_site: Site, tmp_path: Path) -> None:
    pq.write_table(pa.table({"glon": [0.0], "glat": [0.0]}), tmp_path / "rows.parquet")
    duckdb_site.load(tmp_path / "rows.parquet", "--table", "s.unknown", "--schema-file", described(tmp_path))
    table = duckdb_site.table("s.unknown")
    assert (table.title, table.description) == ("Unknown", "Nobody knows its columns")
    assert [one.name for one in table.visible_columns] == ["glon", "glat", "_ra_icrs", "_dec_icrs"]
    assert table.position == Position("_ra_icrs", "_dec_icrs")


def test_a_described_column_that_the_file_lacks_is_told(duckdb_site: Site, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("ra,dec,code,n\n1,2,x,4\n")
    result = duckdb_site.run("load", tmp_path / "rows.csv", "--table", "s.main", "--schema-file", described(tmp_path))
    assert "described columns that the file does not have: S" in str(result.exception)


def test_a_column_with_the_name_of_a_described_one_is_refused(duckdb_site: Site, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("ra,dec,S,FLUX,code\n1,2,3,4,x\n")
    result = duckdb_site.run("load", tmp_path / "rows.csv", "--table", "s.main", "--schema-file", described(tmp_path))
    assert isinstance(result.exception, IngestError)
    assert "the column FLUX of the files is not described, but another column has its name" in str(result.exception)


def test_an_optional_column_is_null_where_the_file_lacks_it(site: Site, tmp_path: Path) -> None:
    text = SCHEMA.replace("vo: {source: S,", "vo: {optional: true, source: S,").replace(
        "code, datatype: text}", 'i, datatype: float, "votable:arraysize": "2", vo: {optional: true}}'
    )
    schema = described(tmp_path, text)
    with_all = pa.table({"ra": [1.0], "dec": [2.0], "S": [3.0], "i": [[4.0, 5.0]]})
    pq.write_table(with_all, tmp_path / "south.parquet")
    pq.write_table(with_all.select(["ra", "dec"]), tmp_path / "north.parquet")
    site.load(tmp_path / "north.parquet", "--table", "s.main", "--schema-file", schema)
    assert site.ask("SELECT flux, i FROM s.main", "s.main") == [(None, None)]
    site.load(tmp_path / "south.parquet", "--table", "s.main", "--schema-file", schema)
    assert site.ask("SELECT flux, i FROM s.main", "s.main") == [(3.0, [4.0, 5.0])]


def test_what_was_left_out_of_a_column_that_is_taken_is_told(duckdb_site: Site, tmp_path: Path) -> None:
    columns = [fits.Column(name, "D", array=[1.5]) for name in ("ra", "dec", "S", "code")]
    columns.append(fits.Column("pm", "D", unit="furlong", array=[4.0]))
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "rows.fits")
    result = duckdb_site.load(tmp_path / "rows.fits", "--table", "s.main", "--schema-file", described(tmp_path))
    assert "column pm: the unit 'furlong' is not a VOUnit and was left out" in result.stderr


def test_without_the_note_such_columns_are_refused(duckdb_site: Site, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("ra,dec,S,code,n\n1,2,3,x,4\n")
    schema = described(tmp_path, SCHEMA.replace(", take_extra: true", ""))
    told = {
        name: str(duckdb_site.run("load", tmp_path / "rows.csv", "--table", name, "--schema-file", schema).exception)
        for name in ("s.main", "s.unknown")
    }
    assert "columns of the file that are not described: n" in told["s.main"]
    assert "table unknown: no column is described; take_extra: true takes those of the files" in told["s.unknown"]
