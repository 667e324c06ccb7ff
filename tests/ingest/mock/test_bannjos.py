"""Mock BANNJOS rows obey the rules of the published columns, and the summaries are those of the mixture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.mock import jplus
from ingest.mock.bannjos import CAVEAT_TILES, Caveat, class_bannjos
from ingest.mock.mixture import PLANE
from ingest.mock.sky import BLOCK_SIZE, Block, Kind, MockSky

SKY = MockSky(20 * BLOCK_SIZE)
CLASSES = ("GALAXY", "QSO", "STAR")
PERCENTILES = {"pc02": 2.275, "pc16": 15.865, "pc50": 50.0, "pc84": 84.135, "pc98": 97.725}

Columns = dict[str, NDArray[np.float64]]


@pytest.fixture(scope="module")
def rows() -> Columns:
    made = [class_bannjos(block).columns for block in SKY.blocks()]
    return {name: np.concatenate([one[name] for one in made]).astype(np.float64) for name in made[0]}


@pytest.fixture(scope="module")
def has_mixture(rows: Columns) -> NDArray[np.bool_]:
    return ~np.isnan(rows["comp1_weight"])


def draw(rows: Columns, row: int, n: int = 60_000) -> NDArray[np.float64]:
    """Slow oracle: probabilities drawn from the published mixture of one row, shape (n, 3)."""
    random = np.random.default_rng(row)
    pieces = []
    for k in (1, 2, 3):
        mean = [rows[f"comp{k}_mean_{axis}"][row] for axis in (1, 2)]
        c11, c12, c22 = (rows[f"comp{k}_cov_{term}"][row] for term in ("11", "12", "22"))
        size = round(n * rows[f"comp{k}_weight"][row])
        pieces.append(random.multivariate_normal(mean, [[c11, c12], [c12, c22]], size=size, method="cholesky"))
    return np.concatenate(pieces) @ PLANE + 1.0 / 3.0


def test_percentiles_rise_and_stay_within_probabilities(rows: Columns) -> None:
    for name in CLASSES:
        values = np.stack([rows[f"CLASS_{name}_prob_{level}"] for level in PERCENTILES])
        assert np.all(np.diff(values, axis=0) >= 0)
        assert values.min() >= 0
        assert values.max() <= 1


def test_mean_probabilities_sum_to_one(rows: Columns) -> None:
    total = sum(rows[f"CLASS_{name}_prob_mean"] for name in CLASSES)
    assert np.allclose(total, 1.0, atol=3e-7)


def test_weights_sum_to_one_and_covariances_are_positive_definite(
    rows: Columns, has_mixture: NDArray[np.bool_]
) -> None:
    assert np.allclose(sum(rows[f"comp{k}_weight"][has_mixture] for k in (1, 2, 3)), 1.0, atol=1e-6)
    for k in (1, 2, 3):
        c11, c12, c22 = (rows[f"comp{k}_cov_{term}"][has_mixture] for term in ("11", "12", "22"))
        assert np.all(c11 > 0)
        assert np.all(c11 * c22 - c12**2 > 0)


def test_a_posterior_without_scatter_has_neither_correlations_nor_a_mixture(
    rows: Columns, has_mixture: NDArray[np.bool_]
) -> None:
    assert 0 < (~has_mixture).mean() < 0.02
    mixture = [name for name in rows if name.startswith("comp") or name.endswith("_corr")]
    assert len(mixture) == 21
    for name in mixture:
        assert np.array_equal(np.isnan(rows[name]), ~has_mixture), name
    for name in set(rows) - set(mixture):
        assert not np.isnan(rows[name]).any(), name
    for name in CLASSES:
        assert np.all(rows[f"CLASS_{name}_prob_std"][~has_mixture] == 0)


@pytest.mark.parametrize("place", range(0, 200, 20))
def test_summaries_agree_with_samples_of_the_published_mixture(
    rows: Columns, has_mixture: NDArray[np.bool_], place: int
) -> None:
    row = int(np.flatnonzero(has_mixture)[place])
    samples = draw(rows, row)
    for j, name in enumerate(CLASSES):
        drawn = samples[:, j]
        sigma = drawn.std()
        assert rows[f"CLASS_{name}_prob_mean"][row] == pytest.approx(drawn.mean(), abs=0.02 * sigma + 1e-6)
        deviation = 1.4826 * np.median(np.abs(drawn - np.median(drawn)))
        assert rows[f"CLASS_{name}_prob_std"][row] == pytest.approx(deviation, rel=0.05)
        for level, percent in PERCENTILES.items():
            given = rows[f"CLASS_{name}_prob_{level}"][row]
            assert given == pytest.approx(np.clip(np.percentile(drawn, percent), 0, 1), abs=0.06 * sigma + 1e-6)
    correlations = np.asarray(np.corrcoef(samples.T))
    for (i, j), pair in {(0, 1): "GALAXY_CLASS_QSO", (0, 2): "GALAXY_CLASS_STAR", (1, 2): "QSO_CLASS_STAR"}.items():
        assert rows[f"CLASS_{pair}_prob_corr"][row] == pytest.approx(correlations[i, j], abs=0.03)


def test_some_objects_are_there_twice_with_other_probabilities(rows: Columns) -> None:
    keys = np.stack([rows["TILE_ID"], rows["NUMBER"]], axis=1)
    _, first, counts = np.unique(keys, axis=0, return_index=True, return_counts=True)
    assert set(counts) == {1, 2}
    assert 0.003 < (counts == 2).mean() < 0.012
    twice = first[counts == 2]
    assert np.all(rows["CLASS_STAR_prob_mean"][twice] != rows["CLASS_STAR_prob_mean"][twice + 1])


def test_every_row_has_a_position_in_the_photometry(rows: Columns) -> None:
    photometry = [jplus.mag_ab_dual_obj(block).columns for block in SKY.blocks()]
    positions = {(int(t), int(n)) for one in photometry for t, n in zip(one["TILE_ID"], one["NUMBER"], strict=True)}
    assert len(positions) == sum(len(one["TILE_ID"]) for one in photometry)
    assert {(int(t), int(n)) for t, n in zip(rows["TILE_ID"], rows["NUMBER"], strict=True)} == positions


@pytest.fixture(scope="module")
def truth(rows: Columns) -> Block:
    """What each row is about."""
    seen = [jplus.seen(block) for block in SKY.blocks()]
    pieces = []
    for block in seen:
        columns = jplus.ids(block)
        pieces.append(columns["TILE_ID"].astype(np.int64) << 32 | columns["NUMBER"])
    key = np.concatenate(pieces)
    order = np.argsort(key)
    place = order[np.searchsorted(key[order], rows["TILE_ID"].astype(np.int64) << 32 | rows["NUMBER"].astype(np.int64))]
    kind, r_mag, brick = (np.concatenate([getattr(b, n) for b in seen])[place] for n in ("kind", "r_mag", "brick"))
    first = seen[0].select(np.zeros(len(place), dtype=np.int64))
    return replace(first, kind=kind, r_mag=r_mag, brick=brick)


def selection(rows: Columns, kind: Kind, low: str, high: str) -> NDArray[np.bool_]:
    """Rows that the published rule selects, with percentiles of the class itself and of the others."""
    names = ("GALAXY", "QSO", "STAR")
    chosen = rows[f"CLASS_{kind.name}_prob_{low}"] >= 0.333
    for other in names:
        if other != kind.name:
            chosen = chosen & (rows[f"CLASS_{other}_prob_{high}"] < 0.333)
    return np.asarray(chosen)


@pytest.mark.parametrize("kind", [Kind.GALAXY, Kind.QSO, Kind.STAR])
def test_two_sigma_is_purer_and_less_complete_than_one_and_that_than_the_median(
    kind: Kind, rows: Columns, truth: Block
) -> None:
    medians = np.stack([rows[f"CLASS_{name}_prob_pc50"] for name in CLASSES], axis=1)
    chosen = [
        medians.argmax(axis=1) == kind,
        selection(rows, kind, "pc16", "pc84"),
        selection(rows, kind, "pc02", "pc98"),
    ]
    is_kind = truth.kind == kind
    purities = [is_kind[one].mean() for one in chosen]
    completenesses = [one[is_kind].mean() for one in chosen]
    assert purities == sorted(set(purities))
    assert completenesses == sorted(set(completenesses), reverse=True)


@pytest.mark.parametrize("kind", [Kind.GALAXY, Kind.QSO, Kind.STAR])
def test_the_mean_is_the_probability_of_the_class_outside_the_tiles_with_caveats(
    kind: Kind, rows: Columns, truth: Block
) -> None:
    mean = rows[f"CLASS_{kind.name}_prob_mean"]
    is_plain = ~np.isin(rows["TILE_ID"], list(CAVEAT_TILES))
    for low in (0.1, 0.4, 0.7):
        chosen = is_plain & (mean > low) & (mean < low + 0.2)
        error = np.sqrt(0.25 / chosen.sum())
        assert (truth.kind[chosen] == kind).mean() == pytest.approx(mean[chosen].mean(), abs=0.03 + 3 * error)


def test_the_likeliest_class_is_right_more_often_for_bright_objects(rows: Columns, truth: Block) -> None:
    medians = np.stack([rows[f"CLASS_{name}_prob_pc50"] for name in CLASSES], axis=1)
    is_right = medians.argmax(axis=1) == truth.kind
    shares = [is_right[(truth.r_mag >= low) & (truth.r_mag < low + 1)].mean() for low in (19.3, 20.3, 21.3)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.99
    assert 0.9 < shares[-1] < 0.985


def test_tiles_with_caveats_have_fewer_of_the_classes_that_are_told() -> None:
    """In a larger sky, because few tiles have caveats."""
    found = {Caveat.FEW_STARS: np.zeros(2), Caveat.LOW_LATITUDE: np.zeros(2)}
    for block in MockSky(40 * BLOCK_SIZE).blocks():
        columns = class_bannjos(block).columns
        seen = jplus.seen(block)
        for caveat, rare in ((Caveat.FEW_STARS, Kind.STAR), (Caveat.LOW_LATITUDE, Kind.GALAXY)):
            tiles = [tile for tile, code in CAVEAT_TILES.items() if code == caveat]
            medians = np.stack([columns[f"CLASS_{name}_prob_pc50"] for name in CLASSES], axis=1)
            claimed = (np.isin(columns["TILE_ID"], tiles) & (medians.argmax(axis=1) == rare)).sum()
            true = (np.isin(jplus.ids(seen)["TILE_ID"], tiles) & (seen.kind == rare)).sum()
            found[caveat] += [claimed, true]
    for claimed, true in found.values():
        assert claimed < 0.98 * true


def test_photometry_has_an_error_exactly_where_it_has_a_magnitude() -> None:
    columns = jplus.mag_ab_dual_obj(SKY.block(0)).columns
    for name in ("AUTO", "PSFCOR", "APER_3_0"):
        magnitude, error = columns[f"MAG_{name}"], columns[f"MAG_ERR_{name}"]
        assert magnitude.shape[1] == len(jplus.FILTERS)
        assert np.array_equal(np.isnan(magnitude), np.isnan(error))
        assert 0 < np.isnan(magnitude).mean() < 0.5
