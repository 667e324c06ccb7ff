"""What BANNJOS would say about the mock sky: summaries of a posterior and the posterior itself as a mixture."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import footprint, jplus
from ingest.mock.mixture import Mixture, to_plane
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Kind, Stream

__all__ = ["class_bannjos"]

_CLASSES: Final = ("GALAXY", "QSO", "STAR")
_LEVELS: Final = {"pc02": 0.02275, "pc16": 0.15865, "pc50": 0.5, "pc84": 0.84135, "pc98": 0.97725}
_MAD_TO_SIGMA: Final = 1.4826
_REPEATED: Final = 0.007
"""Share of objects that are there twice, with other external data: (TILE_ID, NUMBER) is not a key of this table."""
_NO_SCATTER: Final = 0.004
"""Share of objects whose posterior has no width: no correlations and no mixture, -99 in the published files."""

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def class_bannjos(block: Block) -> Rows:
    """Return the rows of ``jplus.ClassBANNJOS`` for a block."""
    random = block.generator(Stream.BANNJOS)
    n = len(block.index)
    is_repeated = random.random(n) < _REPEATED
    # Two rows are drawn for every object and most second ones are left out, so that no row depends on another.
    rows = np.repeat(np.arange(n), 2)
    mixture = _posterior(block, rows, random)
    has_scatter = random.random(2 * n) >= _NO_SCATTER
    is_wanted = np.repeat((np.arange(n) < block.n_wanted) & jplus.is_detected(block), 2)
    is_wanted[1::2] &= is_repeated
    chosen = np.flatnonzero(is_wanted)
    tile, number = footprint.jplus_ids(block.brick, footprint.running_number(block.index))
    columns = {
        "TILE_ID": tile.astype(np.int32)[rows[chosen]],
        "NUMBER": number.astype(np.int32)[rows[chosen]],
        **_columns(
            Mixture(mixture.weights[chosen], mixture.means[chosen], mixture.covariances[chosen]), has_scatter[chosen]
        ),
    }
    return Rows(columns)


def _posterior(block: Block, rows: NDArray[np.int64], random: np.random.Generator) -> Mixture:
    """Draw a mixture for each row: three opinions near the truth, the nearer the brighter the object."""
    n = len(rows)
    r_mag, kind = block.r_mag[rows], block.kind[rows]
    certainty = np.clip(6.5 - 0.75 * (r_mag - 17.0), 0.7, 6.5)
    # A quasar is harder to know from a star than a galaxy is from either.
    certainty = np.where(kind == Kind.QSO, 0.8 * certainty, certainty)
    logits = 0.9 * random.standard_normal((n, 3))
    logits[np.arange(n), kind] += certainty
    opinions = logits[:, None, :] + 0.4 * random.standard_normal((n, 3, 3))
    probability = np.exp(opinions - opinions.max(axis=-1, keepdims=True))
    probability /= probability.sum(axis=-1, keepdims=True)
    width = 0.2 + 0.4 * random.random((n, 3))
    share = random.standard_exponential((n, 3))
    share /= share.sum(axis=-1, keepdims=True)
    weights = np.round(share, 6)
    weights[:, 2] = 1.0 - weights[:, 0] - weights[:, 1]
    return Mixture(
        _as_stored(weights), _as_stored(to_plane(probability)), _as_stored(_plane_covariance(probability, width))
    )


def _plane_covariance(probability: FloatArray, width: FloatArray) -> FloatArray:
    """Return terms 11, 12, 22 of the covariance that equal scatter of the logits gives, shape (n, 3, 3).

    The derivative of the probabilities by the logits is ``diag(p) - p pᵀ``: wide in the middle, narrow near a corner.
    """
    along = to_plane(np.eye(3) * probability[..., None, :] - probability[..., :, None] * probability[..., None, :])
    # A floor keeps the matrix positive definite in single precision.
    c11 = width**2 * (along[..., 0] ** 2).sum(-1) + 1e-8
    c22 = width**2 * (along[..., 1] ** 2).sum(-1) + 1e-8
    c12 = width**2 * (along[..., 0] * along[..., 1]).sum(-1)
    return np.stack([c11, 0.999 * c12, c22], -1)


def _as_stored(values: FloatArray) -> FloatArray:
    """Round to what a float32 holds, so that the summaries are those of the published mixture."""
    return values.astype(np.float32).astype(np.float64)


def _columns(mixture: Mixture, has_scatter: BoolArray) -> dict[str, NDArray[np.float32]]:
    """Return all columns that describe the posterior, NaN where they are not defined."""
    levels = {name: np.clip(mixture.quantile(level), 0.0, 1.0) for name, level in _LEVELS.items()}
    median = mixture.quantile(0.5)
    sigma = _MAD_TO_SIGMA * mixture.median_deviation(median)
    mean = mixture.mean()
    for values in levels.values():
        values[~has_scatter] = mean[~has_scatter]
    sigma[~has_scatter] = 0.0
    named = _by_class("prob_mean", mean) | _by_class("prob_std", sigma)
    for name, values in levels.items():
        named |= _by_class(f"prob_{name}", values)
    pairs = ("GALAXY_CLASS_QSO", "GALAXY_CLASS_STAR", "QSO_CLASS_STAR")
    undefined = ~has_scatter[:, None]
    correlations = np.where(undefined, np.nan, mixture.correlations())
    named |= {f"CLASS_{pair}_prob_corr": correlations[:, place] for place, pair in enumerate(pairs)}
    for component in range(3):
        head = f"comp{component + 1}"
        covariance = np.where(undefined, np.nan, mixture.covariances[:, component])
        means = np.where(undefined, np.nan, mixture.means[:, component])
        named |= {f"{head}_cov_{term}": covariance[:, place] for place, term in enumerate(("11", "12", "22"))}
        named |= {f"{head}_mean_{axis + 1}": means[:, axis] for axis in range(2)}
        named[f"{head}_weight"] = np.where(has_scatter, mixture.weights[:, component], np.nan)
    return {name: values.astype(np.float32) for name, values in named.items()}


def _by_class(what: str, values: FloatArray) -> dict[str, FloatArray]:
    return {f"CLASS_{name}_{what}": values[:, place] for place, name in enumerate(_CLASSES)}
