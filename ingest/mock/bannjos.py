"""What BANNJOS would say about the mock sky: summaries of a posterior and the posterior itself as a mixture."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import footprint, jplus
from ingest.mock.classifier import Classifier
from ingest.mock.mixture import Mixture, to_plane
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Stream

__all__ = ["CAVEAT_TILES", "Caveat", "bannjos_caveats", "class_bannjos"]

_CLASSES: Final = ("GALAXY", "QSO", "STAR")
_LEVELS: Final = {"pc02": 0.02275, "pc16": 0.15865, "pc50": 0.5, "pc84": 0.84135, "pc98": 0.97725}
_MAD_TO_SIGMA: Final = 1.4826
_REPEATED: Final = 0.007
"""Share of objects that are there twice, with other external data: (TILE_ID, NUMBER) is not a key of this table."""
_DOUBT: Final = 0.002
"""What is typically left for a class that an object surely is not."""
_NO_SCATTER: Final = 0.004
"""Share of objects whose posterior has no width: no correlations and no mixture, -99 in the published files."""


class Caveat(IntEnum):
    """What is wrong with the classes in a tile."""

    NONE = 0
    FEW_STARS = 1
    MANY_GALAXIES = 2
    NEARBY_GALAXY = 3
    LOW_LATITUDE = 4


CAVEAT_TILES: Final = (
    dict.fromkeys((95100, 95118, 95126, 95136, 95162, 95175, 95186, 95197), Caveat.FEW_STARS)
    | {98155: Caveat.MANY_GALAXIES, 102263: Caveat.NEARBY_GALAXY, 103605: Caveat.NEARBY_GALAXY}
    | dict.fromkeys((103874, 103884, 103908, 103919, 103930), Caveat.LOW_LATITUDE)
)
"""The tiles that the authors of BANNJOS warn about, rising; a few of them are in the mock sky."""
_REASONS: Final = {
    Caveat.FEW_STARS: "deep exposure: too few stars",
    Caveat.MANY_GALAXIES: "too many galaxies, too few stars",
    Caveat.NEARBY_GALAXY: "M31 or M33 is in the tile: too many galaxies and quasars",
    Caveat.LOW_LATITUDE: "low Galactic latitude: too few galaxies and quasars",
}
_CAVEATS: Final = np.array([[0, 0, 0], [0, 0, -2.5], [2, 0, -2], [2, 2, 0], [-2.5, -2.5, 0]], dtype=np.float64)
"""What such a tile adds to the log probabilities of galaxy, quasar and star."""
_CLASSIFIER: Final = Classifier(
    5.2, 6.0, 4.9, mags=(16.0, 18.0, 20.0, 21.0, 21.5, 22.0, 22.5), powers=(1.35, 1.25, 1.1, 0.9, 0.78, 0.65, 0.55)
)
"""Right for 95 % of the objects to 21.5 mag and for some 90 % at 22, as published; quasars suffer most."""

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def class_bannjos(block: Block) -> Rows:
    """Return the rows of ``jplus.ClassBANNJOS`` for a block."""
    block = jplus.seen(block)
    random = block.generator(Stream.BANNJOS)
    n = len(block)
    is_repeated = random.random(n) < _REPEATED
    logits = _CLASSIFIER.logits(block, random) + _CAVEATS[_caveat(block)]
    # Two rows are drawn for every object and most second ones are left out, so that no row depends on another.
    places = np.repeat(np.arange(n), 2)
    mixture = _posterior(logits[places], random)
    has_scatter = random.random(2 * n) >= _NO_SCATTER
    is_chosen = np.repeat(block.is_wanted, 2)
    is_chosen[1::2] &= is_repeated
    chosen = np.flatnonzero(is_chosen)
    columns = {
        **jplus.ids(block.select(places[chosen])),
        **_columns(
            Mixture(mixture.weights[chosen], mixture.means[chosen], mixture.covariances[chosen]), has_scatter[chosen]
        ),
    }
    return Rows(columns)


def bannjos_caveats(block: Block) -> Rows:
    """Return the rows of ``jplus.bannjos_caveats``: the published tiles, all with the first block."""
    columns = {
        "TILE_ID": np.array(list(CAVEAT_TILES), dtype=np.int32),
        "reason": np.array([_REASONS[caveat] for caveat in CAVEAT_TILES.values()]),
    }
    return Rows(columns).take(np.full(len(CAVEAT_TILES), block.number == 0))


def _caveat(block: Block) -> NDArray[np.int64]:
    """Return what is wrong with the tile of each object, as values of :class:`Caveat`."""
    tiles = np.array(list(CAVEAT_TILES))
    codes = np.array(list(CAVEAT_TILES.values()), dtype=np.int64)
    tile = footprint.tile_of(block.brick)
    place = np.minimum(np.searchsorted(tiles, tile), len(tiles) - 1)
    return np.where(tiles[place] == tile, codes[place], Caveat.NONE)


def _posterior(logits: FloatArray, random: np.random.Generator) -> Mixture:
    """Draw a mixture for each row: three opinions about what the classifier says, each with a width of its own."""
    n = len(logits)
    opinions = logits[:, None, :] + 0.35 * random.standard_normal((n, 3, 3))
    probability = np.exp(opinions - opinions.max(axis=-1, keepdims=True))
    # Dropout leaves a doubt about the surest object, never the same.
    probability = probability / probability.sum(axis=-1, keepdims=True) + _DOUBT * np.exp(
        0.5 * random.standard_normal((n, 3, 3))
    )
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
    quantiles = {name: mixture.quantile(level) for name, level in _LEVELS.items()}
    levels = {name: np.clip(values, 0.0, 1.0) for name, values in quantiles.items()}
    median = quantiles["pc50"]
    sigma = _MAD_TO_SIGMA * mixture.median_deviation(median)
    mean = mixture.mean()
    for values in levels.values():
        values[~has_scatter] = np.clip(mean[~has_scatter], 0.0, 1.0)
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
