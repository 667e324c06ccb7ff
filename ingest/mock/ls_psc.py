"""What LS-PSC would say about the mock sky: identifiers, a magnitude and a point-source score."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import footprint, legacy
from ingest.mock.classifier import priors
from ingest.mock.counterparts import gaia_confirms, motion
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Kind, Stream

__all__ = ["main"]

_SEPARATION: Final = ((16.0, 20.0, 22.0, 23.0, 23.5), (6.4, 5.6, 4.6, 3.7, 3.2))
"""Magnitudes in r, and how many standard deviations points and extended objects are apart there."""
_POINTLIKE_QUASARS: Final = 0.94
"""Share of quasars without a host that shows: the score is about shape, not about class."""
_NO_SCORE: Final = 0.001

FloatArray = NDArray[np.float64]


def main(block: Block) -> Rows:
    """Return the rows of ``ls_psc.main`` for a block."""
    seen = legacy.observed(block)
    confirmed = gaia_confirms(motion(block))[np.flatnonzero(footprint.in_ls_psc(block.brick))]
    block = seen.block
    release, brickid, objid = legacy.id_parts(block)
    score = _score(block, confirmed)
    is_gaia_star = score > 1
    columns: dict[str, NDArray[Any]] = {
        "ls_id": legacy.ls_id(block),
        "ra": seen.ra_deg,
        "dec": seen.dec_deg,
        "white_mag": seen.white_mag,
        "score": score,
        "ls_release": release.astype(np.int16),
        "brickid": brickid.astype(np.int32),
        "objid": objid.astype(np.int32),
        "is_gaia_star": is_gaia_star,
        "ml_score": np.where(is_gaia_star, score - np.float32(1), score),
        "from_dr9": np.isin(release, (9010, 9012)),
    }
    # A missing score leaves the two columns that are made from it undefined as well; the flag has no NaN to say so.
    nulls = {"is_gaia_star": np.isnan(score)}
    return Rows(columns, nulls).take(block.is_wanted & ~seen.is_duplicate & ~np.isnan(seen.white_mag))


def _score(block: Block, confirmed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Draw scores that are the probability of being a point, with the bonus of 1 for stars that Gaia confirms."""
    random = block.generator(Stream.LS_PSC, part=1)
    shares = priors(block)
    point = shares[:, Kind.STAR] + _POINTLIKE_QUASARS * shares[:, Kind.QSO]
    apart = np.interp(block.r_mag, *_SEPARATION)
    seen = np.where(block.is_point, 0.5, -0.5) * apart + random.standard_normal(len(block))
    logit = np.log(point / (1.0 - point)) + apart * seen
    # In single precision as published, and never 0 or 1, where the bonus could not be told from the score.
    score = np.clip(1.0 / (1.0 + np.exp(-logit)), 1e-6, 1.0 - 1e-6).astype(np.float32)
    score += confirmed.astype(np.float32)
    score[random.random(len(block)) < _NO_SCORE] = np.nan
    return score
