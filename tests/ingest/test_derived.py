"""Columns that are computed when a file lacks them, from the files of the catalogues that need it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ingest.conftest import Site
from tests.ingest.test_load import error_of, written
from tests.support.described import GAP, Columns, generated, packed, write_native
from vo_server.errors import IngestError, SchemaFileError
from vo_server.resources import schema_file

N_ROWS = 400


def load(site: Site, folder: Path, name: str, columns: Columns) -> dict[str, list[object]]:
    """Load a file of a catalogue, and return the columns that users see, sorted by the first one."""
    site.load(
        write_native(name, folder, columns), "--table", name, "--schema-file", schema_file(name.partition(".")[0])
    )
    rows = site.rows(name)
    first = next(iter(site.table(name).visible_columns)).name
    found: dict[str, list[object]] = rows.sort_by(first).to_pydict()
    return found


def test_ls_psc_is_loaded_from_the_columns_that_the_catalogue_has(site: Site, tmp_path: Path) -> None:
    given = generated("ls_psc.main", N_ROWS)
    assert set(given) == {"ls_id", "ra", "dec", "white_mag", "score"}
    rows = load(site, tmp_path, "ls_psc.main", given)
    ids = np.array(rows["ls_id"], np.int64)
    assert sorted(given["ls_id"].tolist()) == ids.tolist()
    assert rows["ls_release"] == (ids // 2**40).tolist()
    assert rows["brickid"] == (ids // 2**20 % 2**20).tolist()
    assert rows["objid"] == (ids % 2**20).tolist()
    assert rows["from_dr9"] == [release in (9010, 9012) for release in rows["ls_release"]]
    score = np.array(rows["score"])
    assert rows["is_gaia_star"] == (score > 1).tolist()
    assert np.allclose(np.array(rows["ml_score"], float), np.where(score > 1, score - 1, score), atol=1e-7)


def test_sweeps_become_the_flat_form(site: Site, tmp_path: Path) -> None:
    given = generated("ls_dr10.tractor", N_ROWS)
    assert "DCHISQ" in given
    assert not any(name.lower().startswith(("dchisq_", "mag_", "snr_")) for name in given)
    rows = load(site, tmp_path, "ls_dr10.tractor", given)
    order = np.argsort(packed(given))
    assert rows["ls_id"] == packed(given)[order].tolist()
    for number in range(1, 6):
        assert rows[f"dchisq_{number}"] == given["DCHISQ"][order, number - 1].tolist()
    for band in "griz":
        flux, ivar = given[f"FLUX_{band.upper()}"][order], given[f"FLUX_IVAR_{band.upper()}"][order]
        is_there = flux != -9999
        assert [value is not None for value in rows[f"snr_{band}"]] == is_there.tolist()
        snr = np.array([value for value in rows[f"snr_{band}"] if value is not None])
        assert np.allclose(snr, flux[is_there] * np.sqrt(ivar[is_there]), rtol=1e-6)
        assert [value is not None for value in rows[f"mag_{band}"]] == (flux > 0).tolist()
        magnitudes = np.array([value for value in rows[f"mag_{band}"] if value is not None])
        assert np.allclose(magnitudes, 22.5 - 2.5 * np.log10(flux[flux > 0]), atol=1e-5)
        faint = np.array([value for value in rows[f"dered_mag_{band}"] if value is not None])
        transmission = given[f"MW_TRANSMISSION_{band.upper()}"][order][flux > 0]
        assert np.allclose(faint, magnitudes + 2.5 * np.log10(transmission), atol=1e-5)


def test_arrays_of_apertures_become_columns(duckdb_site: Site, tmp_path: Path) -> None:
    given = generated("ls_dr10.apflux", N_ROWS)
    rows = load(duckdb_site, tmp_path, "ls_dr10.apflux", given)
    order = np.argsort(packed(given))
    for band in "griz":
        for number in range(1, 9):
            assert rows[f"apflux_{band}_{number}"] == given[f"APFLUX_{band.upper()}"][order, number - 1].tolist()
            ivar = given[f"APFLUX_IVAR_{band.upper()}"][order, number - 1]
            assert rows[f"apflux_ivar_{band}_{number}"] == ivar.tolist()


def test_files_of_the_north_have_no_i_band(duckdb_site: Site, tmp_path: Path) -> None:
    given = generated("ls_dr10.tractor", N_ROWS)
    given = {name: values for name, values in given.items() if not name.lower().endswith("_i")}
    rows = load(duckdb_site, tmp_path, "ls_dr10.tractor", given)
    for name in ("flux_i", "flux_ivar_i", "snr_i", "mag_i", "dered_mag_i", "psfsize_i"):
        assert rows[name] == [None] * N_ROWS


def test_a_column_that_the_file_has_is_not_computed(duckdb_site: Site, tmp_path: Path) -> None:
    given = generated("ls_dr10.tractor", N_ROWS) | {"mag_g": np.full(N_ROWS, 17.0, "f4")}
    assert load(duckdb_site, tmp_path, "ls_dr10.tractor", given)["mag_g"] == [17.0] * N_ROWS


def test_caesar_gets_fluxes_in_jy_and_outlines(site: Site, tmp_path: Path) -> None:
    given = generated("caesar.components", N_ROWS)
    rows = load(site, tmp_path, "caesar.components", given)
    brightness = np.array([np.nan if value is None else value for value in rows["S"]], float)
    flux = np.array([np.nan if value is None else value for value in rows["S_Jy"]], float)
    assert np.allclose(flux, brightness / 12.5, rtol=1e-12, equal_nan=True)
    assert int(np.isnan(flux).sum()) == N_ROWS // GAP
    assert site.table("caesar.components").by_name["S_Jy"].unit == "Jy"
    asked = "SELECT COUNT(*) AS n FROM caesar.components WHERE 1 = CONTAINS(POINT(x_wcs, y_wcs), outline)"
    assert site.ask(asked, "caesar.components") == [(N_ROWS,)]


def test_what_cannot_be_computed_is_told(duckdb_site: Site, tmp_path: Path) -> None:
    given = generated("ls_dr10.tractor", N_ROWS)
    del given["OBJID"]
    path = write_native("ls_dr10.tractor", tmp_path, given)
    words: list[str | Path] = [path, "--table", "ls_dr10.tractor", "--schema-file", schema_file("ls_dr10")]
    error = error_of(duckdb_site.run("load", *words))
    assert isinstance(error, IngestError)
    assert "ls_id (or release, brickid, objid, which it is computed from)" in error.message


DERIVED = """
name: s
tables:
- name: t
  columns:
  - {{name: id, datatype: int}}
  - {{name: mag, datatype: float, "ivoa:unit": mag, vo: {{derived: {derived}}}}}
"""


def test_columns_are_computed_from_texts_as_well(duckdb_site: Site, tmp_path: Path) -> None:
    schema = written(tmp_path, DERIVED.format(derived="{formula: magnitude, from: [flux]}"), "s.yaml")
    rows = written(tmp_path, "id,flux\n1,100\n2,-1\n3,\n4,nan\n5,dim\n")
    duckdb_site.load(rows, "--table", "s.t", "--schema-file", schema)
    assert duckdb_site.rows("s.t").to_pydict() == {"id": [1, 2, 3, 4, 5], "mag": [17.5, None, None, None, None]}


@pytest.mark.parametrize(
    ("derived", "message"),
    [
        ("{formula: magic, from: [x]}", "there is no formula 'magic'; the formulas are dereddened_magnitude, "),
        ("{formula: ls_id, from: [x]}", "ls_id is computed from 3 columns, not 1"),
        ("{element: 2, from: [x, y]}", "an element is computed from 1 columns, not 2"),
        ("{from: [x]}", "derived has a formula, or the number of an element"),
        ("{element: 0, from: [x]}", "greater than or equal to 1"),
    ],
)
def test_a_derivation_that_makes_no_sense_is_refused(
    duckdb_site: Site, tmp_path: Path, derived: str, message: str
) -> None:
    schema = written(tmp_path, DERIVED.format(derived=derived), "s.yaml")
    error = error_of(
        duckdb_site.run("load", written(tmp_path, "id,x\n1,2\n"), "--table", "s.t", "--schema-file", schema)
    )
    assert isinstance(error, SchemaFileError)
    assert message in str(error)


def test_regions_of_caesar_become_outlines(site: Site, tmp_path: Path) -> None:
    lines = [
        "# Region file format: DS9 version 4.1",
        "fk5",
        "polygon 66.39 66.12 66.41 66.12 66.41 66.14 66.39 66.14 # text={S1} tag={point-like}",
        'ellipse(54.04,61.51,10",5",30) # text={S0_fitcomp1}',
    ]
    path = written(tmp_path, "\n".join(lines) + "\n", "islands.reg")
    site.load(path, "--table", "caesar.regions", "--schema-file", schema_file("caesar"))
    asked = "SELECT name, tags FROM caesar.regions WHERE 1 = CONTAINS(POINT({}), outline)"
    assert site.ask(asked.format("66.40, 66.13"), "caesar.regions") == [("S1", "point-like")]
    assert site.ask(asked.format("54.04, 61.51"), "caesar.regions") == [("S0_fitcomp1", None)]
    assert site.ask(asked.format("54.04, 61.52"), "caesar.regions") == []
