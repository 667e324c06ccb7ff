"""What J-PLUS would measure of the mock sky: magnitudes in twelve filters."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import footprint
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Kind, Stream

__all__ = ["FILTERS", "is_detected", "mag_ab_dual_obj"]

FILTERS: Final = (
    "rSDSS", "gSDSS", "iSDSS", "zSDSS", "uJAVA", "J0378", "J0395", "J0410", "J0430", "J0515", "J0660", "J0861",
)  # fmt: skip
"""Filters in the order of the array columns."""

_WAVELENGTH_NM: Final = np.array([625.4, 480.3, 766.8, 911.4, 348.5, 378.5, 395.0, 410.0, 430.0, 515.0, 660.0, 861.0])
_LIMIT_MAG: Final = np.array([22.0, 22.0, 21.5, 20.9, 21.1, 21.0, 20.9, 21.1, 21.1, 21.0, 21.0, 20.4])
"""Magnitude of a detection at a signal to noise ratio of 5 in each filter."""
_DETECTION_LIMIT_MAG: Final = 22.3
"""Faintest object of the catalogue, in r."""

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def is_detected(block: Block) -> BoolArray:
    """Tell which objects of a block J-PLUS sees, shape (n,)."""
    return footprint.in_jplus(block.brick) & (block.r_mag < _DETECTION_LIMIT_MAG)


def mag_ab_dual_obj(block: Block) -> Rows:
    """Return the rows of ``jplus.MagABDualObj`` for a block."""
    random = block.generator(Stream.JPLUS)
    n = len(block.index)
    tile, number = footprint.jplus_ids(block.brick, footprint.running_number(block.index))
    true_mag = _spectrum(block, random)
    auto, auto_error = _measure(true_mag, random)
    corrected, corrected_error = _measure(true_mag, random)
    is_pointlike = block.kind != Kind.GALAXY
    stellarity = np.where(is_pointlike, 0.97, 0.04) + 0.02 * 1.6 ** (block.r_mag - 18.0) * random.standard_normal(n)
    seeing_arcsec = np.where(is_pointlike, 1.1, 1.6 + random.standard_exponential(n))
    columns: dict[str, NDArray[Any]] = {
        "TILE_ID": tile.astype(np.int32),
        "NUMBER": number.astype(np.int32),
        "ALPHA_J2000": block.ra_deg,
        "DELTA_J2000": block.dec_deg,
        "CLASS_STAR": np.clip(stellarity, 0.0, 1.0).astype(np.float32),
        "FLAGS": _flags(random, n, share=0.06, bits=(1, 2)),
        "MASK_FLAGS": _flags(random, n, share=0.02, bits=(1, 2)),
        "FWHM_WORLD": (seeing_arcsec / 3600.0).astype(np.float32),
        "MAG_AUTO": auto,
        "MAG_ERR_AUTO": auto_error,
        "MAG_PSFCOR": corrected,
        "MAG_ERR_PSFCOR": corrected_error,
    }
    return Rows(columns).take(block, is_detected(block))


def _spectrum(block: Block, random: np.random.Generator) -> FloatArray:
    """Return noiseless magnitudes in all filters, shape (n, 12): a slope, a break and scatter by kind of object."""
    away = (_WAVELENGTH_NM[None, :] - _WAVELENGTH_NM[0]) / 100.0
    kind, colour = block.kind[:, None], block.colour[:, None]
    slope = np.select(
        [kind == Kind.GALAXY, kind == Kind.QSO], [-0.25 - 0.35 * colour, -0.08 - 0.1 * colour], -0.5 * colour
    )
    curvature = np.where(away < 0, 0.06 * colour, 0.03 * colour)
    spectrum: FloatArray = block.r_mag[:, None] + slope * away + curvature * away**2
    # Emission lines move through the narrow filters with redshift.
    line_nm = 121.6 * (1.0 + np.nan_to_num(block.redshift))[:, None]
    spectrum -= np.where(kind == Kind.QSO, 0.5 * np.exp(-(((_WAVELENGTH_NM - line_nm) / 15.0) ** 2)), 0.0)
    return spectrum + 0.03 * random.standard_normal(spectrum.shape)


def _measure(true_mag: FloatArray, random: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return measured magnitudes and their errors, NaN where a filter does not detect the object."""
    error = np.clip(0.2 * 10.0 ** (0.4 * (true_mag - _LIMIT_MAG)), 0.005, None)
    measured = true_mag + error * random.standard_normal(true_mag.shape)
    is_seen = error < 0.5
    return (
        np.where(is_seen, measured, np.nan).astype(np.float32),
        np.where(is_seen, error, np.nan).astype(np.float32),
    )


def _flags(random: np.random.Generator, n: int, *, share: float, bits: tuple[int, ...]) -> NDArray[np.int16]:
    """Return flag words of all filters, shape (n, 12): each bit set for a share of the objects."""
    words = np.zeros((n, len(FILTERS)), dtype=np.int16)
    for bit in bits:
        words |= np.where(random.random(words.shape) < share, np.int16(bit), np.int16(0))
    return words
