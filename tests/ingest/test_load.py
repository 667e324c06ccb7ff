"""Loads through the command line: what is published, what is refused, and that a refusal changes nothing."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from click.testing import Result

from ingest.database import place
from tests.ingest.conftest import Site
from vo_server.errors import IngestError, MissingError, SchemaFileError, UsageError, VoError
from vo_server.model.datatype import DataType, Primitive
from vo_server.sky.healpix import cells

GOOD = "id,ra,dec,mag,note\n1,10.5,-20.25,17.5,first\n2,350,89.9,,Å\n3,0,-90,nan,\n"


def written(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def error_of(result: Result) -> VoError:
    assert isinstance(result.exception, VoError), result.exception
    return result.exception


@pytest.fixture
def loaded(site: Site, tmp_path: Path) -> Site:
    """A site with one release of ``s.t`` in it."""
    site.load(written(tmp_path, GOOD, "good.csv"), "--table", "s.t", "--version", "v1", "--description", "Things")
    return site


def assert_unchanged(site: Site) -> None:
    """Check that the one good release is served, whole, and nothing else is there."""
    assert sorted(site.rows("s.t")["id"].to_pylist()) == [1, 2, 3]
    assert site.table("s.t").release == "v1"
    store = site.open_store()
    assert [release.version for release in store.catalogue.releases("s.t")] == ["v1"]
    engine = site.open_engine()
    assert engine.sweep(store.catalogue.locations) == []
    engine.close()
    store.close()


def test_a_load_publishes_rows_types_and_where_they_came_from(loaded: Site, tmp_path: Path) -> None:
    rows, table = loaded.rows("s.t").to_pylist(), loaded.table("s.t")
    assert [{name: row[name] for name in ("id", "mag", "note")} for row in sorted(rows, key=lambda row: row["id"])] == [
        {"id": 1, "mag": 17.5, "note": "first"},
        {"id": 2, "mag": None, "note": "Å"},
        {"id": 3, "mag": None, "note": None},
    ]
    assert [row["_healpix_29"] for row in rows] == sorted(cells([10.5, 350, 0], [-20.25, 89.9, -90]).tolist())
    assert table.by_name["note"].datatype == DataType(Primitive.UNICODE_CHAR, "*")
    assert (table.description, table.n_rows, table.release) == ("Things", 3, "v1")
    store = loaded.open_store()
    (release,) = store.catalogue.releases("s.t")
    store.close()
    (source,) = release.sources
    text = (tmp_path / "good.csv").read_bytes()
    assert (source.name, source.size_bytes, source.n_rows) == ("good.csv", len(text), 3)
    assert source.sha256 == hashlib.sha256(text).hexdigest()


def test_a_new_release_replaces_the_old_one_which_stays(loaded: Site, tmp_path: Path) -> None:
    loaded.load(written(tmp_path, "id,ra,dec,z\n7,1,1,0.5\n"), "--table", "s.t", "--version", "v2")
    assert loaded.rows("s.t")["id"].to_pylist() == [7]
    lines = [line for line in loaded.run("releases", "s.t").stdout.splitlines() if line[2:3] == "s"]
    assert [line.split()[:3] for line in lines] == [["*", "s.t", "v2"], ["s.t", "v1", lines[1].split()[2]]]
    assert loaded.run("rollback", "s.t").stdout == "s.t: release v1 is current\n"
    assert sorted(loaded.rows("s.t")["id"].to_pylist()) == [1, 2, 3]
    assert "no release before v1" in str(error_of(loaded.run("rollback", "s.t")))
    loaded.run("rollback", "s.t", "--version", "v2")
    assert loaded.run("drop", "s.t", "--version", "v1", "--yes").exit_code == 0
    assert loaded.rows("s.t")["id"].to_pylist() == [7]


def test_a_dropped_table_is_gone(loaded: Site) -> None:
    assert loaded.run("drop", "s.t", "--yes").stdout == "table s.t with all its releases was removed\n"
    assert isinstance(loaded.run("releases", "s.t").exception, MissingError)
    assert loaded.run("releases").stdout == ""
    assert isinstance(loaded.run("drop", "s.t", "--yes").exception, MissingError)


BAD_ROWS = "id,ra,dec,mag\n1,1,1,5\n2,1,1,bright\n3,1,95,6\n4,1\n5,400,1,7\n6,1,2,8\n"
DESCRIBED = """
name: s
tables:
- name: t
  columns:
  - {name: id, datatype: int, nullable: false}
  - {name: ra, datatype: double, "ivoa:unit": deg, "ivoa:ucd": pos.eq.ra;meta.main}
  - {name: dec, datatype: double, "ivoa:unit": deg, "ivoa:ucd": pos.eq.dec;meta.main}
  - {name: mag, datatype: float, "ivoa:unit": mag}
"""


@pytest.fixture
def bad(tmp_path: Path) -> list[str | Path]:
    return [written(tmp_path, BAD_ROWS), "--table", "s.t", "--schema-file", written(tmp_path, DESCRIBED, "s.yaml")]


def test_bad_rows_are_refused_with_file_and_row(loaded: Site, bad: list[str | Path]) -> None:
    message = str(error_of(loaded.run("load", *bad)))
    assert "4 of 6 rows cannot be loaded" in message
    for told in (
        "row 2, column mag: 'bright' is not a float",
        "row 3, column dec: 95.0 is outside -90 to 90 deg",
        "row 4: 2 fields instead of 4",
        "row 5, column ra: 400.0 is outside 0 to 360 deg",
    ):
        assert f"{bad[0]}, {told}" in message
    assert "--on-error skip" in message
    assert_unchanged(loaded)


def test_bad_rows_can_be_skipped(site: Site, bad: list[str | Path]) -> None:
    result = site.load(*bad, "--on-error", "skip")
    assert "2 rows, 4 columns, 0 NULLs, 4 bad rows" in result.stdout
    assert "row 2, column mag: 'bright' is not a float" in result.stderr
    assert sorted(site.rows("s.t")["id"].to_pylist()) == [1, 6]


def test_bad_values_can_be_kept_as_null(site: Site, bad: list[str | Path]) -> None:
    site.load(*bad, "--on-error", "keep")
    rows = {row["id"]: row for row in site.rows("s.t").to_pylist()}
    # A row that cannot be cut into values has nothing to keep.
    assert sorted(rows) == [1, 2, 3, 5, 6]
    assert (rows[2]["mag"], rows[2]["dec"]) == (None, 1.0)
    assert (rows[3]["dec"], rows[3]["_healpix_29"]) == (None, None)
    assert (rows[5]["ra"], rows[5]["mag"]) == (None, 7.0)
    store = site.open_store()
    (release,) = store.catalogue.releases("s.t")
    store.close()
    assert (release.sources[0].n_rows, release.sources[0].n_bad_rows) == (5, 4)


def test_what_must_not_be_null_is_never_kept(duckdb_site: Site, tmp_path: Path) -> None:
    schema = written(tmp_path, DESCRIBED, "s.yaml")
    file = written(tmp_path, "id,ra,dec,mag\n,1,1,5\nx,1,1,5\n3,1,1,5\n")
    words: list[str | Path] = [file, "--table", "s.t", "--schema-file", schema]
    message = str(error_of(duckdb_site.run("load", *words)))
    assert "row 1, column id: it is NULL, but is described as never NULL" in message
    assert "row 2, column id: 'x' is not an int" in message
    duckdb_site.load(*words, "--on-error", "keep")
    assert duckdb_site.rows("s.t")["id"].to_pylist() == [3]


def test_many_bad_rows_are_counted_and_the_first_ten_told(duckdb_site: Site, tmp_path: Path) -> None:
    schema = written(tmp_path, DESCRIBED, "s.yaml")
    file = written(tmp_path, "id,ra,dec,mag\n" + "".join(f"{n},1,1,x\n" for n in range(200_000)))
    message = str(error_of(duckdb_site.run("load", file, "--table", "s.t", "--schema-file", schema)))
    assert "200000 of 200000 rows cannot be loaded; the first 10:" in message
    assert message.count(", column mag: 'x' is not a float") == 10


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("id,ra,dec", "described columns that the file does not have: mag"),
        ("id,ra,dec,mag,extra", "columns of the file that are not described: extra"),
        ("id,ra,dec,magnitude", "does not have: mag; columns of the file that are not described: magnitude"),
    ],
)
def test_columns_that_do_not_fit_the_description_are_told(loaded: Site, tmp_path: Path, header: str, told: str) -> None:
    file = written(tmp_path, header + "\n" + ",".join("1" for _ in header.split(",")) + "\n")
    schema = written(tmp_path, DESCRIBED, "s.yaml")
    error = error_of(loaded.run("load", file, "--table", "s.t", "--schema-file", schema))
    assert isinstance(error, IngestError)
    assert told in str(error)
    assert_unchanged(loaded)


def test_a_repeated_primary_key_is_refused(loaded: Site, tmp_path: Path) -> None:
    schema = written(tmp_path, DESCRIBED.replace("  columns:", "  primaryKey: [id, mag]\n  columns:"), "s.yaml")
    file = written(tmp_path, "id,ra,dec,mag\n1,1,1,5\n2,1,1,6\n1,9,9,5\n")
    error = error_of(loaded.run("load", file, "--table", "s.t", "--schema-file", schema))
    assert "check primary_key of s.t: the primary key (id, mag) repeats: id = 1, mag = 5.0 (2 rows)" in str(error)
    assert_unchanged(loaded)


def test_names_that_are_reserved_or_odd_are_published_as_they_are(site: Site, tmp_path: Path) -> None:
    names = ["select", "B-V", 'say "hi"', "_x", "Name(s)", "ORDER", "é", "user", "count", "2mass_id"]
    table = pa.table({name: [number, number + 1] for number, name in enumerate(names)})
    pq.write_table(table, tmp_path / "odd.parquet")
    site.load(tmp_path / "odd.parquet", "--table", "select.from")
    rows = site.rows("select.from")
    assert rows.column_names == names
    assert sorted(rows["ORDER"].to_pylist()) == [5, 6]


def test_a_cell_column_of_the_file_is_made_anew(site: Site, tmp_path: Path) -> None:
    pq.write_table(pa.table({"_healpix_29": [0, 1], "ra": [10.0, 20.0], "dec": [5.0, 6.0]}), tmp_path / "hats.parquet")
    result = site.load(tmp_path / "hats.parquet", "--table", "s.t")
    assert "column _healpix_29 is computed anew" in result.stderr
    assert sorted(site.rows("s.t")["_healpix_29"].to_pylist()) == sorted(cells([10.0, 20.0], [5.0, 6.0]).tolist())


def test_files_of_different_formats_make_one_table(site: Site, tmp_path: Path) -> None:
    csv = written(tmp_path, "id,ra,dec,note\n1,1,1,\n")
    pq.write_table(pa.table({"note": ["x"], "dec": [2.5], "ra": [2.0], "id": [2**40]}), tmp_path / "b.parquet")
    site.load(csv, tmp_path / "b.parquet", "--table", "s.t")
    rows = sorted(site.rows("s.t").to_pylist(), key=lambda row: row["id"])
    assert [(row["id"], row["ra"], row["note"]) for row in rows] == [(1, 1.0, None), (2**40, 2.0, "x")]


def test_types_of_different_kinds_are_not_united(duckdb_site: Site, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1.5], "b": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"a": ["x"], "b": [1]}), tmp_path / "b.parquet")
    error = error_of(duckdb_site.run("load", tmp_path / "a.parquet", tmp_path / "b.parquet", "--table", "s.t"))
    assert "b.parquet, column a: it is char[*] here and double in" in str(error)


def test_radians_are_suspected_in_a_part_of_the_sky(duckdb_site: Site, tmp_path: Path) -> None:
    lines = "".join(f"{n / 50},{n / 400 - 0.3}\n" for n in range(240))
    result = duckdb_site.load(written(tmp_path, "ra,dec\n" + lines), "--table", "s.t")
    assert "are ra and dec in radians?" in result.stderr


def test_whole_degrees_are_positions_and_out_of_range_is_refused(site: Site, tmp_path: Path) -> None:
    site.load(written(tmp_path, "id,ra,dec\n1,10,20\n2,30,-40\n"), "--table", "s.t")
    assert sorted(site.rows("s.t")["_healpix_29"].to_pylist()) == sorted(cells([10.0, 30.0], [20.0, -40.0]).tolist())
    error = error_of(site.run("load", written(tmp_path, "id,ra,dec\n1,400,20\n2,30,95\n"), "--table", "s.t"))
    assert "row 1, column ra: 400.0 is outside 0 to 360 deg" in str(error)
    assert "row 2, column dec: 95.0 is outside -90 to 90 deg" in str(error)


def test_an_odd_value_in_a_position_is_a_bad_row(site: Site, tmp_path: Path) -> None:
    file = written(tmp_path, "id,ra,dec,mag\n1,10,20,5\n2,abc,21,x\n3,30,22,6\n")
    error = error_of(site.run("load", file, "--table", "s.t"))
    assert "row 2, column ra: 'abc' is not a double" in str(error)
    result = site.load(file, "--table", "s.t", "--on-error", "keep")
    assert "column mag: 2 of 3 values are numbers, row 2 has 'x'; published as text" in result.stderr
    rows = sorted(site.rows("s.t").to_pylist(), key=lambda row: row["id"])
    assert [(row["ra"], row["mag"]) for row in rows] == [(10.0, "5"), (None, "x"), (30.0, "6")]


def test_an_odd_value_in_one_of_several_files_is_told(duckdb_site: Site, tmp_path: Path) -> None:
    one = written(tmp_path, "id,ra,dec\n1,10,20\n2,11,20\n", "one.csv")
    two = written(tmp_path, "id,ra,dec\n3,10,20\nfour,11,20\n5,-,21\n6,12,2\n", "two.csv")
    result = duckdb_site.load(one, two, "--table", "s.t", "--on-error", "skip")
    assert f"column id: {two}: 3 of 4 values are numbers, row 2 has 'four'; published as text" in result.stderr
    assert sorted(duckdb_site.rows("s.t")["id"].to_pylist()) == ["1", "2", "3", "6", "four"]


def test_infinite_values_are_told(duckdb_site: Site, tmp_path: Path) -> None:
    result = duckdb_site.load(written(tmp_path, "a,b\n1,inf\n2,-inf\n3,1.5\n"), "--table", "s.t")
    assert "column b: 2 values are infinite" in result.stderr


@pytest.mark.parametrize("name", ["t", "a.b.c", ".t", "s."])
def test_a_table_name_has_two_parts(duckdb_site: Site, tmp_path: Path, name: str) -> None:
    error = error_of(duckdb_site.run("load", written(tmp_path, GOOD), "--table", name))
    assert isinstance(error, UsageError)
    assert "expected schema.table" in str(error)


@pytest.mark.parametrize("name", ["TAP_SCHEMA.columns", "tap_upload.x"])
def test_the_schemas_of_the_service_are_reserved(duckdb_site: Site, tmp_path: Path, name: str) -> None:
    error = error_of(duckdb_site.run("load", written(tmp_path, GOOD), "--table", name))
    assert f"the schema name {name.partition('.')[0]} is reserved" in str(error)


@pytest.mark.parametrize(
    ("name", "told"),
    [("select.from", '"select"."from"'), ("x.all", 'x."all"'), ("x.my table", 'x."my table"'), ("x.y", None)],
)
def test_a_name_that_needs_quotes_is_told(duckdb_site: Site, tmp_path: Path, name: str, told: str | None) -> None:
    errors = duckdb_site.load(written(tmp_path, GOOD), "--table", name).stderr
    assert (f"queries must write the name of this table as {told};" in errors) == (told is not None)
    assert ("queries must write" in errors) == (told is not None)


def test_a_name_that_differs_only_in_case_is_refused(loaded: Site, tmp_path: Path) -> None:
    error = error_of(loaded.run("load", tmp_path / "good.csv", "--table", "S.t"))
    assert "S.t differs only in case from s.t" in str(error)
    assert_unchanged(loaded)


def test_a_version_is_used_once(loaded: Site, tmp_path: Path) -> None:
    error = error_of(loaded.run("load", tmp_path / "good.csv", "--table", "s.t", "--version", "v1"))
    assert "has a release v1 already" in str(error)
    error = error_of(loaded.run("load", tmp_path / "good.csv", "--table", "s.t", "--version", "../x"))
    assert "is not a version" in str(error)
    assert_unchanged(loaded)


def test_versions_made_in_the_same_second_differ(duckdb_site: Site, tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    for _ in range(3):
        duckdb_site.load(file, "--table", "s.t")
    listed = duckdb_site.run("releases", "s.t").stdout.splitlines()
    assert len([line for line in listed if line[2:3] == "s"]) == 3


def test_a_bad_schema_file_is_refused(loaded: Site, tmp_path: Path) -> None:
    schema = written(tmp_path, DESCRIBED.replace("double", "duble", 1), "s.yaml")
    error = error_of(loaded.run("load", tmp_path / "good.csv", "--table", "s.t", "--schema-file", schema))
    assert isinstance(error, SchemaFileError)
    assert_unchanged(loaded)


TRUNCATIONS = {"t.fits": "fits", "t.vot": "votable", "t.parquet": "parquet", "t.csv.gz": "ascii.csv"}


@pytest.mark.parametrize("name", TRUNCATIONS)
def test_a_file_that_is_cut_off_changes_nothing(loaded: Site, tmp_path: Path, name: str) -> None:
    n_rows = 150_000
    table = Table({"id": range(n_rows), "ra": [1.0] * n_rows, "dec": [2.0] * n_rows, "note": ["some text"] * n_rows})
    path = tmp_path / name
    if name.endswith("gz"):
        table.write(tmp_path / "t.csv", format="ascii.csv")
        path.write_bytes(gzip.compress((tmp_path / "t.csv").read_bytes()))
    else:
        table.write(path, format=TRUNCATIONS[name])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 9 // 10])
    error = error_of(loaded.run("load", path, "--table", "s.t"))
    assert isinstance(error, IngestError)
    assert name in str(error)
    assert_unchanged(loaded)


def test_describe_prints_a_draft_that_loads(site: Site, tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    draft = site.run("describe", file, "--table", "s.t", "--description", "Things").stdout
    assert draft.startswith("# Draft: fill in what is missing")
    schema = written(tmp_path, draft, "draft.yaml")
    site.load(file, "--table", "s.t", "--schema-file", schema)
    drafted = site.table("s.t")
    site.load(file, "--table", "s.t2", "--description", "Things")
    inferred = site.table("s.t2")
    assert drafted.columns == inferred.columns
    assert (drafted.position, drafted.description) == (inferred.position, inferred.description)


def test_a_draft_says_how_to_describe_the_identifier_that_a_load_would_find(duckdb_site: Site, tmp_path: Path) -> None:
    file = written(tmp_path, "source_id,ra,dec\n7,1,1\n8,2,2\n")
    draft = duckdb_site.run("describe", file, "--table", "s.t").stdout
    comments = "".join(line for line in draft.splitlines() if line.startswith("#"))
    assert "writes a draft" not in comments
    assert "if source_id differs in every row, write `ivoa:ucd: meta.id;meta.main`" in comments
    edited = draft.replace("  datatype: int\n", "  datatype: int\n    ivoa:ucd: meta.id;meta.main\n", 1)
    duckdb_site.load(file, "--table", "s.t", "--schema-file", written(tmp_path, edited, "draft.yaml"))
    assert duckdb_site.table("s.t").by_name["source_id"].ucd == "meta.id;meta.main"


def test_a_draft_loaded_unedited_still_warns_of_its_gaps(duckdb_site: Site, tmp_path: Path) -> None:
    file = written(tmp_path, "id,x\n1,1.5\n")
    schema = written(tmp_path, duckdb_site.run("describe", file, "--table", "s.t").stdout, "draft.yaml")
    told = duckdb_site.load(file, "--table", "s.t", "--schema-file", schema).stderr
    assert "no positions are described: cone searches will not work on this table" in told
    assert "1 floating-point column has no unit (x); 2 columns have no UCD (id, x)" in told
    assert "the table has no description" in told


def test_the_report_says_what_was_taken_as_positions_and_where_it_is(duckdb_site: Site, tmp_path: Path) -> None:
    told = duckdb_site.load(written(tmp_path, GOOD), "--table", "s.t").stdout.splitlines()
    assert told[1:] == ["positions: ra, dec (inferred from the names)", f"stored in {tmp_path / 'vo'}"]
    angles = written(tmp_path, "RA,Dec\n00:08:27.05,+27:43:03.6\n", "angles.csv")
    told = duckdb_site.load(angles, "--table", "s.t").stdout.splitlines()
    assert told[1] == "positions: _ra_icrs, _dec_icrs, computed from RA, Dec (sexagesimal)"
    schema = written(tmp_path, DESCRIBED, "s.yaml")
    told = duckdb_site.load(
        written(tmp_path, "id,ra,dec,mag\n1,2,3,4\n"), "--table", "s.t", "--schema-file", schema
    ).stdout.splitlines()
    assert told[1] == "positions: ra, dec (from the schema file)"


def test_a_password_is_not_told() -> None:
    assert place("postgresql://vo:secret@host:5432/db?password=x") == "postgresql://vo@host:5432/db"


def test_more_tables_in_a_votable_are_told(duckdb_site: Site, tmp_path: Path) -> None:
    table = '<TABLE><FIELD name="x" datatype="int"/><DATA><TABLEDATA><TR><TD>1</TD></TR></TABLEDATA></DATA></TABLE>'
    file = written(tmp_path, f"<VOTABLE><RESOURCE>{table * 3}</RESOURCE></VOTABLE>", "t.vot")
    told = f"the file has 3 tables; the first was taken, choose another with {file}[n]"
    assert told in duckdb_site.load(file, "--table", "s.t").stderr
    assert "tables" not in duckdb_site.load(f"{file}[1]", "--table", "s.t").stderr


def test_errors_are_one_line_with_a_hint_and_status_2(duckdb_site: Site, tmp_path: Path) -> None:
    process = duckdb_site.start("load", tmp_path / "missing.fits", "--table", "s.t")
    output, errors = process.communicate(timeout=600)
    assert (process.returncode, output) == (2, "")
    assert errors == f"vo-server: {tmp_path / 'missing.fits'}: there is no such file\n"
