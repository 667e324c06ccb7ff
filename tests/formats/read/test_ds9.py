"""Region files of DS9 as tables of outlines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from vo_server.errors import IngestError
from vo_server.formats.read.open import open_reader

HEAD = '# Region file format: DS9 version 4.1\nglobal color=red font="helvetica 8 normal" edit=1\n'


def rows(folder: Path, text: str) -> list[dict[str, object]]:
    path = folder / "islands.reg"
    path.write_text(HEAD + text, encoding="utf-8")
    return [row for batch in open_reader(str(path)).batches() for row in batch.to_pylist()]


def corners(row: dict[str, object]) -> SkyCoord:
    return SkyCoord(np.array(row["outline"]).reshape(-1, 2) * units.deg)


def test_a_polygon_keeps_its_corners_name_and_tags(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "icrs\npolygon 66.4 66.13 66.41 66.13 66.41 66.14 # text={S1} tag={compact} tag={real}\n")
    assert (row["name"], row["shape"], row["tags"]) == ("S1", "polygon", "compact real")
    assert row["outline"] == pytest.approx([66.4, 66.13, 66.41, 66.13, 66.41, 66.14], abs=1e-12)


@pytest.mark.parametrize(("angle", "position_angle"), [(0, 90.0), (90, 0.0), (30, 120.0)])
def test_an_ellipse_has_its_long_axis_where_ds9_draws_it(tmp_path: Path, angle: int, position_angle: float) -> None:
    (row,) = rows(tmp_path, f'icrs\nellipse(54.04,61.51,10",5",{angle}) # text={{S0_fitcomp1}}\n')
    centre, there = SkyCoord(54.04 * units.deg, 61.51 * units.deg), corners(row)
    radius = centre.separation(there).arcsec
    assert (row["name"], row["shape"], row["tags"]) == ("S0_fitcomp1", "ellipse", None)
    assert (radius.max(), radius.min()) == pytest.approx((10.0, 5.0), abs=1e-6)
    longest = centre.position_angle(there[radius.argmax()]).deg % 180
    assert longest == pytest.approx(position_angle, abs=1e-3) or abs(longest - position_angle) == pytest.approx(180)


def test_a_circle_is_round(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, 'fk5\ncircle 10.0 -89.9 36" # text={c}\n')
    centre = SkyCoord(10.0 * units.deg, -89.9 * units.deg, frame="fk5")
    assert np.allclose(centre.separation(corners(row)).arcsec, 36.0, atol=1e-6)


def test_galactic_regions_become_icrs(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "galactic\npolygon 10 0 11 0 11 1\n")
    expected = SkyCoord([10, 11, 11] * units.deg, [0, 0, 1] * units.deg, frame="galactic")
    assert expected.separation(corners(row)).arcsec.max() < 1e-6
    assert row["name"] is None


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize(("lon", "lat"), [(10.0, 20.0), (0.0, 0.0), (266.0, 89.9), (120.0, -90.0)])
def test_an_ellipse_is_drawn_on_the_sphere_of_its_own_frame(tmp_path: Path, frame: str, lon: float, lat: float) -> None:
    (row,) = rows(tmp_path, f"{frame}\nellipse {lon} {lat} 3 1 30\n")
    centre = SkyCoord(lon * units.deg, lat * units.deg, frame=frame)
    turns = np.arange(24) * (2 * np.pi / 24)
    expected = [
        centre.directional_offset_by(
            (-60 + np.degrees(np.arctan2(np.sin(turn), 3 * np.cos(turn)))) * units.deg,
            np.hypot(3 * np.cos(turn), np.sin(turn)) * units.deg,
        ).icrs
        for turn in turns
    ]
    separations = [one.separation(found).arcsec for one, found in zip(expected, corners(row), strict=True)]
    assert max(separations) < 1e-6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image\npolygon 1 2 3 4 5 6\n", "row 1: the region is in pixels of an image, not on the sky"),
        ("icrs\nline 1 2 3 4\n", "row 1: a line has no outline"),
        ("icrs\npolygon 1 2 3 4\n", "row 1: a polygon with 2 corners has no outline"),
        (
            "icrs\ncircle 1 2 91\n",
            "row 1: the circle of 91 deg is nowhere on the sky .a radius is above 0 and below 90",
        ),
        ("icrs\nellipse 1 2 3 92 0\n", "row 1: the ellipse with half axes of 3 and 92 deg is nowhere on the sky .half"),
        ("icrs\npolygon 1 2 3 4 nan 6\n", "row 1: the polygon is nowhere on the sky .each corner has a longitude"),
    ],
)
def test_what_has_no_outline_on_the_sky_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(IngestError, match=message):
        rows(tmp_path, text)
