"""Files that are not what they should be: each is refused with the name of the check, and the old release stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table

from tests.ingest.conftest import Site
from tests.ingest.test_load import error_of
from tests.support.described import Columns, generated, write_native
from vo_server.errors import IngestError
from vo_server.load.unit_change import scaled, unit_factor
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column
from vo_server.resources import schema_file

NAME = "vexas.desw"
N_ROWS = 300


def words(path: Path, version: str) -> list[str | Path]:
    return [path, "--table", NAME, "--schema-file", schema_file("vexas"), "--version", version]


@pytest.fixture
def published(site: Site, tmp_path: Path) -> Site:
    """A site with a good release of a catalogue."""
    site.load(*words(write_native(NAME, tmp_path, generated(NAME, 50)), "good"))
    return site


def refused(site: Site, path: Path) -> str:
    """Load a wrong file, insist that nothing has changed, and return what was said."""
    error = error_of(site.run("load", *words(path, "wrong")))
    assert isinstance(error, IngestError)
    assert (site.table(NAME).release, len(site.rows(NAME))) == ("good", 50)
    store, engine = site.open_store(), site.open_engine()
    assert [one.version for one in store.catalogue.releases(NAME)] == ["good"]
    engine.close()
    store.close()
    return error.message


def with_unit(folder: Path, columns: Columns, **by_column: str) -> Path:
    """Write the file with other units in it."""
    table = Table(columns)
    for name, unit in by_column.items():
        table[name].unit = unit
    table.write(folder / "units.fits", overwrite=True)
    return folder / "units.fits"


def test_a_file_of_another_survey(published: Site, tmp_path: Path) -> None:
    message = refused(published, write_native("vexas.psw", tmp_path, generated("vexas.psw", N_ROWS)))
    assert "check columns: described columns that the file does not have: Coadd_object_id_DES, RA_DES" in message
    _, _, extra = message.partition("columns of the file that are not described: ")
    assert {"objID_PS", "RA_PS", "DEC_PS"} <= set(extra.split(", "))


def test_a_file_with_renamed_columns(published: Site, tmp_path: Path) -> None:
    columns = generated(NAME, N_ROWS)
    columns["prob_quasar"] = columns.pop("p_QSO")
    message = refused(published, write_native(NAME, tmp_path, columns))
    assert message.endswith(
        "check columns: described columns that the file does not have: p_QSO; "
        "columns of the file that are not described: prob_quasar"
    )


def test_a_file_that_was_cut_off(published: Site, tmp_path: Path) -> None:
    path = write_native(NAME, tmp_path, generated(NAME, N_ROWS))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "ends" in refused(published, path)


def test_a_file_with_duplicated_rows(published: Site, tmp_path: Path) -> None:
    columns = generated(NAME, N_ROWS)
    twice = {name: np.concatenate([values, values[:7]]) for name, values in columns.items()}
    message = refused(published, write_native(NAME, tmp_path, twice))
    assert message.startswith(
        "check no_row_twice of vexas.desw: 7 of 307 rows repeat "
        "(SOURCEID_VISTA, Coadd_object_id_DES, SLAVEOBJID_WISE, ID_WISE) of another row; 0 are tolerated"
    )


def test_a_primary_key_that_repeats_names_its_check(duckdb_site: Site, tmp_path: Path) -> None:
    columns = generated("ls_psc.main", 20)
    columns["ls_id"][3] = columns["ls_id"][4]
    path = write_native("ls_psc.main", tmp_path, columns)
    error = error_of(duckdb_site.run("load", path, "--table", "ls_psc.main", "--schema-file", schema_file("ls_psc")))
    assert error.message.startswith("check primary_key of ls_psc.main: the primary key (ls_id) repeats: ls_id = ")


def test_positions_in_radians(published: Site, tmp_path: Path) -> None:
    columns = generated(NAME, N_ROWS)
    columns["RA_DES"] = np.linspace(0.0, 2 * np.pi, N_ROWS)
    columns["DEC_DES"] = np.radians(columns["DEC_DES"])
    message = refused(published, write_native(NAME, tmp_path, columns))
    assert message.startswith("check positions_in_degrees of vexas.desw: RA_DES goes from 0 to 6.28319 and DEC_DES")


def test_a_unit_of_another_quantity(published: Site, tmp_path: Path) -> None:
    message = refused(published, with_unit(tmp_path, generated(NAME, N_ROWS), mag_auto_g_DES="Jy"))
    assert message.endswith(
        "column mag_auto_g_DES: check units: it is in Jy, but mag is described, which is another quantity"
    )


def test_a_unit_that_can_be_converted_is(published: Site, tmp_path: Path) -> None:
    columns = generated(NAME, N_ROWS)
    degrees = columns["RA_DES"].copy(), columns["DEC_DES"].copy()
    columns["RA_DES"], columns["DEC_DES"] = np.radians(degrees[0]), np.radians(degrees[1])
    path = with_unit(tmp_path, columns, RA_DES="rad", DEC_DES="rad", mag_auto_g_DES="mmag")
    result = published.load(*words(path, "converted"))
    assert "column RA_DES: converted from rad to deg" in result.stderr
    rows = published.rows(NAME).sort_by("SOURCEID_VISTA")
    assert np.allclose(rows["RA_DES"].to_numpy(), degrees[0], rtol=1e-14, atol=1e-12)
    assert np.allclose(rows["DEC_DES"].to_numpy(), degrees[1], rtol=1e-14, atol=1e-12)
    given = columns["mag_auto_g_DES"]
    expected = np.where(given == -999, np.nan, given / 1000)
    found = rows["mag_auto_g_DES"].cast(pa.float64()).fill_null(np.nan).to_numpy()
    assert np.allclose(found, expected, rtol=1e-6, equal_nan=True)
    assert int(np.isnan(found).sum()) == N_ROWS // 50


def test_whole_numbers_are_not_converted(duckdb_site: Site, tmp_path: Path) -> None:
    columns = generated("caesar.islands", 20)
    schema = tmp_path / "s.yaml"
    text = schema_file("caesar").read_text(encoding="utf-8")
    schema.write_text(text.replace("ivoa:ucd: meta.number;instr.pixel\n", "ivoa:unit: s\n", 1), encoding="utf-8")
    table = Table(columns)
    table["npix"].unit = "ms"
    table.write(tmp_path / "i.fits")
    error = error_of(duckdb_site.run("load", tmp_path / "i.fits", "--table", "caesar.islands", "--schema-file", schema))
    assert (
        "check units: it is in ms, but s is described, and only floating-point numbers are converted" in error.message
    )


@pytest.mark.parametrize(
    ("given", "described"),
    [
        ("nanomaggy", "'nanomaggy'"),
        ("nanomaggies", "'nanomaggy'"),
        ("1/nanomaggy^2", "'nanomaggy'**-2"),
        ("mag(AB)", "mag"),
        ("AB mag", "mag"),
        ("Degrees", "deg"),
        ("Jy/beam", "Jy.beam**-1"),
        ("e-/s", "'electron'.s**-1"),
        ("-", "mag"),
        ("", "mag"),
        (None, "mag"),
        ("mag", None),
        ("who knows", "mag"),
        ("log(cm.s**-2)", "log(cm.s**-2)"),
    ],
)
def test_units_that_are_spelt_otherwise_are_the_same(given: str | None, described: str | None) -> None:
    column = Column("x", DataType(Primitive.FLOAT), unit=described)
    assert unit_factor(column, given, file="f.fits") is None


@pytest.mark.parametrize(
    ("given", "described", "factor"),
    [("mJy", "Jy", 1e-3), ("arcmin", "deg", 1 / 60), ("rad", "deg", 180 / np.pi), ("mJy/beam", "Jy.beam**-1", 1e-3)],
)
def test_units_of_one_quantity_have_a_factor(given: str, described: str, factor: float) -> None:
    column = Column("x", DataType(Primitive.DOUBLE), unit=described)
    assert unit_factor(column, given, file="f.fits") == pytest.approx(factor, rel=1e-12)


def test_elements_of_arrays_are_converted() -> None:
    lists = pa.array([[1.0, None], None, [3.0, 4.0]], pa.list_(pa.float32()))
    assert scaled(lists, 2.0).to_pylist() == [[2.0, None], None, [6.0, 8.0]]


def test_all_files_that_cannot_be_opened_are_named_at_once(duckdb_site: Site, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("id,ra,dec\n1,1,1\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "head.csv").write_text("id,ra,dec\n")
    files = [tmp_path / name for name in ("good.csv", "empty.csv", "head.csv")]
    error = error_of(duckdb_site.run("load", *files, "--table", "s.t"))
    assert isinstance(error, IngestError)
    assert "2 of 3 files cannot be read" in str(error)
    assert "empty.csv: the file is empty" in str(error)
    assert "head.csv: the file has a header line but no rows" in str(error)
    assert "good.csv" not in str(error)


@pytest.mark.parametrize("option", ["--report", "--dry-run"], ids=["load", "dry run"])
def test_the_report_has_a_row_for_each_file_when_some_cannot_be_opened(
    duckdb_site: Site, tmp_path: Path, option: str
) -> None:
    (tmp_path / "good.csv").write_text("id,ra,dec\n1,1,1\n")
    (tmp_path / "empty.csv").write_text("")
    report = tmp_path / "report.json"
    files: list[str | Path] = [tmp_path / name for name in ("good.csv", "empty.csv", "absent.csv")]
    files.append("http://127.0.0.1:9/far.csv")  # nobody listens at the port of discard
    options = [] if option == "--report" else [option]
    error_of(duckdb_site.run("load", *files, "--table", "s.t", "--report", report, *options))
    rows = json.loads(report.read_text())["files"]
    assert [(one["name"], one["size_bytes"], one["state"]) for one in rows] == [
        ("good.csv", 16, "unread"),
        ("empty.csv", 0, "failed"),
        ("absent.csv", 0, "failed"),
        ("far.csv", 0, "failed"),
    ]
    told = [one["error"] for one in rows]
    assert told[0] is None
    assert "empty.csv: the file is empty" in told[1]
    assert "absent.csv: there is no such file" in told[2]
    assert "far.csv" in told[3]


def test_the_report_names_the_file_whose_columns_do_not_fit(duckdb_site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,ra,dec\n1,1,1\n")
    (tmp_path / "b.csv").write_text("id,ra,other\n1,1,1\n")
    report = tmp_path / "report.json"
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    error_of(duckdb_site.run("load", *files, "--table", "s.t", "--report", report))
    first, second = json.loads(report.read_text())["files"]
    assert (first["name"], first["state"], first["error"]) == ("a.csv", "unread", None)
    assert (second["name"], second["state"]) == ("b.csv", "failed")
    assert "other" in second["error"]
