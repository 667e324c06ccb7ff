from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from astropy import units
from astropy.coordinates import Angle, SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from vo_server.load.convert import apply_null_values, galactic_to_icrs, sexagesimal_to_degrees
from vo_server.model.datatype import DataType, Primitive

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "datatype", "marks", "expected"),
    [
        (pa.array([99.0, 1.0, NAN]), DataType(Primitive.DOUBLE), ("99",), ["99 is null", 1.0, "nan"]),
        (pa.array([99.0, 1.0, NAN]), DataType(Primitive.DOUBLE), ("NaN",), [99.0, 1.0, None]),
        (pa.array([99.9, 1.0], pa.float32()), DataType(Primitive.FLOAT), ("99.9", "NaN"), [None, 1.0]),
        (pa.array([-9999, 7]), DataType(Primitive.LONG), ("-9999.0",), [None, 7]),
        (pa.array([2**53 + 1, 2**53]), DataType(Primitive.LONG), (str(2**53 + 1),), [None, 2**53]),
        (pa.array(["n/a", "NaN", "x"]), DataType(Primitive.CHAR, "*"), ("n/a", "NaN"), [None, None, "x"]),
        (pa.array([1, 2]), DataType(Primitive.INT), ("none", "1.5"), [1, 2]),
        (
            pa.array([[99.0, 1.0], None, [2.0, 99.0]]),
            DataType(Primitive.DOUBLE, "2"),
            ("99",),
            [[None, 1], None, [2, None]],
        ),
        (pa.array([[-1, 0, 1], [], [-1]]), DataType(Primitive.INT, "*"), ("-1.0",), [[None, 0, 1], [], [None]]),
        (pa.array([[NAN, 1.0]]), DataType(Primitive.DOUBLE, "2"), ("NaN",), [[None, 1.0]]),
        (pa.array([[99.0, 1.0]]), DataType(Primitive.DOUBLE, "2", "point"), ("99",), [[99.0, 1.0]]),
    ],
)
def test_null_marks_are_compared_as_values_of_the_column(
    values: pa.Array, datatype: DataType, marks: tuple[str, ...], expected: list[object]
) -> None:
    found = apply_null_values(values, datatype, marks).to_pylist()
    if expected[0] == "99 is null":
        assert found[0] is None
        assert found[1] == 1.0
        assert np.isnan(found[2])
        return
    assert found == expected


def test_galactic_positions_are_those_of_astropy() -> None:
    rng = np.random.default_rng(4)
    lon = np.concatenate((rng.uniform(0, 360, 1000), [0, 360, 12, NAN, 10]))
    lat = np.concatenate((rng.uniform(-90, 90, 1000), [90, -90, 0, 5, 95]))
    ra, dec = galactic_to_icrs(lon, lat)
    assert np.isnan(ra[-2:]).all()
    assert np.isnan(dec[-2:]).all()
    expected = SkyCoord(lon[:-2] * units.deg, lat[:-2] * units.deg, frame="galactic").icrs
    assert np.array_equal(ra[:-2], expected.ra.deg)
    assert np.array_equal(dec[:-2], expected.dec.deg)


@given(st.integers(0, 23), st.integers(0, 59), st.floats(0, 59.99))
def test_hours_are_those_of_astropy(hours: int, minutes: int, seconds: float) -> None:
    text = f"{hours:02d}:{minutes:02d}:{seconds:05.2f}"
    (found,) = sexagesimal_to_degrees(pa.array([text]), is_hours=True)
    assert found == pytest.approx(Angle(text, unit="hourangle").deg, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("-00:30:00", -0.5),
        ("+90:00:00", 90.0),
        ("-12 30 36.0", -12.51),
        ("12d30m36s", 12.51),
        ("90:00:01", None),
        ("10:60:00", None),
        ("10:00:60", None),
        ("ten", None),
        (None, None),
    ],
)
def test_degrees_keep_their_sign(text: str | None, degrees: float | None) -> None:
    (found,) = sexagesimal_to_degrees(pa.array([text], pa.string()), is_hours=False)
    assert np.isnan(found) if degrees is None else found == pytest.approx(degrees, abs=1e-12)
