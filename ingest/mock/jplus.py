"""What J-PLUS would measure of the mock sky: twelve filters, apertures, shapes, fluxes and extinction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import footprint, spectra
from ingest.mock.astrometry import measured_positions, position_error_arcsec
from ingest.mock.kept import kept
from ingest.mock.photometry import Measured, aperture_share, measure
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Stream

__all__ = [
    "DETECTION_LIMIT_MAG", "FILTERS", "flambda_dual_obj", "fnu_dual_obj", "ids", "is_detected", "mag_ab_dual_obj",
    "mw_extinction", "seen",
]  # fmt: skip

FILTERS: Final = (
    "rSDSS", "gSDSS", "iSDSS", "zSDSS", "uJAVA", "J0378", "J0395", "J0410", "J0430", "J0515", "J0660", "J0861",
)  # fmt: skip
"""Filters in the order of the array columns."""

_WAVELENGTH_NM: Final = np.array([625.4, 480.3, 766.8, 911.4, 348.5, 378.5, 395.0, 410.0, 430.0, 515.0, 660.0, 861.0])
_LIMIT_MAG: Final = np.array([22.0, 22.0, 21.5, 20.9, 21.1, 21.0, 20.9, 21.1, 21.1, 21.0, 21.0, 20.4])
"""Magnitude of a detection at a signal to noise ratio of 5 in each filter."""
DETECTION_LIMIT_MAG: Final = 22.3
"""Faintest object of the catalogue, in r."""
_MIN_SNR: Final = 2.0
"""Below it the catalogue has no magnitude in a filter."""
_APERTURES_ARCSEC: Final = {
    "0_8": 0.8,
    "1_0": 1.0,
    "1_2": 1.2,
    "1_5": 1.5,
    "2_0": 2.0,
    "3_0": 3.0,
    "4_0": 4.0,
    "6_0": 6.0,
}
"""Diameters."""
_SEEING_ARCSEC: Final = 1.1
_PIXEL_ARCSEC: Final = 0.55
_POSITION_FLOOR_ARCSEC: Final = 0.05
_JANSKY_PER_NANOMAGGY: Final = 3.631e-6
_LIGHT_ANGSTROM_HZ: Final = 2.998e18

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class _Seen:
    """What all tables of J-PLUS start from: the objects that it sees."""

    block: Block
    auto: Measured
    corrected: Measured
    apertures: dict[str, Measured]
    ra_deg: FloatArray
    dec_deg: FloatArray


def is_detected(block: Block) -> BoolArray:
    """Tell which objects of a block J-PLUS sees, shape (n,)."""
    return footprint.in_jplus(block.brick) & (block.r_mag < DETECTION_LIMIT_MAG)


def ids(block: Block) -> dict[str, NDArray[Any]]:
    """Return the columns that identify an object in all tables."""
    tile, number = footprint.jplus_ids(block.brick, block.in_brick)
    return {"TILE_ID": tile.astype(np.int32), "NUMBER": number.astype(np.int32)}


def seen(block: Block) -> Block:
    """Return the objects of a block that J-PLUS sees."""
    return block.select(is_detected(block))


@kept
def _observed(whole: Block) -> _Seen:
    block = seen(whole)
    random = block.generator(Stream.JPLUS)
    true_mag = spectra.ab_mag(block, _WAVELENGTH_NM)
    # Galaxies are spread over more sky than points, which costs depth.
    wider = 2.5 * np.log10(np.hypot(1.0, block.radius_arcsec / (0.5 * _SEEING_ARCSEC)))
    depth = _LIMIT_MAG - 0.7 * wider[:, None]
    auto = measure(true_mag, depth, random)
    corrected = measure(true_mag, depth, random)
    radii = 0.5 * np.array(list(_APERTURES_ARCSEC.values()))
    shares = aperture_share(radii, block.radius_arcsec, np.array([_SEEING_ARCSEC]))
    apertures = {}
    for place, (name, diameter) in enumerate(_APERTURES_ARCSEC.items()):
        # The noise of the sky grows with the diameter; at 3 arcsec it is that of a point source.
        inside = true_mag - 2.5 * np.log10(np.maximum(shares[:, place, None], 1e-3))
        apertures[name] = measure(inside, _LIMIT_MAG - 2.5 * np.log10(diameter / 3.0), random)
    error_arcsec = position_error_arcsec(
        auto.snr[:, 0], seeing_arcsec=_SEEING_ARCSEC, floor_arcsec=_POSITION_FLOOR_ARCSEC
    )
    return _Seen(block, auto, corrected, apertures, *measured_positions(block, error_arcsec, random))


def mag_ab_dual_obj(block: Block) -> Rows:
    """Return the rows of ``jplus.MagABDualObj`` for a block."""
    observed = _observed(block)
    block = observed.block
    random = block.generator(Stream.JPLUS, part=1)
    n = len(block)
    snr_r = np.maximum(observed.auto.snr[:, 0], 0.5)
    stellarity = 1.0 / (
        1.0 + np.exp(-np.where(block.is_point, 1.0, -1.0) * 0.35 * snr_r**0.7 + random.standard_normal(n))
    )
    fwhm_arcsec = np.hypot(_SEEING_ARCSEC, 2.0 * block.radius_arcsec) * (1.0 + 0.3 / snr_r * random.standard_normal(n))
    a_arcsec = np.maximum(fwhm_arcsec, 0.3) / 2.355
    ratio = np.where(block.is_point, 0.97, np.sqrt(block.axis_ratio))
    columns: dict[str, NDArray[Any]] = {
        **ids(block),
        "ALPHA_J2000": observed.ra_deg,
        "DELTA_J2000": observed.dec_deg,
        "CLASS_STAR": stellarity,
        "FLAGS": _flags(random, n, share=0.06, bits=(1, 2)),
        "MASK_FLAGS": _flags(random, n, share=0.02, bits=(1, 2)),
        "NORM_WMAP_VAL": np.clip(0.95 + 0.04 * random.standard_normal((n, len(FILTERS))), 0.0, 1.0),
        "FWHM_WORLD": fwhm_arcsec / 3600.0,
        "A_WORLD": a_arcsec / 3600.0,
        "B_WORLD": a_arcsec * ratio / 3600.0,
        "THETA_J2000": block.angle_deg - 90.0,
        "R_EFF": 0.5 * fwhm_arcsec / _PIXEL_ARCSEC,
        "PETRO_RADIUS": 3.5 + 0.3 * random.standard_normal(n),
        "KRON_RADIUS": 3.5 + 0.3 * random.standard_normal(n),
        **_pixels(block),
        "MU_MAX": observed.auto.magnitudes(min_snr=_MIN_SNR)[0]
        + (2.5 * np.log10(1.13 * np.maximum(fwhm_arcsec, 0.3) ** 2))[:, None],
    }
    for name, measured in {"AUTO": observed.auto, "PSFCOR": observed.corrected}.items():
        columns[f"MAG_{name}"], columns[f"MAG_ERR_{name}"] = measured.magnitudes(min_snr=_MIN_SNR)
    for name, measured in observed.apertures.items():
        columns[f"MAG_APER_{name}"], columns[f"MAG_ERR_APER_{name}"] = measured.magnitudes(min_snr=_MIN_SNR)
    columns["APER3_WORSTPSF"] = columns["MAG_APER_3_0"] + 0.05
    return Rows(columns).take(block.is_wanted)


def fnu_dual_obj(block: Block) -> Rows:
    """Return the rows of ``jplus.FNuDualObj`` for a block: fluxes per frequency [Jy] and their relative errors."""
    observed = _observed(block)
    columns: dict[str, NDArray[Any]] = ids(observed.block)
    for name, measured in _fluxes(observed).items():
        columns[f"FLUX_{name}"] = _JANSKY_PER_NANOMAGGY * measured.flux
        columns[f"FLUX_RELERR_{name}"] = measured.sigma / np.abs(measured.flux)
    return Rows(columns).take(observed.block.is_wanted)


def flambda_dual_obj(block: Block) -> Rows:
    """Return the rows of ``jplus.FLambdaDualObj`` for a block: fluxes per wavelength [1e-19 erg/s/cm2/A]."""
    observed = _observed(block)
    # 1 Jy is 1e-23 erg/s/cm2/Hz.
    scale = _JANSKY_PER_NANOMAGGY * 1e-23 * _LIGHT_ANGSTROM_HZ / (10.0 * _WAVELENGTH_NM) ** 2 / 1e-19
    columns: dict[str, NDArray[Any]] = {
        **ids(observed.block), "ALPHA_J2000": observed.ra_deg, "DELTA_J2000": observed.dec_deg
    }  # fmt: skip
    columns |= {f"FLUX_{name}": scale * measured.flux for name, measured in _fluxes(observed).items()}
    return Rows(columns).take(observed.block.is_wanted)


def mw_extinction(block: Block) -> Rows:
    """Return the rows of ``jplus.MWExtinction`` for a block."""
    block = seen(block)
    extinction = spectra.extinction_mag(_WAVELENGTH_NM)
    columns: dict[str, NDArray[Any]] = {
        **ids(block),
        "ax": block.ebv_mag[:, None] * extinction,
        "ax_err": 0.1 * block.ebv_mag[:, None] * extinction,
        "ebv": block.ebv_mag,
        "ebv_err": 0.1 * block.ebv_mag,
    }
    return Rows(columns).take(block.is_wanted)


def _fluxes(observed: _Seen) -> dict[str, Measured]:
    return {"AUTO": observed.auto} | {f"APER_{name}": measured for name, measured in observed.apertures.items()}


def _pixels(block: Block) -> dict[str, FloatArray]:
    """Return positions on the detector: from the south-east corner of the tile, 0.55 arcsec a pixel."""
    column, row = footprint.column_row(block.brick)
    field = footprint.FIELDS[0]
    scale = 3600.0 / _PIXEL_ARCSEC
    corner_ra = (
        np.array([one.lon_min_deg for one in footprint.FIELDS])[block.field] + (column // 4) * 4 * field.brick_lon_deg
    )
    corner_dec = (
        np.array([one.lat_min_deg for one in footprint.FIELDS])[block.field] + (row // 4) * 4 * field.brick_lat_deg
    )
    along = (block.ra_deg - corner_ra) * np.cos(np.radians(block.dec_deg))
    return {"X_IMAGE": 1.0 + along * scale, "Y_IMAGE": 1.0 + (block.dec_deg - corner_dec) * scale}


def _flags(random: np.random.Generator, n: int, *, share: float, bits: tuple[int, ...]) -> NDArray[np.int16]:
    """Return flag words of all filters, shape (n, 12): each bit set for a share of the objects."""
    words = np.zeros((n, len(FILTERS)), dtype=np.int16)
    for bit in bits:
        words |= np.where(random.random(words.shape) < share, np.int16(bit), np.int16(0))
    return words
