"""Positions as surveys measure them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingest.mock.sky import Block

__all__ = ["measured_positions", "position_error_arcsec"]

FloatArray = NDArray[np.float64]


def position_error_arcsec(snr: FloatArray, *, seeing_arcsec: float, floor_arcsec: float) -> FloatArray:
    """Return the error in each direction [arcsec]: a floor, and the width of the image over signal to noise, (n,)."""
    error: FloatArray = np.hypot(floor_arcsec, 0.6 * seeing_arcsec / np.maximum(snr, 3.0))
    return error


def measured_positions(
    block: Block, error_arcsec: FloatArray, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return ICRS positions [deg] with normal errors along both directions [arcsec], shape (n,) each."""
    along, up = error_arcsec / 3600.0 * random.standard_normal((2, len(block)))
    dec_deg = np.clip(block.dec_deg + up, -90.0, 90.0)
    return (block.ra_deg + along / np.cos(np.radians(block.dec_deg))) % 360.0, dec_deg
