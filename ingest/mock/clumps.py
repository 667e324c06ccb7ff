"""Clumps of dust in the Galactic plane: the truth behind the ViaLactea tables.

A clump has a mass, a temperature and a distance; dust of one temperature gives the fluxes from 70 to 1100 um, and a
young star inside of it those below.

References
----------
Elia et al. 2017, MNRAS 471, 100: Hi-GAL clumps, their masses, temperatures and distances. Dust opacity: 0.1 cm2/g at
300 um with an exponent of 2 (there, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock.footprint import FIELDS, FieldName
from ingest.mock.kept import kept
from ingest.mock.sky import Block, Kind, Stream

__all__ = ["BANDS", "Clumps", "clumps_of", "designation", "greybody_jy"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Band:
    """A band of one of the surveys."""

    wavelength_um: float
    limit_jy: float
    """Flux with a signal to noise ratio of 5."""
    beam_arcsec: float


BANDS: Final = {
    "70": Band(70.0, 0.5, 9.0),
    "160": Band(160.0, 1.2, 12.0),
    "250": Band(250.0, 1.0, 18.0),
    "350": Band(350.0, 0.9, 24.0),
    "500": Band(500.0, 0.8, 35.0),
    "870": Band(870.0, 0.35, 19.0),
    "1100": Band(1100.0, 0.2, 33.0),
    "24": Band(24.0, 0.01, 6.0),
    "22": Band(22.0, 0.02, 12.0),
    "21": Band(21.0, 1.5, 18.0),
}
"""Bands with positions and shapes of their own, by the names that the columns have."""

_SUN_CM: Final = 3.0857e21
"""Centimetres in a kiloparsec."""
_SOLAR_G: Final = 1.989e33
_PLANCK: Final = 6.626e-27
_BOLTZMANN: Final = 1.381e-16
_LIGHT_CM_S: Final = 2.998e10


@dataclass(frozen=True)
class Clumps:
    """Clumps of a block, shape (n,) each."""

    block: Block
    lon_deg: FloatArray
    """Galactic."""
    lat_deg: FloatArray
    distance_kpc: FloatArray
    has_distance: BoolArray
    """Whether the distance is known; it is not for every fifth clump."""
    mass_msun: FloatArray
    temperature_k: FloatArray
    is_protostellar: BoolArray
    luminosity_lsun: FloatArray
    """Of the young star."""
    size_arcsec: FloatArray

    def flux_jy(self, wavelength_um: float) -> FloatArray:
        """Return fluxes without noise [Jy], shape (n,)."""
        cold = greybody_jy(wavelength_um, self.mass_msun, self.temperature_k, self.distance_kpc)
        if not self.is_protostellar.any():
            return cold
        # Of the young star's light a part comes out of warm dust, a hundredth of it of hot dust.
        warm = sum(
            share * _black_body(wavelength_um, temperature) for share, temperature in ((1.0, 130.0), (0.01, 900.0))
        )
        heated = 3.0 * self.luminosity_lsun / 1e3 / self.distance_kpc**2 * warm * wavelength_um / 24.0
        return cold + np.where(self.is_protostellar, heated, 0.0)

    def is_seen(self, band: str) -> BoolArray:
        """Tell which clumps are detected in a band, judged by their true fluxes."""
        return self.flux_jy(BANDS[band].wavelength_um) >= BANDS[band].limit_jy


def greybody_jy(
    wavelength_um: float, mass_msun: FloatArray, temperature_k: FloatArray, distance_kpc: FloatArray
) -> FloatArray:
    """Return the flux [Jy] of optically thin dust: ``M kappa B(T) / d**2``."""
    frequency = _LIGHT_CM_S / (wavelength_um * 1e-4)
    exponent = np.minimum(_PLANCK * frequency / (_BOLTZMANN * temperature_k), 600.0)
    planck = 2.0 * _PLANCK * frequency**3 / _LIGHT_CM_S**2 / np.expm1(exponent)
    kappa = 0.1 * (300.0 / wavelength_um) ** 2
    flux: FloatArray = mass_msun * _SOLAR_G * kappa * planck / (distance_kpc * _SUN_CM) ** 2 * 1e23
    return flux


def _black_body(wavelength_um: float, temperature_k: float) -> float:
    """Return the part of the power of a black body per unit of ln(wavelength)."""
    x = min(1.4388e4 / (wavelength_um * temperature_k), 600.0)
    return float(15.0 / np.pi**4 * x**4 / np.expm1(x))


@kept
def clumps_of(whole: Block) -> Clumps:
    """Return the clumps of a whole block."""
    return _draw(whole.select(whole.kind == Kind.CLUMP))


def designation(prefix: str, lon_deg: FloatArray, lat_deg: FloatArray) -> NDArray[np.str_]:
    """Return names such as MOCK HIGALPB9.1234+0.5678: a prefix and the Galactic position."""
    places = zip(lon_deg.tolist(), lat_deg.tolist(), strict=True)
    return np.array([f"MOCK {prefix}{lon:.4f}{lat:+.4f}" for lon, lat in places], dtype="U40")


def _draw(block: Block) -> Clumps:
    random = block.generator(Stream.CLUMPS)
    n = len(block)
    normal = random.standard_normal((4, n))
    is_protostellar = random.random(n) < 0.35
    mass = 10.0 ** (2.6 + 0.55 * normal[0])
    temperature = np.clip(np.where(is_protostellar, 17.0, 12.5) * np.exp(0.18 * normal[1]), 7.0, 45.0)
    near, far = 3.2 + 0.9 * normal[2], 11.0 + 1.5 * normal[2]
    distance = np.clip(np.where(random.random(n) < 0.7, near, far), 0.4, 16.0)
    lon_deg, lat_deg = _galactic(block)
    return Clumps(
        block,
        lon_deg,
        lat_deg,
        distance,
        random.random(n) < 0.8,
        mass,
        temperature,
        is_protostellar,
        mass * 10.0 ** (0.8 + 0.6 * normal[3]),
        np.clip(0.25 * np.sqrt(mass / 300.0) / distance * 206.265 * 0.6, 3.0, 90.0),
    )


def _galactic(block: Block) -> tuple[FloatArray, FloatArray]:
    """Return the Galactic positions of ICRS ones."""
    from astropy.coordinates import SkyCoord  # noqa: PLC0415 - costs half a second, and few tables need it

    if not len(block):
        return np.empty(0), np.empty(0)
    turned = SkyCoord(block.ra_deg, block.dec_deg, unit="deg", frame="icrs").galactic
    assert FIELDS[FieldName.PLANE].is_galactic
    return np.asarray(turned.l.deg, dtype=np.float64), np.asarray(turned.b.deg, dtype=np.float64)
