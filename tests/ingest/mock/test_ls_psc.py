"""Mock LS-PSC rows obey the rules of the published columns."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.mock import ls_psc
from ingest.mock.rows import Rows
from ingest.mock.sky import BLOCK_SIZE, Kind, MockSky

SKY = MockSky(12 * BLOCK_SIZE)


@pytest.fixture(scope="module")
def rows() -> dict[str, NDArray[np.generic]]:
    made = [ls_psc.main(block).columns for block in SKY.blocks()]
    return {name: np.concatenate([one[name] for one in made]) for name in made[0]}


def test_identifiers_unpack_to_the_columns_beside_them(rows: dict[str, NDArray[np.int64]]) -> None:
    assert np.array_equal(rows["ls_id"] >> 40, rows["ls_release"])
    assert np.array_equal((rows["ls_id"] >> 20) & 0xFFFFF, rows["brickid"])
    assert np.array_equal(rows["ls_id"] & 0xFFFFF, rows["objid"])


def test_identifiers_are_unique_and_too_long_for_a_double(rows: dict[str, NDArray[np.int64]]) -> None:
    assert len(np.unique(rows["ls_id"])) == len(rows["ls_id"])
    assert rows["ls_id"].min() > 2**53


def test_releases_follow_declination_and_fill_ins_are_marked(rows: dict[str, NDArray[np.float64]]) -> None:
    is_north = rows["dec"] > 32.375
    assert set(rows["ls_release"][is_north]) == {9011}
    assert set(rows["ls_release"][~is_north]) == {10000, 10002, 9010}
    assert np.array_equal(rows["from_dr9"], rows["ls_release"] == 9010)


def test_the_score_is_the_model_score_plus_one_for_gaia_stars(rows: dict[str, NDArray[np.float32]]) -> None:
    score, ml_score, is_star = rows["score"], rows["ml_score"], rows["is_gaia_star"].astype(bool)
    scored = ~np.isnan(score)
    assert 0.0 < np.nanmin(score) < np.nanmax(score) < 2.0
    assert not np.any(score == 1.0)
    assert np.array_equal(is_star[scored], score[scored] > 1)
    assert np.array_equal(ml_score[is_star], score[is_star] - np.float32(1))
    assert np.array_equal(ml_score[scored & ~is_star], score[scored & ~is_star])
    assert 0.0 <= np.nanmin(ml_score) < np.nanmax(ml_score) <= 1.0


def test_a_few_rows_have_no_score_and_then_no_gaia_flag_either() -> None:
    block = SKY.block(0)
    made: Rows = ls_psc.main(block)
    is_missing = np.isnan(made.columns["score"])
    assert 0 < is_missing.sum() < 0.01 * len(is_missing)
    assert np.array_equal(made.nulls["is_gaia_star"], is_missing)


def test_the_score_tells_stars_from_galaxies_well_when_bright_and_badly_when_faint() -> None:
    right: dict[str, list[float]] = {"bright": [], "faint": []}
    for block in SKY.blocks():
        rows = ls_psc.main(block)
        seen = ls_psc.ls_id(block) >= 0
        kind, r_mag, score = block.kind[seen], block.r_mag[seen], rows.columns["score"]
        is_right = ((score > 0.5) == (kind == Kind.STAR))[kind != Kind.QSO]
        r_mag = r_mag[kind != Kind.QSO]
        right["bright"].append(float(is_right[r_mag < 20].mean()))
        right["faint"].append(float(is_right[r_mag > 23].mean()))
    assert np.mean(right["bright"]) > 0.97
    assert 0.6 < np.mean(right["faint"]) < 0.9


def test_gaia_confirms_stars_only() -> None:
    for block in SKY.blocks():
        seen = ls_psc.ls_id(block) >= 0
        confirmed = ls_psc.main(block).columns["is_gaia_star"]
        assert set(block.kind[seen][confirmed]) == {Kind.STAR}
