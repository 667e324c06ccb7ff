"""How surveys measure fluxes: noise of the sky, of the source and of the calibration, and what is not detected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Measured", "aperture_share", "flux_of", "mag_of", "measure"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_CALIBRATION: Final = 0.008
"""Relative error of a flux that no exposure makes smaller."""
_ZERO_POINT_MAG: Final = 22.5
"""Magnitude of a flux of 1 nanomaggy."""


@dataclass(frozen=True)
class Measured:
    """Fluxes in nanomaggies (3.631e-6 Jy), shape (n, m)."""

    flux: FloatArray
    sigma: FloatArray

    @property
    def snr(self) -> FloatArray:
        """Signal to noise ratio."""
        ratio: FloatArray = self.flux / self.sigma
        return ratio

    def magnitudes(self, *, min_snr: float) -> tuple[FloatArray, FloatArray]:
        """Return magnitudes and their errors, NaN below a signal to noise ratio."""
        seen = self.snr >= min_snr
        mag = np.where(seen, mag_of(np.where(seen, self.flux, 1.0)), np.nan)
        error: FloatArray = np.where(seen, 1.0857 / np.where(seen, self.snr, 1.0), np.nan)
        return mag, error


def flux_of(mag: FloatArray) -> FloatArray:
    """Return fluxes [nanomaggy] of AB magnitudes."""
    flux: FloatArray = 10.0 ** (-0.4 * (mag - _ZERO_POINT_MAG))
    return flux


def mag_of(flux: FloatArray) -> FloatArray:
    """Return AB magnitudes of positive fluxes [nanomaggy]."""
    mag: FloatArray = _ZERO_POINT_MAG - 2.5 * np.log10(flux)
    return mag


def measure(true_mag: FloatArray, depth_mag: FloatArray, random: np.random.Generator) -> Measured:
    """Measure magnitudes in bands with normal errors of the flux.

    Parameters
    ----------
    true_mag
        AB magnitudes without noise, shape (n, m).
    depth_mag
        Magnitude of a point source with a signal to noise ratio of 5 in each band, shape (m,) or (n, m).
    random
        Gives n m normal numbers.
    """
    true = flux_of(true_mag)
    background = flux_of(depth_mag) / 5.0
    # A source at ten times the limit has as much noise of its own as of the sky.
    sigma = np.sqrt(background**2 * (1.0 + true / (50.0 * background)) + (_CALIBRATION * true) ** 2)
    return Measured(true + sigma * random.standard_normal(true.shape), sigma)


def aperture_share(radius_arcsec: FloatArray, half_light_arcsec: FloatArray, seeing_arcsec: FloatArray) -> FloatArray:
    """Return the share of the light inside round apertures.

    Parameters
    ----------
    radius_arcsec
        Radii of k apertures [arcsec], shape (k,).
    half_light_arcsec
        Half-light radii without seeing [arcsec], 0 for points, shape (n,).
    seeing_arcsec
        Full width of a point at half its height [arcsec], shape (n,) or (1,).

    Returns
    -------
    ndarray of float64, shape (n, k)
        A Gaussian of the quadratic sum of both widths: ``1 - 2**-(radius / half-light radius)**2``.
    """
    half_light = np.hypot(half_light_arcsec, 0.5 * seeing_arcsec)
    share: FloatArray = 1.0 - 2.0 ** -((radius_arcsec / half_light[:, None]) ** 2)
    return share
