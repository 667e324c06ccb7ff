"""Mock LS-PSC rows obey the rules of the published columns."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.mock import legacy, ls_psc
from ingest.mock.rows import Rows
from ingest.mock.sky import BLOCK_SIZE, Block, Kind, MockSky

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


def published(block: Block) -> Block:
    """Objects in the order of the rows."""
    seen = legacy.observed(block)
    return seen.block.select(seen.block.is_wanted & ~seen.is_duplicate & ~np.isnan(seen.white_mag))


def test_a_few_rows_have_no_score_and_then_no_gaia_flag_either() -> None:
    made: Rows = ls_psc.main(SKY.block(0))
    is_missing = np.isnan(made.columns["score"])
    assert 0 < is_missing.sum() < 0.01 * len(is_missing)
    assert np.array_equal(made.nulls["is_gaia_star"], is_missing)


def test_the_score_is_the_probability_of_being_a_point(rows: dict[str, NDArray[np.float64]]) -> None:
    is_point = np.concatenate([published(block).is_point for block in SKY.blocks()])
    for low in (0.1, 0.3, 0.5, 0.7):
        chosen = (rows["ml_score"] > low) & (rows["ml_score"] < low + 0.2)
        expected = rows["ml_score"][chosen].mean()
        assert is_point[chosen].mean() == pytest.approx(expected, abs=4 * np.sqrt(0.25 / chosen.sum()))


def test_the_score_tells_points_well_when_bright_and_badly_when_faint(rows: dict[str, NDArray[np.float64]]) -> None:
    truth = [published(block) for block in SKY.blocks()]
    is_right = (rows["ml_score"] > 0.5) == np.concatenate([block.is_point for block in truth])
    r_mag = np.concatenate([block.r_mag for block in truth])
    assert is_right[r_mag < 20].mean() > 0.995
    assert 0.93 < is_right[r_mag > 23].mean() < 0.98


def test_gaia_confirms_stars_and_hardly_anything_else() -> None:
    kinds = [published(block).kind[ls_psc.main(block).columns["is_gaia_star"]] for block in SKY.blocks()]
    assert (np.concatenate(kinds) == Kind.STAR).mean() > 0.999


def test_sources_of_the_type_dup_have_photometry_and_no_score() -> None:
    block = SKY.block(0)
    tractor = legacy.tractor(block).columns
    duplicates = tractor["ls_id"][tractor["type"] == "DUP"]
    assert len(duplicates) > 0
    assert not np.isin(duplicates, ls_psc.main(block).columns["ls_id"]).any()
    assert np.isin(ls_psc.main(block).columns["ls_id"], tractor["ls_id"]).all()
