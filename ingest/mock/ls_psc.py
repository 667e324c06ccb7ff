"""What LS-PSC would say about the mock sky: identifiers, a magnitude and a point-source score."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import footprint
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Kind, Stream

__all__ = ["ls_id", "main"]

_NORTH_DEC_DEG: Final = 32.375
"""The northern half of the Legacy Surveys begins here."""
_REPROCESSED_BRICKS: Final = 40
"""One brick in so many was reprocessed (release 10002)."""
_BAILOUT_BRICKS: Final = 97
"""One brick in so many was given up by the reduction; a part of its sources is filled in from DR9."""
_FILLED_IN: Final = 0.1
"""Share of sources of such a brick that come from DR9."""
_QUASAR_EXTENDED: Final = 0.15
"""Share of quasars whose host galaxy shows: the score is about shape, not about class."""
_NO_SCORE: Final = 0.001
_GAIA_LIMIT_MAG: Final = 21.5

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def ls_id(block: Block) -> IntArray:
    """Return Legacy Surveys identifiers, ``release * 2**40 + brickid * 2**20 + objid``, -1 outside the survey."""
    release, brickid, objid = _id_parts(block)
    packed = (release << 40) | (brickid << 20) | objid
    return np.where(footprint.in_ls_psc(block.brick), packed, -1)


def main(block: Block) -> Rows:
    """Return the rows of ``ls_psc.main`` for a block."""
    random = block.generator(Stream.LS_PSC)
    n = len(block.index)
    release, brickid, objid = _id_parts(block)
    depth = np.clip(block.r_mag - 18.0, 0.0, None)
    white_mag = block.r_mag - 0.25 + 0.1 * block.colour + 0.01 * 1.45**depth * random.standard_normal(n)
    score = _score(block, random)
    is_gaia_star = score > 1
    columns: dict[str, NDArray[Any]] = {
        "ls_id": ls_id(block),
        "ra": block.ra_deg,
        "dec": block.dec_deg,
        "white_mag": white_mag.astype(np.float32),
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
    return Rows(columns, nulls).take(block, footprint.in_ls_psc(block.brick))


def _id_parts(block: Block) -> tuple[IntArray, IntArray, IntArray]:
    """Return release, brick and number in the brick."""
    objid = footprint.running_number(block.index)
    south = np.where(block.brick % _REPROCESSED_BRICKS == 7, 10002, 10000)
    # The number in the brick decides, not a random number: identifiers are needed by other tables, too.
    is_filled_in = (block.brick % _BAILOUT_BRICKS == 5) & (objid % round(1 / _FILLED_IN) == 3)
    south = np.where(is_filled_in, 9010, south)
    release = np.where(block.dec_deg > _NORTH_DEC_DEG, 9011, south).astype(np.int64)
    return release, block.brick + 1, objid


def _score(block: Block, random: np.random.Generator) -> NDArray[np.float32]:
    """Draw scores: sure for bright objects, vague for faint ones, with the bonus of 1 for stars that Gaia confirms."""
    n = len(block.index)
    is_pointlike = (block.kind == Kind.STAR) | ((block.kind == Kind.QSO) & (random.random(n) >= _QUASAR_EXTENDED))
    certainty = np.clip(5.5 - 0.85 * (block.r_mag - 18.0), 0.8, 5.5)
    logit = np.where(is_pointlike, certainty, -certainty) + 1.6 * random.standard_normal(n)
    # In single precision as published, and never 0 or 1, where the bonus could not be told from the score.
    score = np.clip(1.0 / (1.0 + np.exp(-logit)), 1e-6, 1.0 - 1e-6).astype(np.float32)
    moves = random.random(n) < np.clip((_GAIA_LIMIT_MAG - block.r_mag) / 5.0, 0.0, 0.97)
    score += ((block.kind == Kind.STAR) & moves).astype(np.float32)
    score[random.random(n) < _NO_SCORE] = np.nan
    return score
