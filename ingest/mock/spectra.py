"""What objects look like at any wavelength: AB magnitudes from a few smooth spectra, so that all surveys agree.

Stars are black bodies with less light below 390 nm; galaxies a mixture of an old and a young population; quasars a
power law with emission lines, the Lyman forest and a hot-dust bump. All of it is reddened by the Galaxy.

References
----------
Shapes: Coleman, Wu and Weedman 1980, ApJS 43, 393 (galaxies); Vanden Berk et al. 2001, AJ 122, 549 (quasars), both
drawn by hand with a few nodes. Extinction: Schlafly and Finkbeiner 2011, ApJ 737, 103, table 6 (R_V = 3.1).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock.milky_way import temperature_k
from ingest.mock.sky import Block, Kind

__all__ = ["R_NM", "VEGA_MINUS_AB", "ab_mag", "extinction_mag"]

FloatArray = NDArray[np.float64]

R_NM: Final = 623.0
"""Wavelength of :attr:`ingest.mock.sky.Block.r_mag` [nm]."""
VEGA_MINUS_AB: Final = {"J": -0.916, "H": -1.366, "Ks": -1.827, "W1": -2.699, "W2": -3.339}
"""What to add to an AB magnitude. VISTA: Gonzalez-Fernandez et al. 2018, MNRAS 474, 5459; WISE:
Explanatory Supplement."""

_NODES_NM: Final = np.log(
    [
        60,
        91,
        95,
        122,
        150,
        200,
        280,
        360,
        395,
        412,
        480,
        550,
        650,
        800,
        1000,
        1250,
        1650,
        2200,
        3400,
        4600,
        8000,
        22000.0,
    ]
)
_OLD: Final = np.array(
    [9, 8, 6, 5.6, 5.4, 5.2, 4.2, 2.6, 2.1, 1.5, 0.95, 0.6, 0.28, 0.0, -0.25, -0.45, -0.65, -0.35, 0.4, 1.0, 1.5, 1.5]
)
_YOUNG: Final = np.array(
    [7, 5, 2.4, 2.0, 1.6, 1.5, 1.25, 1.0, 0.85, 0.6, 0.4, 0.27, 0.12, 0.0, -0.1, -0.15, -0.2, 0.0, 0.5, 0.7, -0.3, -1.0]
)
_QUASAR: Final = np.array(
    [
        4,
        3,
        1.2,
        0.75,
        0.7,
        0.6,
        0.4,
        0.35,
        0.32,
        0.3,
        0.2,
        0.15,
        0.1,
        0.05,
        0.0,
        -0.25,
        -0.6,
        -0.95,
        -1.5,
        -1.9,
        -2.4,
        -3.2,
    ]
)
"""AB magnitudes at the nodes relative to 800 nm, in the frame of the object."""
_GALAXY_LINES: Final = ((372.7, 0.12), (500.7, 0.15), (656.3, 0.2))
_QUASAR_LINES: Final = ((121.6, 0.6), (154.9, 0.25), (190.9, 0.15), (279.8, 0.15), (486.1, 0.1), (656.3, 0.3))
"""Wavelength [nm] and height [mag]."""
_LINE_WIDTH: Final = 0.035
"""Width of a line as seen through a filter, relative to its wavelength."""

_EXTINCTION_NM: Final = np.array([340, 355, 387, 477, 506, 623, 763, 905, 1009, 1252, 1645, 2147, 3353, 4603.0])
_EXTINCTION: Final = np.array(
    [4.43, 4.239, 3.98, 3.303, 3.05, 2.285, 1.698, 1.263, 1.088, 0.723, 0.46, 0.31, 0.189, 0.146]
)


def extinction_mag(wavelength_nm: FloatArray) -> FloatArray:
    """Return the extinction at wavelengths for an E(B-V) of 1 [mag]."""
    extinction: FloatArray = np.interp(wavelength_nm, _EXTINCTION_NM, _EXTINCTION)
    return extinction


def ab_mag(block: Block, wavelength_nm: FloatArray) -> FloatArray:
    """Return AB magnitudes without noise, with Galactic extinction.

    Parameters
    ----------
    block
        n objects.
    wavelength_nm
        Effective wavelengths of m bands [nm].

    Returns
    -------
    ndarray of float64, shape (n, m)
        NaN for clumps.
    """
    places = np.concatenate([[R_NM], wavelength_nm])
    shape = np.full((len(block), len(places)), np.nan)
    for kind, spectrum in ((Kind.GALAXY, _galaxy), (Kind.QSO, _quasar), (Kind.STAR, _star)):
        chosen = np.flatnonzero(block.kind == kind)
        shape[chosen] = spectrum(block.select(chosen), places)
    shape += block.ebv_mag[:, None] * extinction_mag(places)
    magnitudes: FloatArray = block.r_mag[:, None] + shape[:, 1:] - shape[:, :1]
    return magnitudes


def _star(block: Block, wavelength_nm: FloatArray) -> FloatArray:
    temperature = temperature_k(block.absolute_mag) * (1.0 + 0.012 * (2.0 * block.colour - 1.0) / 0.4)
    # h c / k is 1.4388e7 nm K; what does not depend on wavelength drops out.
    exponent = 1.4388e7 / (wavelength_nm * temperature[:, None])
    planck = 7.5 * np.log10(wavelength_nm) + 2.5 * np.log10(np.expm1(exponent))
    lines = 0.8 / (1.0 + np.exp((wavelength_nm - 388.0) / 8.0))
    bands = (
        0.25
        * np.clip((4000.0 - temperature) / 800.0, 0.0, 1.5)[:, None]
        * np.exp(-(((wavelength_nm - 640) / 90.0) ** 2))
    )
    shape: FloatArray = planck + lines + bands
    return shape


def _rest(block: Block, wavelength_nm: FloatArray) -> FloatArray:
    return wavelength_nm / (1.0 + block.redshift)[:, None]


def _galaxy(block: Block, wavelength_nm: FloatArray) -> FloatArray:
    rest_nm = _rest(block, wavelength_nm)
    log_rest = np.log(rest_nm)
    red = block.colour[:, None]
    shape = red * np.interp(log_rest, _NODES_NM, _OLD) + (1.0 - red) * np.interp(log_rest, _NODES_NM, _YOUNG)
    shape -= (1.0 - red) * _lines(rest_nm, _GALAXY_LINES)
    return np.asarray(shape)


def _quasar(block: Block, wavelength_nm: FloatArray) -> FloatArray:
    rest_nm = _rest(block, wavelength_nm)
    shape = np.interp(np.log(rest_nm), _NODES_NM, _QUASAR)
    forest = 0.35 * ((1.0 + block.redshift[:, None]) / 3.5) ** 3.5
    shape += np.where(rest_nm < 121.6, forest, 0.0)
    # A scatter of the slope of 0.3 mag per factor e of wavelength from one end of the colours to the other.
    shape += 0.3 * (block.colour[:, None] - 0.5) * -np.log(rest_nm / 300.0)
    shape -= _lines(rest_nm, _QUASAR_LINES)
    return np.asarray(shape)


def _lines(rest_nm: FloatArray, lines: tuple[tuple[float, float], ...]) -> FloatArray:
    total = np.zeros_like(rest_nm)
    for line_nm, height in lines:
        total += height * np.exp(-((np.log(rest_nm / line_nm) / _LINE_WIDTH) ** 2))
    return total
