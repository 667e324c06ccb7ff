"""Tables whose position is a column of points: which column, what is checked, and that its index is used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.io import fits

from ingest.draft import to_yaml
from ingest.spec import parse_schema
from tests.ingest.conftest import Site
from tests.support.sky import oracle_separation_deg
from vo_server.errors import IngestError, SchemaFileError
from vo_server.formats.read.base import TableFacts
from vo_server.load.description import Description
from vo_server.load.infer import infer
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column, Position, Table
from vo_server.sky.healpix import cells

POINT = DataType(Primitive.DOUBLE, "2", "point")
DOUBLE = DataType(Primitive.DOUBLE)
N_ROWS = 4_000


def described(*columns: Column, frames: dict[str, str] | None = None) -> Description:
    return infer(TableFacts(columns, frames=frames or {}), schema="s", table="t", description="Things")


@pytest.mark.parametrize("primitive", ["double", "float"])
def test_the_only_column_of_points_is_the_position(primitive: str) -> None:
    found = described(Column("id", DOUBLE), Column("pos", DataType(Primitive(primitive), "2", "point")))
    assert found.table.position == Position(point="pos")
    point = found.table.by_name["pos"]
    assert (point.unit, point.ucd, point.datatype.primitive) == ("deg", "pos.eq;meta.main", primitive)
    assert found.position_origin == "inferred from the xtype"


def test_a_pair_of_numbers_is_better_than_a_point() -> None:
    found = described(Column("pos", POINT, ucd="pos.eq;meta.main"), Column("ra", DOUBLE), Column("dec", DOUBLE))
    assert found.table.position == Position("ra", "dec")
    assert found.table.by_name["pos"].ucd == "pos.eq"


def test_the_ucd_says_which_of_several_points_is_the_main_one() -> None:
    found = described(Column("a", POINT, ucd="pos.eq"), Column("b", POINT, ucd="pos.eq;meta.main"))
    assert found.table.position == Position(point="b")
    assert found.position_origin == "inferred from the UCD"


def test_of_several_points_none_is_taken_and_the_report_says_how_to_name_one() -> None:
    found = described(Column("a", POINT), Column("b", POINT))
    assert found.table.position is None
    (told,) = (warning for warning in found.warnings if "no positions" in warning)
    assert "(a, b are columns of points; the UCD pos.eq;meta.main, or `vo: {position: {point: a}}`" in told


@pytest.mark.parametrize(
    ("column", "frames"),
    [
        (Column("pos", POINT, ucd="pos.galactic"), {}),
        (Column("pos", POINT), {"pos": "ecl_FK5"}),
        (Column("pos", POINT, unit="rad"), {}),
        (Column("pos", DataType(Primitive.DOUBLE, "4", "point")), {}),
        (Column("pos", DataType(Primitive.DOUBLE, None, "point")), {}),
    ],
    ids=["Galactic", "ecliptic", "radians", "four numbers", "one number"],
)
def test_other_points_are_not_taken(column: Column, frames: dict[str, str]) -> None:
    assert described(column, frames=frames).table.position is None


def test_an_xtype_that_does_not_fit_is_left_out_with_a_warning() -> None:
    found = described(Column("pos", DataType(Primitive.DOUBLE, "4", "point")))
    assert found.table.by_name["pos"].datatype == DataType(Primitive.DOUBLE, "4")
    assert "column pos: the xtype 'point' was left out: a cell has another count of numbers" in found.warnings


def test_a_draft_with_a_point_is_read_back_as_the_same_table() -> None:
    first = described(Column("id", DOUBLE), Column("pos", POINT))
    again = parse_schema(yaml.safe_load(to_yaml(first)), file="draft").describe("t")
    assert again.table.position == first.table.position
    assert again.table.columns == first.table.columns


SCHEMA = """
name: s
tables:
- name: t
  %s
  columns:
  - {name: id, datatype: int}
  - {name: pos, datatype: double, "votable:arraysize": '%s', "votable:xtype": point%s}
"""


def compiled(notes: str = "", *, arraysize: str = "2", more: str = "") -> Table:
    return parse_schema(yaml.safe_load(SCHEMA % (notes, arraysize, more)), file="s.yaml").describe("t").table


def test_a_schema_file_names_the_point_or_its_ucd_does() -> None:
    assert compiled("vo: {position: {point: pos, epoch: 2016}}").position == Position(epoch_jyear=2016, point="pos")
    assert compiled(more=', "ivoa:ucd": pos.eq;meta.main').position == Position(point="pos")
    assert compiled().position is None


@pytest.mark.parametrize(
    ("notes", "arraysize", "more", "told"),
    [
        ("vo: {position: {point: id}}", "2", "", "point must name a column with the xtype point"),
        ("vo: {position: {point: p}}", "2", "", "names the column 'p', which is not described"),
        ("vo: {position: {point: pos, ra: id, dec: id}}", "2", "", "must name the columns ra and dec, or the column"),
        ("vo: {position: {ra: id}}", "2", "", "must name the columns ra and dec, or the column point"),
        ("", "3", "", "the xtype point cannot have the arraysize 3; a point has 2, a circle 3, a polygon *"),
        ("", "2", ', "ivoa:unit": rad', "a column of shapes is in deg, not in rad"),
    ],
)
def test_a_schema_file_that_is_wrong_about_points_is_refused(notes: str, arraysize: str, more: str, told: str) -> None:
    with pytest.raises(SchemaFileError, match=told.replace("*", r"\*")):
        compiled(notes, arraysize=arraysize, more=more)


# ----------------------------------------------------------------------------------------------------------- rows


def places() -> tuple[np.ndarray, np.ndarray]:
    """Return places all over the sky, on RA 0 and 360 and at both poles [deg]."""
    random = np.random.default_rng(17)
    ra, dec = random.uniform(0, 360, N_ROWS), np.degrees(np.arcsin(random.uniform(-1, 1, N_ROWS)))
    ra[:6], dec[:6] = [0, 360, 0, 123, 359.9999, 0.0001], [0, 0, 90, -90, 0.1, 0.1]
    return ra, dec


def point_file(folder: Path, kind: str) -> Path:
    """Write a FITS table of points; the last row has none."""
    ra, dec = places()
    points = np.append(np.column_stack([ra, dec]), [[np.nan, np.nan]], axis=0)
    columns = [
        fits.Column("id", "J", array=np.arange(N_ROWS + 1)),
        fits.Column("pos", f"2{kind}", array=points),
    ]
    path = folder / "points.fits"
    fits.BinTableHDU.from_columns(columns).writeto(path)
    return path


def load_points(site: Site, folder: Path, primitive: str) -> str:
    """Load the table of points, and return what was told."""
    text = SCHEMA % ("vo: {position: {point: pos}}", "2", "")
    (folder / "s.yaml").write_text(text.replace("datatype: double", f"datatype: {primitive}"))
    file = point_file(folder, {"double": "D", "float": "E"}[primitive])
    return site.load(file, "--table", "s.t", "--schema-file", folder / "s.yaml").stderr


@pytest.fixture(params=["double", "float"])
def loaded(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> Site:
    """A site with one table of points."""
    assert "1 rows have no position" in load_points(site, tmp_path, request.param)
    return site


def test_rows_have_the_cells_of_their_points_and_are_sorted_by_them(loaded: Site) -> None:
    rows = loaded.rows("s.t")
    found = rows["_healpix_29"].to_pylist()
    points = [(None, None) if point is None else point for point in rows["pos"].to_pylist()]
    lon, lat = np.array(points, np.float64).T
    assert found[:-1] == cells(lon, lat)[:-1].tolist() == sorted(found[:-1])
    assert (found[-1], points[-1]) == (None, (None, None))


def test_cones_around_points_hold_what_the_oracle_says(loaded: Site) -> None:
    rows = loaded.rows("s.t").slice(0, N_ROWS)
    lon, lat = np.array(rows["pos"].to_pylist(), np.float64).T
    ids = np.array(rows["id"].to_pylist())
    for ra, dec in [(0.0, 0.0), (10.0, 90.0), (77.0, -89.0), (200.0, 40.0)]:
        distance = oracle_separation_deg(lon, lat, ra, dec)
        for radius in (0.0, 0.5, 20.0, 120.0):
            circle = f"CIRCLE({ra}, {dec}, {radius})"
            found = {row[0] for row in loaded.ask(f"SELECT id FROM s.t WHERE 1 = CONTAINS(pos, {circle})")}
            sure, possible = (set(ids[distance <= radius + margin].tolist()) for margin in (-1e-12, 1e-12))
            assert sure <= found <= possible, circle


@pytest.mark.parametrize(
    ("point", "told"),
    [
        ([400.0, 1.0], "has a longitude outside 0 to 360 deg"),
        ([-0.5, 1.0], "has a longitude outside 0 to 360 deg"),
        ([1.0, 91.0], "a latitude of it is outside -90 to 90 deg"),
        ([1.0, float("nan")], "a number of it is not finite"),
        ([float("inf"), 1.0], "a number of it is not finite"),
    ],
)
def test_points_that_are_no_positions_are_bad_rows(
    point: list[float], told: str, duckdb_site: Site, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text(SCHEMA % ("vo: {position: {point: pos}}", "2", ""))
    pq.write_table(pa.table({"id": [1, 2], "pos": [[1.0, 2.0], point]}), tmp_path / "t.parquet")
    words = tmp_path / "t.parquet", "--table", "s.t", "--schema-file", tmp_path / "s.yaml"
    failed = duckdb_site.run("load", *words)
    assert isinstance(failed.exception, IngestError)
    assert "row 2, column pos" in str(failed.exception)
    assert told in str(failed.exception)
    duckdb_site.load(*words, "--on-error", "keep")
    assert [row["pos"] for row in duckdb_site.rows("s.t").to_pylist()] == [[1.0, 2.0], None]


@pytest.mark.postgres
@pytest.mark.parametrize("primitive", ["double", "float"])
@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("1 = CONTAINS(t.pos, CIRCLE(10, 20, 0.5))", "_healpix_29"),
        ("DISTANCE(POINT(10, 20), t.pos) < 0.5", "_healpix_29"),
        ("1 = INTERSECTS(CIRCLE(10, 20, 0.5), t.pos)", "_healpix_29"),
        ("1 = CONTAINS(t.pos, POLYGON(10, 20, 11, 20, 11, 21))", "_healpix_29"),
        ("EXISTS (SELECT 1 FROM s.t AS a JOIN s.t AS b ON DISTANCE(a.pos, b.pos) < 0.01 AND a.id < 5)", "q3c_ang2ipix"),
    ],
)  # fmt: skip
def test_postgres_finds_points_by_the_index(
    condition: str, index: str, primitive: str, postgres_site: Site, tmp_path: Path
) -> None:
    load_points(postgres_site, tmp_path, primitive)
    plan = postgres_site.plan(f"SELECT id FROM s.t AS t WHERE {condition}")
    assert any(index in line for line in plan.splitlines() if "Index Cond" in line), plan
