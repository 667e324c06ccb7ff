"""Columns of shapes at load: from every format, as arrays and as texts, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from tests.ingest.conftest import Site
from vo_server.errors import IngestError
from vo_server.load.shapes import centres, checked_shapes, shape_type, without_words
from vo_server.model.datatype import DataType, Primitive
from vo_server.sky.angle import separation_deg
from vo_server.sky.healpix import cells
from vo_server.sky.shapes import region_of
from vo_server.sky.stcs import read_region

NAN = float("nan")
POINT, CIRCLE, POLYGON = (
    DataType(Primitive.DOUBLE, size, kind) for size, kind in (("2", "point"), ("3", "circle"), ("*", "polygon"))
)

POINTS = [[359.5, -90.0], [0.25, 10.0], None]
CIRCLES = [[359.5, -90.0, 0.5], [0.25, 10.0, 180.0], None]
POLYGONS = [[359.0, 0.0, 1.0, 0.0, 0.0, 1.0], [0.0, 80.0, 90.0, 80.0, 180.0, 80.0, 270.0, 80.0], None]

SCHEMA = """
name: s
tables:
- name: t
  vo: {position: {point: pos}}
  columns:
  - {name: id, datatype: int}
  - {name: pos, datatype: double, "votable:arraysize": '2', "votable:xtype": point}
  - {name: field, datatype: double, "votable:arraysize": '3', "votable:xtype": circle}
  - {name: outline, datatype: double, "votable:arraysize": '*', "votable:xtype": polygon}
"""
VOTABLE = """<VOTABLE version="1.4"><RESOURCE><TABLE>
<FIELD name="id" datatype="int"/>
<FIELD name="pos" datatype="%(datatype)s" arraysize="%(two)s" xtype="point" unit="deg"/>
<FIELD name="field" datatype="%(datatype)s" arraysize="%(three)s" xtype="circle" unit="deg"/>
<FIELD name="outline" datatype="%(datatype)s" arraysize="*" xtype="polygon" unit="deg"/>
<DATA><TABLEDATA>
%(rows)s
</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""


def texts() -> list[list[str]]:
    """Return the rows as texts of DALI."""
    columns = [[" ".join(map(repr, one)) if one else "" for one in column] for column in (POINTS, CIRCLES, POLYGONS)]
    return [[str(number), *row] for number, row in enumerate(zip(*columns, strict=True))]


def tabledata(folder: Path, *, as_text: bool) -> Path:
    rows = "\n".join(f"<TR>{''.join(f'<TD>{cell}</TD>' for cell in row)}</TR>" for row in texts())
    sizes = {"two": "*", "three": "*"} if as_text else {"two": "2", "three": "3"}
    path = folder / "t.vot"
    path.write_text(VOTABLE % {"datatype": "char" if as_text else "double", "rows": rows, **sizes})
    return path


def binary2(folder: Path) -> Path:
    from astropy.io.votable import parse  # noqa: PLC0415 - for this format only

    path = folder / "binary2.vot"
    votable = parse(tabledata(folder, as_text=False))
    votable.get_first_table().format = "binary2"
    votable.to_xml(str(path))
    return path


def parquet(folder: Path) -> Path:
    path = folder / "t.parquet"
    pq.write_table(pa.table({"id": [0, 1, 2], "pos": POINTS, "field": CIRCLES, "outline": POLYGONS}), path)
    return path


def fits_table(folder: Path) -> Path:
    polygons = np.array([np.array(one or []) for one in POLYGONS], dtype=object)
    columns = [
        fits.Column("id", "J", array=np.arange(3)),
        fits.Column("pos", "2D", array=np.array([one or [NAN] * 2 for one in POINTS])),
        fits.Column("field", "3D", array=np.array([one or [NAN] * 3 for one in CIRCLES])),
        fits.Column("outline", "PD()", array=polygons),
    ]
    path = folder / "t.fits"
    fits.BinTableHDU.from_columns(columns).writeto(path)
    return path


def csv(folder: Path) -> Path:
    path = folder / "t.csv"
    path.write_text("id,pos,field,outline\n" + "\n".join(",".join(row) for row in texts()) + "\n")
    return path


@pytest.mark.parametrize(
    ("make", "is_described"),
    [
        (lambda folder: tabledata(folder, as_text=False), False),
        (lambda folder: tabledata(folder, as_text=True), False),
        (binary2, False),
        (parquet, True),
        (fits_table, True),
        (csv, True),
    ],
    ids=["TABLEDATA", "TABLEDATA with texts", "BINARY2", "Parquet", "FITS", "CSV"],
)
def test_shapes_of_every_format_are_the_same_rows(
    make: Callable[[Path], Path], is_described: bool, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text(SCHEMA)
    more: list[str | Path] = ["--schema-file", tmp_path / "s.yaml"] if is_described else []
    site.load(make(tmp_path), "--table", "s.t", *more)
    table = site.table("s.t")
    assert [table.by_name[name].datatype for name in ("pos", "field", "outline")] == [POINT, CIRCLE, POLYGON]
    assert table.position is not None
    assert table.position.point == "pos"
    rows = sorted(site.rows("s.t").to_pylist(), key=lambda row: row["id"])
    assert [row["pos"] for row in rows] == POINTS
    assert [row["field"] for row in rows] == CIRCLES
    assert [row["outline"] for row in rows] == POLYGONS


def test_rows_without_positions_are_in_the_order_of_their_shapes(site: Site, tmp_path: Path) -> None:
    text = SCHEMA.replace("  vo: {position: {point: pos}}\n", "").replace("  - {name: pos,", "  # - {name: pos,")
    text = text.replace("  - {name: outline,", "  # - {name: outline,")
    (tmp_path / "s.yaml").write_text(text)
    random = np.random.default_rng(6)
    ra, dec = random.uniform(0, 360, 500), random.uniform(-90, 90, 500)
    circles = np.column_stack([ra, dec, np.full(500, 0.1)]).tolist()
    pq.write_table(pa.table({"id": range(501), "field": [*circles, None]}), tmp_path / "t.parquet")
    site.load(tmp_path / "t.parquet", "--table", "s.t", "--schema-file", tmp_path / "s.yaml")
    rows = site.rows("s.t")
    assert rows["_healpix_29"].to_pylist() == [*sorted(cells(ra, dec).tolist()), None]
    assert rows["id"].to_pylist()[-1] == 500
    assert site.ask("SELECT * FROM s.t WHERE id = 500") == [(500, None)]


# --------------------------------------------------------------------------------------------------------- checks


@pytest.mark.parametrize(
    ("datatype", "numbers", "told"),
    [
        (POINT, [1.0, 2.0, 3.0], "is no point: it needs 2 numbers"),
        (CIRCLE, [1.0, 2.0], "is no circle: it needs 3 numbers"),
        (CIRCLE, [1.0, 2.0, -0.1], "its radius is outside 0 to 180 deg"),
        (CIRCLE, [1.0, 2.0, 180.1], "its radius is outside 0 to 180 deg"),
        (CIRCLE, [1.0, -90.5, 1.0], "a latitude of it is outside -90 to 90 deg"),
        (CIRCLE, [1.0, 2.0, NAN], "a number of it is not finite"),
        (POLYGON, [1.0, 2.0, 3.0, 4.0], "it needs a longitude and a latitude for each of at least three corners"),
        (POLYGON, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], "it needs a longitude and a latitude for each"),
        (POLYGON, [1.0, 2.0, 3.0, 4.0, 5.0, 96.0], "a latitude of it is outside -90 to 90 deg"),
        (POLYGON, [0.0, 0.0, 180.0, 0.0, 90.0, 50.0], "two corners in a row are opposite each other"),
        (POLYGON, [0.0, 20.0, 90.0, 50.0, 180.0, -20.0], "two corners in a row are opposite each other"),
    ],
)
def test_what_is_no_shape_is_told_and_null(datatype: DataType, numbers: list[float], told: str) -> None:
    good = {"point": [1.0, 2.0], "circle": [1.0, 2.0, 0.0], "polygon": [1.0, 2.0, 3.0, 2.0, 3.0, 4.0]}[
        datatype.xtype or ""
    ]
    values = pa.array([good, None, numbers, good], datatype.arrow)
    found, (fault,) = checked_shapes(values, datatype)
    assert told in fault.reason
    assert fault.mask.tolist() == [False, False, True, False]
    assert found.to_pylist() == [good, None, None, good]


@pytest.mark.parametrize("datatype", [POINT, CIRCLE, POLYGON])
def test_nothing_but_nan_is_no_shape_at_all(datatype: DataType) -> None:
    values = pa.array([[NAN, NAN, NAN], [], None], datatype.arrow)
    found, faults = checked_shapes(values, datatype)
    assert (found.to_pylist(), faults) == ([None, None, None], [])


def test_the_middle_of_a_polygon_is_within_it_over_ra_0_and_the_pole() -> None:
    values = pa.array([POLYGONS[1], None, POLYGONS[0]], POLYGON.arrow)
    lon, lat = centres(values, POLYGON)
    assert np.isnan([lon[1], lat[1]]).all()
    assert separation_deg(lon[0], lat[0], 0, 90) < 1e-9
    assert separation_deg(lon[2], lat[2], 0, 1 / 3) < 0.01


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (DataType(Primitive.CHAR, "*", "point"), POINT),
        (DataType(Primitive.CHAR, "*", "adql:POINT"), POINT),
        (DataType(Primitive.FLOAT, "*", "circle"), DataType(Primitive.FLOAT, "3", "circle")),
        (DataType(Primitive.INT, "8", "polygon"), DataType(Primitive.DOUBLE, "8", "polygon")),
        (DataType(Primitive.DOUBLE, "7", "polygon"), None),
        (DataType(Primitive.DOUBLE, None, "point"), None),
        (DataType(Primitive.DOUBLE, "2"), None),
    ],
)
def test_an_xtype_and_the_count_of_numbers_make_a_shape(given: DataType, expected: DataType | None) -> None:
    assert shape_type(given) == expected


# ---------------------------------------------------------------------------------------------------------- texts


@pytest.mark.parametrize(
    ("datatype", "text"),
    [
        (POLYGON, "Polygon ICRS 10 20 11 20 11 21"),
        (POLYGON, "POLYGON ICRS BARYCENTER SPHERICAL2 10 20 11 20 11 21.5e0"),
        (POLYGON, "polygon 10 20 11 20 11 21"),
        (POLYGON, "Polygon GALACTIC 10 20 11 20 11 21"),
        (POLYGON, "Box ICRS 10 20 1 2"),
        (CIRCLE, "Circle FK5 10 20 0.5"),
        (CIRCLE, "CIRCLE GALACTIC 10 20 0.5"),
        (POINT, "Position ICRS 10 -20"),
    ],
)
def test_a_text_is_the_shape_that_the_language_reads_in_it(datatype: DataType, text: str) -> None:
    (found, untouched) = without_words(pa.array([text, "1 2 3"]), datatype).to_pylist()
    region = region_of(read_region(text))
    numbers = [float(word) for word in found.split()]
    if datatype is POLYGON:
        assert region == region_of(read_region("polygon " + found))
    else:
        assert separation_deg(numbers[0], numbers[1], *region.centroid_deg) == 0
    assert untouched == "1 2 3"


@pytest.mark.parametrize(
    "text", ["Union ICRS (Circle 1 2 3 Circle 4 5 6)", "Circle ICRS 1 2 3", "Polygon FK4 1 2 3 4 5 6"]
)
def test_another_region_is_a_bad_row(text: str, duckdb_site: Site, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        SCHEMA.replace("  vo: {position: {point: pos}}\n", "  vo: {ignore_extra: true}\n")
        .replace("  - {name: pos,", "  # ")
        .replace("  - {name: field,", "  # ")
        .replace("name: outline", "name: s_region")
    )
    good = "Polygon ICRS 10 20 11 20 11 21"
    (tmp_path / "t.csv").write_text(f"id,s_region\n1,{good}\n2,{text}\n3,\n")
    words = tmp_path / "t.csv", "--table", "s.t", "--schema-file", tmp_path / "s.yaml"
    failed = duckdb_site.run("load", *words)
    assert isinstance(failed.exception, IngestError)
    assert f"row 2, column s_region: '{text}' is not a polygon" in str(failed.exception)
    duckdb_site.load(*words, "--on-error", "keep")
    rows = sorted(duckdb_site.rows("s.t").to_pylist(), key=lambda row: row["id"])
    assert [row["s_region"] for row in rows] == [[10.0, 20.0, 11.0, 20.0, 11.0, 21.0], None, None]
