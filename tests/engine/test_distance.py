"""DuckDB's function for the distance of places, beside the formula that it stands for."""

from __future__ import annotations

from contextlib import closing

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from vo_server.engine.duckdb.distance import FEW_DISTANCES, create_distance
from vo_server.engine.relation import SEPARATION

_NAMES = {name: name for name in ("ra1", "dec1", "ra2", "dec2")}
_FORMULA = f"NULLIF({SEPARATION.format(**_NAMES)}, 'NaN'::DOUBLE)"
_FUNCTION = FEW_DISTANCES.format(**_NAMES)
_ROWS = 200_000


def _compared(places: pa.Table) -> pa.Table:
    """Return what the formula and the function give, as bits where they are numbers."""
    with closing(duckdb.connect()) as connection:
        create_distance(connection)
        connection.register("places", places)
        both = connection.sql(f"SELECT {_FORMULA} AS formula, {_FUNCTION} AS function FROM places").to_arrow_table()
    return both.cast(pa.schema([("formula", pa.float64()), ("function", pa.float64())]))


def _bits(column: pa.ChunkedArray) -> list[int | None]:
    array = column.combine_chunks()
    bits = array.fill_null(0.0).to_numpy(zero_copy_only=False).view(np.int64).tolist()
    return [None if is_null else one for one, is_null in zip(bits, array.is_null().to_pylist(), strict=True)]


def _assert_same(places: dict[str, object]) -> None:
    both = _compared(pa.table({name: pa.array(values, pa.float64()) for name, values in places.items()}))
    assert _bits(both["formula"]) == _bits(both["function"])


def test_random_places_have_the_same_distance_to_the_last_bit() -> None:
    rng = np.random.default_rng(20_261_127)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, (2, _ROWS))))
    ra = rng.uniform(-400, 760, (2, _ROWS))
    _assert_same({"ra1": ra[0], "dec1": dec[0], "ra2": ra[1], "dec2": dec[1]})


@pytest.mark.parametrize("scale_deg", [1e-12, 1e-6, 0.1])
def test_close_places_and_antipodes_have_the_same_distance_to_the_last_bit(scale_deg: float) -> None:
    rng = np.random.default_rng(7)
    ra, dec = rng.uniform(0, 360, _ROWS), np.degrees(np.arcsin(rng.uniform(-1, 1, _ROWS)))
    near_ra, near_dec = (one + rng.normal(0, scale_deg, _ROWS) for one in (ra, dec))
    is_far = rng.random(_ROWS) < 0.5
    far_ra, far_dec = np.where(is_far, near_ra + 180, near_ra), np.where(is_far, -near_dec, near_dec)
    _assert_same({"ra1": ra, "dec1": dec, "ra2": far_ra, "dec2": np.clip(far_dec, -90, 90)})


def test_poles_whole_turns_nan_and_null_are_treated_alike() -> None:
    ra = [0.0, -0.0, 90.0, 180.0, 270.0, 360.0, 540.0, float("nan"), None]
    dec = [-90.0, -45.0, -0.0, 0.0, 90.0, float("nan"), None]
    grid = [(a, b, c, d) for a in ra for b in dec for c in ra for d in dec]
    _assert_same(dict(zip(_NAMES, map(list, zip(*grid, strict=True)), strict=True)))
