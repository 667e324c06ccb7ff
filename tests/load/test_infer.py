from __future__ import annotations

import dataclasses

import pytest
import yaml
from felis.datamodel import Schema as FelisSchema

from ingest.draft import to_felis, to_yaml
from ingest.spec import parse_schema, without_notes
from vo_server.formats.read.base import TableFacts
from vo_server.load.description import Derivation, DerivationKind, Description
from vo_server.load.infer import infer
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column, Position

DOUBLE, INT, TEXT = DataType(Primitive.DOUBLE), DataType(Primitive.INT), DataType(Primitive.CHAR, "*")


def described(*columns: Column, frames: dict[str, str] | None = None) -> Description:
    return infer(TableFacts(columns, frames=frames or {}), schema="s", table="t", description="Things")


def doubles(*names: str, unit: str | None = None) -> list[Column]:
    return [Column(name, DOUBLE, unit=unit) for name in names]


@pytest.mark.parametrize(
    ("ra", "dec"),
    [("ra", "dec"), ("RAJ2000", "DEJ2000"), ("RA_ICRS", "DE_ICRS"), ("alpha", "delta"), ("_RAJ2000", "_DEJ2000"),
     ("ramean", "decmean"), ("TARGET_RA", "TARGET_DEC"), ("#RA", "DEC")],
)  # fmt: skip
def test_a_pair_of_names_is_the_position(ra: str, dec: str) -> None:
    found = described(*doubles("x", ra, dec))
    assert found.table.position == Position(ra, dec)
    columns = found.table.by_name
    assert (columns[ra].unit, columns[ra].ucd) == ("deg", "pos.eq.ra;meta.main")
    assert (columns[dec].unit, columns[dec].ucd) == ("deg", "pos.eq.dec;meta.main")
    assert columns["x"].ucd is None


@pytest.mark.parametrize(
    "columns",
    [
        [Column("ra", DOUBLE, unit="rad"), Column("dec", DOUBLE, unit="rad")],
        [Column("ra", TEXT), Column("dec", TEXT)],
        doubles("ra", "delta"),
        doubles("L", "B"),
    ],
    ids=["radians", "texts", "half a pair", "luminosity and blue"],
)
def test_what_is_not_safe_is_not_inferred(columns: list[Column]) -> None:
    found = described(*columns)
    assert found.table.position is None or found.derivation is not None
    if columns[0].name != "L":
        assert found.table.position is None
        assert any("no positions were found" in warning for warning in found.warnings)


@pytest.mark.parametrize("primitive", ["unsignedByte", "short", "int", "long", "float"])
def test_positions_of_any_numeric_type_are_taken(primitive: str) -> None:
    kind = DataType(Primitive(primitive))
    found = described(Column("ra", kind, null_values=("-99",)), Column("dec", DOUBLE))
    assert found.table.position == Position("ra", "dec")
    ra = found.table.by_name["ra"]
    assert (ra.datatype, ra.null_values) == (kind if primitive == "float" else DOUBLE, ("-99", "NaN"))


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ([Column("ra", DOUBLE, unit="rad"), Column("dec", DOUBLE)], "(ra, dec were not taken: ra is in rad)"),
        (
            [Column("RA", TEXT), Column("Dec", TEXT)],
            "(RA, Dec were not taken: RA is of type char, Dec is of type char)",
        ),
        ([Column("l", INT), Column("b", INT)], "(l, b were not taken: l has integers, b has integers)"),
        ([Column(name, DataType(Primitive.DOUBLE, "3")) for name in ("ra", "dec")], "ra has arrays, dec has arrays"),
        ([Column(name, DOUBLE, ucd="pos.eq.ra") for name in "xyz"], "(x, y, z all have the UCD pos.eq.ra)"),
        (doubles("x", "y"), "no positions were found: "),
    ],
)
def test_a_pair_that_is_not_taken_is_told_with_the_reason(columns: list[Column], told: str) -> None:
    found = described(*columns)
    assert found.table.position is None
    assert any(told in warning for warning in found.warnings), found.warnings


def test_ucds_of_the_file_are_better_than_names() -> None:
    chosen = [Column("a", DOUBLE, ucd="pos.eq.ra;meta.main"), Column("d", DOUBLE, ucd="pos.eq.dec;meta.main")]
    assert described(*doubles("ra", "dec"), *chosen).table.position == Position("a", "d")


def test_only_one_pair_is_called_the_main_position() -> None:
    second = [Column("ra2", DOUBLE, ucd="pos.eq.ra;meta.main"), Column("dec2", DOUBLE, ucd="pos.eq.dec;meta.main")]
    first = [dataclasses.replace(one, name=one.name.removesuffix("2")) for one in second]
    found = described(*first, *second)
    assert found.table.position == Position("ra", "dec")
    assert (found.table.by_name["ra2"].ucd, found.table.by_name["dec2"].ucd) == ("pos.eq.ra", "pos.eq.dec")


def test_positions_in_another_frame_are_not_taken_for_icrs() -> None:
    found = described(*doubles("ra", "dec", unit="deg"), frames={"ra": "eq_FK4", "dec": "eq_FK4"})
    assert found.table.position is None


def test_galactic_and_sexagesimal_columns_give_computed_positions() -> None:
    found = described(*doubles("GLON", "GLAT"))
    assert found.derivation == Derivation(DerivationKind.GALACTIC, "GLON", "GLAT")
    hms = [Column("RA", DataType(Primitive.CHAR, "*", "hms")), Column("Dec", DataType(Primitive.CHAR, "*", "dms"))]
    found = described(*hms)
    assert found.derivation == Derivation(DerivationKind.SEXAGESIMAL, "RA", "Dec")
    assert found.table.by_name["RA"].datatype == TEXT
    in_units = [Column("RAJ2000", TEXT, unit='"h:m:s"'), Column("DEJ2000", TEXT, unit='"d:m:s"')]
    assert described(*in_units).derivation == Derivation(DerivationKind.SEXAGESIMAL, "RAJ2000", "DEJ2000")


@pytest.mark.parametrize(
    ("given", "unit"),
    [("mas/yr", "mas/yr"), ("km s-1", "km.s**-1"), ("Degrees", "deg"), ("---", None), ("nanomaggy", None),
     ("Angle[deg]", "deg"), ("log(cm.s**-2)", "log(cm.s**-2)"), ("erg/s/cm^2", "erg.s**-1.cm**-2")],
)  # fmt: skip
def test_units_become_vounits_or_are_told(given: str, unit: str | None) -> None:
    found = described(Column("x", DOUBLE, unit=given))
    assert found.table.columns[0].unit == unit
    assert any(repr(given) in warning for warning in found.warnings) == (given == "nanomaggy")


def test_a_unit_at_the_end_of_a_name_is_taken() -> None:
    units = {column.name: column.unit for column in described(*doubles("Dist_[kpc]", "[3.6]", "FeH_[x]")).table.columns}
    assert units == {"Dist_[kpc]": "kpc", "[3.6]": None, "FeH_[x]": None}


def test_ucds_outside_the_vocabulary_are_told() -> None:
    found = described(Column("x", DOUBLE, ucd="PHOT_JHN_V"), Column("a", DOUBLE, ucd="POS_EQ_RA_MAIN"))
    assert [column.ucd for column in found.table.columns] == [None, "pos.eq.ra;meta.main"]
    assert any("'PHOT_JHN_V'" in warning for warning in found.warnings)


def test_names_that_differ_only_in_case_are_made_different() -> None:
    found = described(*doubles("x", "X", "x_2", "x"))
    assert [column.name for column in found.table.columns] == ["x", "X_3", "x_2", "x_4"]
    assert list(found.sources.values()) == ["x", "X", "x_2", "x"]


def test_odd_names_stay_as_they_are() -> None:
    names = ["B-V", "select", "Name(s)", "_x", "logM*1", 'say "hi"', "2MASS", "é"]
    assert [column.name for column in described(*doubles(*names)).table.columns] == names


def test_a_cell_column_of_the_file_is_not_taken_over() -> None:
    found = described(*doubles("ra", "dec"), Column("_healpix_29", DataType(Primitive.LONG)))
    assert [column.name for column in found.table.columns] == ["ra", "dec", "_healpix_29"]
    assert found.table.columns[2].is_hidden
    assert "_healpix_29" not in found.sources


def test_nan_is_null_in_inferred_floats_alone() -> None:
    columns = [Column("x", DOUBLE, null_values=("-9",)), Column("n", INT, null_values=("-9",)), Column("t", TEXT)]
    vector = Column("v", DataType(Primitive.DOUBLE, "3"))
    nulls = [column.null_values for column in described(*columns, vector).table.columns]
    assert nulls == [("-9", "NaN"), ("-9",), (), ()]


def test_what_is_missing_is_told_in_one_warning() -> None:
    warnings = described(*doubles(*(f"x{number}" for number in range(20)))).warnings
    gaps = [warning for warning in warnings if "have no unit" in warning]
    assert len(gaps) == 1
    assert "20 columns have no UCD (x0, x1, x2, x3, x4, …)" in gaps[0]


def test_one_gap_is_told_in_the_singular_and_what_has_no_unit_is_not_missed() -> None:
    columns = [Column("z", DOUBLE, ucd="src.redshift", description="z"), Column("q", DOUBLE, unit="---")]
    told = described(*columns, Column("x", DOUBLE, ucd="em.wl", description="x")).warnings
    gap = "1 floating-point column has no unit (x); 1 column has no UCD (q); 1 column has no description (q); "
    assert any(warning.startswith(gap) for warning in told), told


EVERY_TYPE = [
    Column("ra", DOUBLE, unit="deg", description="Right: ascension"),
    Column("dec", DOUBLE, unit="deg"),
    *(Column(f"c_{primitive}", DataType(primitive)) for primitive in Primitive),
    *(Column(f"n_{primitive}", DataType(primitive, "7")) for primitive in Primitive),
    *(Column(f"v_{primitive}", DataType(primitive, "*")) for primitive in Primitive),
    Column("m", DataType(Primitive.FLOAT, "2x3")),
    Column("when", DataType(Primitive.CHAR, "*", "timestamp")),
    Column("where", DataType(Primitive.DOUBLE, "2", "point")),
    Column("logg", DOUBLE, unit="log(cm.s**-2)"),
    Column("counts", DOUBLE, unit="'electron'.s**-1"),
    Column("select", INT, null_values=("-1", "0")),
    Column('odd "name"', TEXT),
]


def test_a_draft_reads_back_to_the_same_description() -> None:
    found = described(*EVERY_TYPE)
    raw = yaml.safe_load(to_yaml(found))
    FelisSchema.model_validate(without_notes(to_felis(found)), context={"id_generation": True})
    again = parse_schema(raw, file="draft").describe("t")
    assert again.table == found.table
    assert (again.sources, again.derivation) == (found.sources, found.derivation)


def test_a_draft_of_computed_positions_reads_back() -> None:
    found = described(*doubles("GLON", "GLAT"))
    again = parse_schema(yaml.safe_load(to_yaml(found)), file="draft").describe("t")
    assert (again.table, again.derivation) == (found.table, found.derivation)
