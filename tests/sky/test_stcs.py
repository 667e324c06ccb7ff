"""Texts that are regions, and texts that are none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vo_server.sky.shapes import region_of
from vo_server.sky.stcs import RegionSyntaxError, ShapeText, read_region


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("Circle ICRS 10 20 0.5", ShapeText("circle", (10, 20, 0.5))),
        ("circle 10 20 0.5", ShapeText("circle", (10, 20, 0.5))),
        ("CIRCLE fk5 GEOCENTER SPHERICAL2 10 -20 5e-1", ShapeText("circle", (10, -20, 0.5), frame="FK5")),
        ("Position GALACTIC 1 2", ShapeText("position", (1, 2), frame="GALACTIC")),
        ("Box ICRS 1 2 3 4", ShapeText("box", (1, 2, 3, 4))),
        ("polygon 1 1 2 1 2 2", ShapeText("polygon", (1, 1, 2, 1, 2, 2))),
        ("range 359 1 -1 1", ShapeText("range", (359, 1, -1, 1))),
        (
            "Union ICRS (Circle 1 2 3 Not (Circle GALACTIC 4 5 6))",
            ShapeText(
                "union",
                parts=(
                    ShapeText("circle", (1, 2, 3)),
                    ShapeText("not", parts=(ShapeText("circle", (4, 5, 6), frame="GALACTIC"),)),
                ),
            ),
        ),
        ("circle 1 2 3 polygon 1 1 2 1 2 2", ShapeText("union", parts=(
            ShapeText("circle", (1, 2, 3)), ShapeText("polygon", (1, 1, 2, 1, 2, 2))))),
        ("moc 3/1-4 7", ShapeText("moc")),
        ("3/1-4 7", ShapeText("moc")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_texts_are_read(text: str, shape: ShapeText) -> None:
    assert read_region(text) == shape


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not with the end"),
        ("10 20 0.5", "not with '10'"),
        ("Ellipse 1 2 3 4 5", "not with 'Ellipse'"),
        ("Circle 10 20", "Circle takes 3 numbers, not 2"),
        ("Circle 10 20 0.5 7", "Circle takes 3 numbers, not 4"),
        ("Circle 10 20 nan", "'nan' is neither a frame nor a number|Circle takes 3 numbers"),
        ("Circle MARS 1 2 3", "'MARS' is neither a frame nor a number"),
        ("Circle FK4 1 2 3", "regions in the frame FK4 are not supported"),
        ("Polygon 1 2 3 4", "at least three corners, not 4 numbers"),
        ("Polygon 1 2 3 4 5 6 7", "at least three corners, not 7 numbers"),
        ("Union (Circle 1 2 3", r"'\)' was expected after Union, not the end"),
        ("Union Circle 1 2 3", "Circle' is neither a frame nor a number|was expected after Union"),
        ("Not (Circle 1 2 3 Circle 4 5 6)", "Not takes exactly one region"),
        ("Union ()", "Union takes at least one region"),
        ("Not (" * 60 + "Circle 1 2 3" + ")" * 60, "more than 50 regions inside each other"),
    ],
)
def test_what_is_no_region_is_told_with_the_word(text: str, message: str) -> None:
    with pytest.raises(RegionSyntaxError, match=message):
        read_region(text)


def test_other_frames_are_rotated() -> None:
    ra_deg, dec_deg = region_of(read_region("Circle GALACTIC 0 0 1")).centroid_deg
    assert (ra_deg, dec_deg) == pytest.approx((266.40498829, -28.93617776), abs=1e-8)


def test_reading_needs_no_numpy() -> None:
    code = "import sys, vo_server.sky.stcs; print('numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
