"""How many galaxies, quasars and stars a square degree has at each magnitude, and at which redshifts.

References
----------
Galaxies: slope and level of counts in r as compiled by Metcalfe et al. 2001, MNRAS 323, 795; redshifts as Smail, Ellis
and Fitchett 1994, MNRAS 270, 245. Quasars: 120 per square degree to 22 mag, after Palanque-Delabrouille et al. 2016,
A&A 587, A41, with a break at 19.3 mag.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import footprint, milky_way
from ingest.mock.footprint import FIELDS, FieldName

__all__ = [
    "GALAXY_SLOPE", "differential", "galaxies_between", "galaxy_mag", "galaxy_redshift", "quasar_mag",
    "quasar_redshift", "quasars_between", "shares", "stars_of",
]  # fmt: skip

FloatArray = NDArray[np.float64]

GALAXY_SLOPE: Final = 0.33
"""Slope of the logarithm of the counts of galaxies [1/mag]."""
_GALAXIES: Final = (23.5, 20_000.0)
"""So many galaxies per square degree are brighter than that magnitude."""
_QUASARS: Final = (22.0, 120.0)
_QUASAR_BREAK_MAG: Final = 19.3
_QUASAR_SLOPES: Final = (0.85, 0.25)
"""Slopes of the logarithm of the counts of quasars brighter and fainter than the break [1/mag]."""
_FINE_MAG: Final = np.linspace(14.0, 27.0, 2601)


def galaxies_between(bright_mag: float, faint_mag: float) -> float:
    """Return the number of galaxies [deg**-2] between two magnitudes in r."""
    limit, level = _GALAXIES
    return float(level * np.subtract(*10.0 ** (GALAXY_SLOPE * (np.array([faint_mag, bright_mag]) - limit))))


def galaxy_mag(bright_mag: FloatArray, faint_mag: FloatArray, uniform: FloatArray) -> FloatArray:
    """Draw magnitudes between two limits, all of shape (n,)."""
    lowest = 10.0 ** (-GALAXY_SLOPE * (faint_mag - bright_mag))
    magnitude: FloatArray = faint_mag + np.log10(lowest + (1.0 - lowest) * uniform) / GALAXY_SLOPE
    return magnitude


def galaxy_redshift(r_mag: FloatArray, uniform: FloatArray) -> FloatArray:
    """Draw redshifts from ``z**2 exp(-(z/z0)**1.5)``, whose median grows with magnitude: 0.1 at 17, 0.75 at 23.5."""
    z0 = np.interp(r_mag, [14.0, 17.0, 20.0, 22.0, 23.5, 26.0], [0.02, 0.07, 0.22, 0.40, 0.53, 0.72])
    return z0 * np.interp(uniform, *_smail())


@cache
def _smail() -> tuple[FloatArray, FloatArray]:
    x = np.linspace(0.0, 5.0, 1001)
    cumulative = np.cumsum(x**2 * np.exp(-(x**1.5)))
    return cumulative / cumulative[-1], x


@cache
def _quasar_cumulative() -> FloatArray:
    """Quasars per square degree brighter than each of the fine magnitudes."""
    steep, flat = _QUASAR_SLOPES
    away = _FINE_MAG - _QUASAR_BREAK_MAG
    cumulative = np.cumsum(1.0 / (10.0 ** (-steep * away) + 10.0 ** (-flat * away)))
    limit, level = _QUASARS
    scaled: FloatArray = level * cumulative / np.interp(limit, _FINE_MAG, cumulative)
    return scaled


def quasars_between(bright_mag: float, faint_mag: float) -> float:
    """Return the number of quasars [deg**-2] between two magnitudes in r."""
    return float(np.subtract(*np.interp([faint_mag, bright_mag], _FINE_MAG, _quasar_cumulative())))


def quasar_mag(bright_mag: FloatArray, faint_mag: FloatArray, uniform: FloatArray) -> FloatArray:
    """Draw magnitudes between two limits, all of shape (n,)."""
    cumulative = _quasar_cumulative()
    low, high = (np.interp(mag, _FINE_MAG, cumulative) for mag in (bright_mag, faint_mag))
    return np.interp(low + (high - low) * uniform, cumulative, _FINE_MAG)


def quasar_redshift(normal: FloatArray) -> FloatArray:
    """Draw redshifts: median 1.5, two thirds between 0.85 and 2.6, never above 4.5."""
    return np.clip(1.5 * np.exp(0.57 * normal), 0.1, 4.5)


@cache
def stars_of(field: FieldName) -> milky_way.Stars:
    """Return the stars of a field, taken to be those towards its middle."""
    one = FIELDS[field]
    lon, lat = footprint.galactic_of(field)
    return milky_way.stars_towards(lon, lat, bright_mag=one.bright_mag, faint_mag=one.faint_mag)


@cache
def shares(field: FieldName) -> tuple[float, FloatArray]:
    """Return the number of objects per square degree of a field, and the shares of galaxies, quasars and stars."""
    one = FIELDS[field]
    numbers = np.array(
        [
            galaxies_between(one.bright_mag, one.faint_mag),
            quasars_between(one.bright_mag, one.faint_mag),
            stars_of(field).density_deg2,
        ]
    )
    return float(numbers.sum()), numbers / numbers.sum()


@cache
def _star_counts(field: FieldName) -> tuple[FloatArray, FloatArray]:
    stars = stars_of(field)
    middles = 0.5 * (stars.mag_edges[1:] + stars.mag_edges[:-1])
    return middles, stars.counts.sum(axis=1) / np.diff(stars.mag_edges)


def differential(field: FieldName, r_mag: FloatArray) -> FloatArray:
    """Return counts of galaxies, quasars and stars [deg**-2 mag**-1] at magnitudes, shape (n, 3)."""
    limit, level = _GALAXIES
    galaxies = level * np.log(10.0) * GALAXY_SLOPE * 10.0 ** (GALAXY_SLOPE * (r_mag - limit))
    quasars = np.interp(r_mag, _FINE_MAG, np.gradient(_quasar_cumulative(), _FINE_MAG))
    counts: FloatArray = np.stack([galaxies, quasars, np.interp(r_mag, *_star_counts(field))], axis=-1)
    return counts
