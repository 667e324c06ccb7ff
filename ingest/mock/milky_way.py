"""How many stars of which absolute magnitude lie in a direction: discs, halo and a luminosity function.

References
----------
Juric et al. 2008, ApJ 673, 864, table 10: the density law. Wielen, Jahreiss and Krueger 1983, IAU Coll. 76, 163: the
luminosity function near the Sun (its V is taken for r, giants are left out). Mamajek's table of dwarfs
(Pecaut and Mamajek 2013, ApJS 208, 9): temperatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stars", "stars_towards", "temperature_k"]

FloatArray = NDArray[np.float64]

_SUN_PC: Final = (8000.0, 25.0)
"""Distance of the Sun from the Galactic centre and above the plane [pc]."""
_THIN_PC: Final = (2600.0, 300.0)
"""Scale length and height [pc]."""
_THICK_PC: Final = (3600.0, 900.0)
_THICK_SHARE: Final = 0.12
_HALO_SHARE: Final = 0.0051
_HALO_FLATTENING: Final = 0.64
_HALO_POWER: Final = 2.77

_LUMINOSITY_MAG: Final = np.array([2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0])
_LUMINOSITY: Final = 1e-3 * np.array([0.4, 0.9, 1.7, 2.8, 3.0, 2.7, 3.4, 4.6, 6.5, 9.4, 11.0, 10.0, 7.5])
"""Stars near the Sun [pc**-3 mag**-1]."""
_TEMPERATURE_K: Final = np.array([8100, 7000, 6200, 5700, 5200, 4700, 4200, 3900, 3650, 3400, 3200, 3050, 2900.0])
"""Effective temperatures of dwarfs at the same absolute magnitudes."""
_STEP_MAG: Final = 0.1


@dataclass(frozen=True)
class Stars:
    """Counts in cells of apparent and absolute magnitude."""

    mag_edges: FloatArray
    """Apparent magnitude, shape (n + 1,)."""
    absolute_edges: FloatArray
    """Absolute magnitude, shape (m + 1,)."""
    counts: FloatArray
    """Stars per square degree, shape (n, m)."""

    @property
    def density_deg2(self) -> float:
        """All stars [deg**-2]."""
        return float(self.counts.sum())

    def draw(self, uniform: FloatArray, jitter: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return apparent and absolute magnitudes, shape (n,), from uniform numbers of shapes (n,) and (2, n)."""
        cumulative = np.cumsum(self.counts.ravel())
        cell = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
        near, absolute = np.divmod(np.minimum(cell, len(cumulative) - 1), self.counts.shape[1])
        mag = self.mag_edges[near] + jitter[0] * np.diff(self.mag_edges)[near]
        return mag, self.absolute_edges[absolute] + jitter[1] * np.diff(self.absolute_edges)[absolute]


def stars_towards(lon_deg: float, lat_deg: float, *, bright_mag: float, faint_mag: float) -> Stars:
    """Count the stars towards a Galactic longitude and latitude [deg] between two apparent magnitudes.

    The count per solid angle of stars of absolute magnitude M is ``phi(M) rho(d) d**2 dd``, and a step of apparent
    magnitude is a step of ``d ln(10) / 5`` of distance.
    """
    mag_edges = np.linspace(bright_mag, faint_mag, round((faint_mag - bright_mag) / _STEP_MAG) + 1)
    absolute_edges = np.arange(_LUMINOSITY_MAG[0], _LUMINOSITY_MAG[-1] + 0.05, _STEP_MAG)
    mag, absolute = 0.5 * (mag_edges[1:] + mag_edges[:-1]), 0.5 * (absolute_edges[1:] + absolute_edges[:-1])
    distance_pc = 10.0 ** (0.2 * (mag[:, None] - absolute[None, :]) + 1.0)
    per_volume = np.interp(absolute, _LUMINOSITY_MAG, _LUMINOSITY)[None, :] * _density(distance_pc, lon_deg, lat_deg)
    per_steradian = per_volume * distance_pc**3 * np.log(10.0) / 5.0
    counts = per_steradian * np.radians(1.0) ** 2 * np.diff(mag_edges)[:, None] * np.diff(absolute_edges)[None, :]
    return Stars(mag_edges, absolute_edges, counts)


def temperature_k(absolute_mag: FloatArray) -> FloatArray:
    """Return effective temperatures [K] of dwarfs of absolute magnitudes in r."""
    temperature: FloatArray = np.interp(absolute_mag, _LUMINOSITY_MAG, _TEMPERATURE_K)
    return temperature


def _density(distance_pc: FloatArray, lon_deg: float, lat_deg: float) -> FloatArray:
    """Return the number density relative to that near the Sun."""
    lon, lat = np.radians(lon_deg), np.radians(lat_deg)
    sun_r, sun_z = _SUN_PC
    flat = distance_pc * np.cos(lat)
    r = np.hypot(sun_r - flat * np.cos(lon), flat * np.sin(lon))
    z = sun_z + distance_pc * np.sin(lat)

    def disc(length: float, height: float) -> FloatArray:
        profile: FloatArray = np.exp((sun_r - r) / length - (np.abs(z) - sun_z) / height)
        return profile

    halo = (sun_r / np.sqrt(r**2 + (z / _HALO_FLATTENING) ** 2)) ** _HALO_POWER
    relative: FloatArray = disc(*_THIN_PC) + _THICK_SHARE * disc(*_THICK_PC) + _HALO_SHARE * halo
    relative /= 1.0 + _THICK_SHARE + _HALO_SHARE
    return relative
