"""Counterparts of J-PLUS objects in Gaia, AllWISE and CatWISE: proper motions, parallaxes and infrared magnitudes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import jplus, spectra
from ingest.mock.photometry import measure
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Kind, Stream

__all__ = ["Motion", "gaia_confirms", "motion", "xmatch_allwise", "xmatch_catwise2020", "xmatch_gaia_dr3"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_GAIA_NM: Final = np.array([639.0, 518.0, 782.0])
_GAIA_LIMIT_MAG: Final = 20.7
_GAIA_ERROR_MAG: Final = np.array([13.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 21.0])
_GAIA_ERROR_MAS: Final = np.array([0.02, 0.025, 0.035, 0.06, 0.1, 0.2, 0.45, 1.2])
"""Errors of parallaxes at those G magnitudes (Lindegren et al. 2021, A&A 649, A2)."""
_SPEED_KM_S: Final = 45.0
"""Scatter of the speed across the line of sight in each direction; four times as much beyond 2 kpc from the plane."""
_KM_S_PER_MAS_YR_KPC: Final = 4.74
_INFRARED_NM: Final = np.array([1235.0, 1662.0, 2159.0])
_INFRARED_DEPTH_MAG: Final = np.array([16.9 + 0.91, 16.0 + 1.37, 15.5 + 1.83])
"""2MASS at a signal to noise ratio of 5, turned into AB."""
_WISE_NM: Final = np.array([3353.0, 4603.0])
_WISE_DEPTH_MAG: Final = np.array([17.4 + 2.699, 16.5 + 3.339])
_SPURIOUS: Final = 0.003
"""Share of objects with a second, wrong counterpart in CatWISE."""


@dataclass(frozen=True)
class Motion:
    """What Gaia measures; shape (n,) each."""

    is_measured: BoolArray
    g_mag: FloatArray
    pmra: FloatArray
    """With the cosine of declination [mas/yr]."""
    pmde: FloatArray
    parallax: FloatArray
    """[mas]."""
    error: FloatArray
    """Of all three."""


def motion(block: Block) -> Motion:
    """Measure parallaxes and proper motions of a whole block; what is not a star does not move."""
    random = block.generator(Stream.GAIA)
    normal = random.standard_normal((5, len(block)))
    distance_kpc = np.nan_to_num(block.distance_pc, nan=1.0) / 1000.0
    is_star = block.kind == Kind.STAR
    speed = _SPEED_KM_S * np.where(distance_kpc > 2.0, 4.0, 1.0)
    across = np.where(is_star, speed / (_KM_S_PER_MAS_YR_KPC * distance_kpc), 0.0)
    parallax = np.where(is_star, 1.0 / distance_kpc, 0.0)
    g_mag = np.nan_to_num(block.r_mag, nan=30.0) + np.where(is_star, -0.05, 0.2)
    error = np.interp(g_mag, _GAIA_ERROR_MAG, _GAIA_ERROR_MAS)
    # Galaxies are left out by the detection on board unless they are nearly points.
    is_compact = (block.radius_arcsec < 0.25) | (random.random(len(block)) < 0.05)
    is_measured = (g_mag < _GAIA_LIMIT_MAG) & is_compact & (random.random(len(block)) < 0.99)
    return Motion(
        is_measured,
        g_mag,
        across * normal[0] + error * normal[2],
        across * normal[1] + error * normal[3],
        parallax + error * normal[4],
        error,
    )


def gaia_confirms(measured: Motion) -> BoolArray:
    """Tell which objects Gaia knows as stars: parallax or proper motion at least five times its error (LS-PSC, 5.2)."""
    total = np.hypot(measured.pmra, measured.pmde)
    return measured.is_measured & ((measured.parallax >= 5.0 * measured.error) | (total >= 5.0 * measured.error))


def xmatch_gaia_dr3(block: Block) -> Rows:
    """Return the rows of ``jplus.xmatch_gaia_dr3`` for a block: fluxes in units of the zero point at 25 mag."""
    measured = motion(block)
    chosen = np.flatnonzero(jplus.is_detected(block) & measured.is_measured)
    random = block.generator(Stream.WISE)
    block = block.select(chosen)
    mags = spectra.ab_mag(block, _GAIA_NM)
    light = 10.0 ** (-0.4 * (mags - 25.0))
    error = np.hypot(0.002, 0.005 * 10.0 ** (0.3 * (mags - 19.0)) * np.array([1.0, 6.0, 5.0])) * light
    light += error * random.standard_normal(light.shape)
    columns: dict[str, NDArray[Any]] = {
        **jplus.ids(block),
        "angDist": _distance(random, len(block), 0.08),
        "pmra": measured.pmra[chosen],
        "e_pmra": measured.error[chosen],
        "pmde": measured.pmde[chosen],
        "e_pmde": measured.error[chosen],
        "plx": measured.parallax[chosen],
        "e_plx": measured.error[chosen],
        "ruwe": np.exp(0.04 * random.standard_normal(len(block)) + 0.3 * (block.radius_arcsec > 0)),
        **{name: light[:, place] for place, name in enumerate(("fg", "fbp", "frp"))},
        **{f"e_{name}": error[:, place] for place, name in enumerate(("fg", "fbp", "frp"))},
    }
    return Rows(columns).take(block.is_wanted)


def xmatch_allwise(block: Block) -> Rows:
    """Return the rows of ``jplus.xmatch_allwise`` for a block: AllWISE objects with 2MASS magnitudes (Vega)."""
    block = jplus.seen(block)
    random = block.generator(Stream.WISE)
    wise = measure(spectra.ab_mag(block, _WISE_NM[:1]), _WISE_DEPTH_MAG[:1], random)
    mags, errors = measure(spectra.ab_mag(block, _INFRARED_NM), _INFRARED_DEPTH_MAG, random).magnitudes(min_snr=5.0)
    columns: dict[str, NDArray[Any]] = {**jplus.ids(block), "angDist": _distance(random, len(block), 0.25)}
    for place, (name, band) in enumerate({"Jmag": "J", "Hmag": "H", "Kmag": "Ks"}.items()):
        columns[name] = mags[:, place] + spectra.VEGA_MINUS_AB[band]
        columns[f"e_{name}"] = errors[:, place]
    return Rows(columns).take(block.is_wanted & (wise.snr[:, 0] >= 5.0))


def xmatch_catwise2020(block: Block) -> Rows:
    """Return the rows of ``jplus.xmatch_catwise2020`` for a block; a few objects have a second, wrong counterpart."""
    block = jplus.seen(block)
    random = block.generator(Stream.WISE)
    # Two rows are drawn for every object and most second ones are left out.
    twice = block.select(np.repeat(np.arange(len(block)), 2))
    is_second = np.arange(len(twice)) % 2 == 1
    wise = measure(spectra.ab_mag(twice, _WISE_NM), _WISE_DEPTH_MAG + 0.5, random)
    mags, errors = wise.magnitudes(min_snr=3.0)
    n = len(twice)
    error_mas = np.clip(200.0 / np.maximum(wise.snr[:, 0], 1.0), 6.0, 80.0)
    near = _distance(random, n, 0.25)
    far = 3.0 + 7.0 * np.sqrt(random.random(n))
    columns: dict[str, NDArray[Any]] = {
        **jplus.ids(twice), "angDist": np.where(is_second, far, near),
        "pmRA": error_mas * random.standard_normal(n) / 1000.0, "e_pmRA": error_mas / 1000.0,
        "pmDE": error_mas * random.standard_normal(n) / 1000.0, "e_pmDE": error_mas / 1000.0,
    }  # fmt: skip
    for place, band in enumerate(("W1", "W2")):
        columns[f"{band}mproPM"] = mags[:, place] + spectra.VEGA_MINUS_AB[band] + np.where(is_second, 0.8, 0.0)
        columns[f"e_{band}mproPM"] = errors[:, place]
    chosen = (wise.snr[:, 0] >= 5.0) & (~is_second | (random.random(n) < _SPURIOUS))
    return Rows(columns).take(twice.is_wanted & chosen)


def _distance(random: np.random.Generator, n: int, sigma_arcsec: float) -> FloatArray:
    """Return separations of true counterparts with a normal error in each direction [arcsec]."""
    separation: FloatArray = np.minimum(sigma_arcsec * np.hypot(*random.standard_normal((2, n))), 1.5)
    return separation
