"""The descriptions that come with the project, against the column tables of the papers' documents and the standards."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy import units
from astropy.io.votable.ucd import parse_ucd
from felis.datamodel import Schema as FelisSchema

from ingest.notes import VoTable
from ingest.spec import SchemaFile, read_schema_file, without_notes
from tests.adql.published import FOLDER, catalogue
from vo_server.load.units import vounit
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column, Table
from vo_server.resources import schema_files

FILES = sorted(schema_files().glob("*.yaml"))
CHECKS = {"id_generation": True, "check_description": True, "check_tap_table_indexes": True}

UNITS_OF_NOTES = {
    ("jplus.xmatch_gaia_dr3", name): "'electron'.s**-1" for name in ("fg", "fbp", "frp", "e_fg", "e_fbp", "e_frp")
}
"""Units that the column tables have in their notes only."""

FILTERS = ["rSDSS", "gSDSS", "iSDSS", "zSDSS", "uJAVA", "J0378", "J0395", "J0410", "J0430", "J0515", "J0660", "J0861"]


@cache
def rows() -> dict[tuple[str, str], dict[str, str]]:
    """Return the rows of all column tables by table and column; none where they are not beside the project."""
    found = {}
    for file in sorted(FOLDER.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            read = csv.DictReader(lines)
            if read.fieldnames and read.fieldnames[:3] == ["table", "name", "datatype"]:
                found.update({(row["table"], row["name"]): row for row in read})
    return found


def tables() -> dict[str, Table]:
    return {table.full_name: table for table in catalogue().tables}


def described() -> list[Any]:
    """Return every table of every file, as parameters."""
    found: list[Any] = []
    for path in FILES:
        file = read_schema_file(path)
        found.extend(pytest.param(file, one, id=f"{path.stem}.{one.name}") for one in file.schema.tables)
    return found


def column(full_name: str, name: str) -> Column:
    return tables()[full_name].by_name[name]


# ------------------------------------------------------------------------------------------- what the standards say


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_plain_felis_without_its_notes_and_passes_its_checks(path: Path) -> None:
    plain = without_notes(yaml.safe_load(path.read_text(encoding="utf-8")))
    FelisSchema.model_validate(plain, context=CHECKS)
    # A table whose columns nobody knows has no principal one.
    plain["tables"] = [one for one in plain["tables"] if one.get("columns")]
    FelisSchema.model_validate(plain, context=CHECKS | {"check_tap_principal": True, "check_redundant_datatypes": True})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_called_as_its_schema(path: Path) -> None:
    assert read_schema_file(path).schema.name == path.stem


@pytest.mark.parametrize(("file", "table"), described())
def test_every_unit_is_a_vounit_and_every_ucd_in_the_vocabulary(file: SchemaFile, table: VoTable) -> None:
    for one in file.describe(table.name).table.visible_columns:
        if one.unit is not None:
            assert units.Unit(one.unit, format="vounit").to_string("vounit") == one.unit, one.name
        assert one.ucd is not None, one.name
        parse_ucd(one.ucd, check_controlled_vocabulary=True, has_colon=True)


@pytest.mark.parametrize(("file", "table"), described())
def test_every_table_and_column_says_what_it_is(file: SchemaFile, table: VoTable) -> None:
    made = file.describe(table.name)
    assert made.table.title
    assert made.table.description
    assert made.schema.title
    assert made.schema.description
    for one in made.table.visible_columns:
        assert one.description, one.name
        assert one.description == " ".join(one.description.split())
        assert not one.description.endswith(".")


@pytest.mark.parametrize(("file", "table"), described())
def test_a_main_position_is_that_of_the_table(file: SchemaFile, table: VoTable) -> None:
    made = file.describe(table.name).table
    main = {one.ucd: one.name for one in made.visible_columns if (one.ucd or "").startswith("pos.eq")}
    ra, dec = main.get("pos.eq.ra;meta.main"), main.get("pos.eq.dec;meta.main")
    assert (ra is None) == (dec is None)
    if ra is not None:
        assert made.position is not None
        assert made.position.columns == (ra, dec)


@pytest.mark.parametrize(("file", "table"), described())
def test_keys_lead_to_columns_of_described_tables_of_the_same_type(file: SchemaFile, table: VoTable) -> None:
    made = file.describe(table.name).table
    known = tables() | {made.full_name: made}
    for key in made.keys:
        for here, there in key.columns:
            one, other = known[key.target].by_name[there].datatype, made.by_name[here].datatype
            # Texts of any length can be the same.
            assert one == other or (one.is_string and other.is_string), key.name
        assert key.description


# ------------------------------------------------------------------------------------ what the column tables say


def of_column_tables() -> list[Any]:
    return [pytest.param(*key, id=".".join(key)) for key, row in rows().items() if row["name"]]


@pytest.mark.catalogues
def test_the_column_tables_are_there(catalogues_dir: Path) -> None:
    assert catalogues_dir.is_dir()
    assert len(of_column_tables()) == 772
    assert len({table for table, _ in rows()}) == 34


@pytest.mark.skipif(not rows(), reason="no column tables beside the project")
@pytest.mark.parametrize(("table", "name"), of_column_tables())
def test_a_column_has_the_type_unit_and_ucd_of_the_column_tables(table: str, name: str) -> None:
    row, one = rows()[table, name], column(table, name)
    match = re.fullmatch(r"(\w+)(?:\[(.+)\])?", row["datatype"])
    assert match is not None
    assert one.datatype == DataType(Primitive(match[1]), match[2])
    unit = row["unit"] or UNITS_OF_NOTES.get((table, name), "")
    assert one.unit == (vounit(unit) or None)
    assert one.ucd == row["ucd"]


@pytest.mark.skipif(not rows(), reason="no column tables beside the project")
def test_the_order_of_columns_is_that_of_the_column_tables() -> None:
    for full_name, table in tables().items():
        wanted = [name for of, name in rows() if of == full_name]
        assert [one.name for one in table.visible_columns if one.name in wanted] == [name for name in wanted if name]


@pytest.mark.skipif(not rows(), reason="no column tables beside the project")
def test_every_table_of_the_column_tables_is_described() -> None:
    beyond = {"jplus.bannjos_caveats", "caesar.regions"}
    """Made for this service, of what the texts say of tiles and of region files."""
    assert set(tables()) - beyond == {table for table, _ in rows()}


@pytest.mark.skipif(not rows(), reason="no column tables beside the project")
def test_what_a_column_table_calls_principal_is() -> None:
    said = {name: row["notes"].endswith("principal") for (table, name), row in rows().items() if table == "dp1.Object"}
    assert {one.name: one.is_principal for one in tables()["dp1.Object"].visible_columns} == said


@pytest.mark.skipif(not rows(), reason="no column tables beside the project")
@pytest.mark.parametrize("name", ["maskbits", "fitbits"])
def test_the_names_of_bits_are_those_of_the_column_tables(name: str) -> None:
    said = re.findall(r"(\d+) ([A-Z_0-9]+)", rows()["ls_dr10.tractor", name]["notes"].partition(";")[0])
    assert len(said) > 10
    assert column("ls_dr10.tractor", name).flag_bits == tuple((int(bit), meaning) for bit, meaning in said)


@pytest.mark.skipif(not rows(), reason="no column tables beside the project")
def test_arrays_of_filters_have_their_names() -> None:
    found = 0
    for (table, name), row in rows().items():
        if row["datatype"].endswith("[12]"):
            assert list(column(table, name).element_names) == FILTERS, (table, name)
            found += 1
    assert found == 54


@pytest.mark.skipif(not rows(), reason="no column tables beside the project")
def test_sentinels_of_the_notes_are_null() -> None:
    said = [
        (key, mark)
        for key, row in rows().items()
        for mark in re.findall(r"(-?\d+) (?:= not detected |= unknown |for northern rows )?-> NULL", row["notes"])
    ]
    assert {mark for _, mark in said} == {"99", "-999", "-9999"}
    assert [one for one in said if one[1] not in column(*one[0]).null_values] == []


# ------------------------------------------------------------------------------------------- what the texts say


ALIASES = {
    "rpelMag_PS": "vexas.psw.rpetMag_PS",
    "rpelMagErr_PS": "vexas.psw.rpetMagErr_PS",
    "ipfsLikelihood_PS": "vexas.psw.ipsfLikelihood_PS",
    "mag_white": "ls_psc.main.white_mag",
    "magwhite": "ls_psc.main.white_mag",
    "MAG_APER3_WORSTPSF": "jplus.MagABDualObj.APER3_WORSTPSF",
    "nComp": "caesar.islands.nComponents",
    "Ssum": "caesar.islands.Stot",
    "E/E_beam": "caesar.components.ecc_ratio",
}


@pytest.mark.parametrize("alias", ALIASES)
def test_a_printed_name_leads_to_the_right_column(alias: str) -> None:
    schema, table, name = ALIASES[alias].split(".")
    assert alias in column(f"{schema}.{table}", name).aliases


def test_the_values_of_flags_are_those_of_the_texts() -> None:
    assert [code for code, _ in column("vexas.smw", "Warning_flag").flag_meanings] == [0, 1, 2]
    assert column("caesar.islands", "sourcenessId").flag_meanings == ((1, "real"), (2, "candidate"), (3, "fake"))
    assert dict(column("caesar.components", "fitQuality").flag_meanings) == {0: "bad", 1: "low", 2: "medium", 3: "high"}
    assert [code for code, _ in column("ls_psc.main", "ls_release").flag_meanings] == [9010, 9011, 9012, 10000, 10002]


def test_a_text_that_old_clients_compare_with_stays() -> None:
    assert column("compactsources.sed_view_final", "designation870").null_values == ()
    assert column("compactsources.sed_view_final", "distance").null_values == ("-9999", "NaN")


def test_only_promised_keys_are_primary() -> None:
    """TILE_ID and NUMBER repeat in the classification, SOURCEID_VISTA in the tables of matches."""
    keys = {name: table.primary_key for name, table in tables().items() if table.primary_key}
    assert keys == {
        "dp1.Object": ("objectId",),
        "jplus.MagABDualObj": ("TILE_ID", "NUMBER"),
        "jplus.bannjos_caveats": ("TILE_ID",),
        "ls_dr10.apflux": ("ls_id",),
        "ls_dr10.tractor": ("ls_id",),
        "ls_psc.main": ("ls_id",),
    }


def test_tables_of_which_columns_are_not_known_take_them_from_the_files() -> None:
    files = [read_schema_file(path) for path in FILES]
    taking = {
        f"{file.schema.name}.{one.name}" for file in files for one in file.schema.tables if file.takes_extra(one.name)
    }
    unknown = {name for name, table in tables().items() if not table.visible_columns}
    assert unknown == {
        "bubbles.bubbles",
        "compactsources.instances",
        "compactsources.mipsgaldao2",
        "compactsources.msx21",
        "compactsources.wise22",
    }
    assert taking > unknown | {"compactsources.sed_view_final", "dp1.Object"}


def test_a_star_on_the_band_merged_sources_has_no_column_that_is_not_theirs() -> None:
    assert len(tables()["compactsources.sed_view_final"].visible_columns) == 103
