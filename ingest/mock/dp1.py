"""What Rubin's first preview would measure of the mock sky: six bands within a degree around the Chandra Deep Field."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import spectra
from ingest.mock.astrometry import measured_positions, position_error_arcsec
from ingest.mock.footprint import FieldName
from ingest.mock.photometry import measure
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Stream

__all__ = ["BANDS", "CENTRE_DEG", "DEPTH_MAG", "is_inside", "object_id", "objects"]

BANDS: Final = ("u", "g", "r", "i", "z", "y")
_WAVELENGTH_NM: Final = np.array([368.0, 480.0, 622.0, 754.0, 869.0, 971.0])
DEPTH_MAG: Final = np.array([24.55, 26.18, 25.96, 25.71, 25.07, 23.10])
"""Point sources with a signal to noise ratio of 5, as published for this field; i is between its neighbours."""
CENTRE_DEG: Final = (53.16, -28.1)
_RADIUS_DEG: Final = 1.0
_SEEING_ARCSEC: Final = 1.14
_NANOJANSKY_PER_NANOMAGGY: Final = 3631.0
_POINT_RATIO: Final = 0.985
"""An object whose PSF flux is at least this part of its model flux is a point."""
_SATURATED_MAG: Final = np.array([15.0, 15.70, 15.08, 15.19, 14.8, 14.0])
_FAILED: Final = 0.005
_FIRST_TRACT: Final = 5060
_TRACT_BITS: Final = 48
_PATCH_BITS: Final = 40

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


def is_inside(block: Block) -> BoolArray:
    """Tell which objects lie in the field, faint ones of the DEEP field included."""
    ra, dec = np.radians(block.ra_deg), np.radians(block.dec_deg)
    ra_0, dec_0 = np.radians(CENTRE_DEG)
    haversine = np.sin(0.5 * (dec - dec_0)) ** 2 + np.cos(dec) * np.cos(dec_0) * np.sin(0.5 * (ra - ra_0)) ** 2
    near = 2.0 * np.degrees(np.arcsin(np.sqrt(haversine))) <= _RADIUS_DEG
    inside: BoolArray = near & np.isin(block.field, (FieldName.SOUTH, FieldName.DEEP))
    return inside


def object_id(block: Block) -> IntArray:
    """Return mock identifiers: tract, patch and the number of the object in the mock sky."""
    tract, patch = _tract_patch(block)
    return (tract << _TRACT_BITS) | (patch << _PATCH_BITS) | block.index


def objects(block: Block) -> Rows:
    """Return the rows of ``dp1.Object`` for a block."""
    block = block.select(is_inside(block))
    random = block.generator(Stream.DP1)
    n = len(block)
    true_mag = spectra.ab_mag(block, _WAVELENGTH_NM)
    wider = 1.25 * np.log10(np.hypot(1.0, block.radius_arcsec / (0.5 * _SEEING_ARCSEC)))[:, None]
    model = measure(true_mag, DEPTH_MAG - wider, random)
    # A point source has the same flux in both; an extended one loses light that the PSF does not reach.
    ratio = 1.0 / np.sqrt(1.0 + 1.2 * (block.radius_arcsec / (0.5 * _SEEING_ARCSEC)) ** 2)
    psf_sigma = measure(true_mag, DEPTH_MAG, random).sigma
    psf_flux = model.flux * ratio[:, None] + 0.5 * psf_sigma * random.standard_normal((n, len(BANDS)))
    is_observed = np.stack([_is_observed(block, band) for band in BANDS], axis=1)
    reference = np.where(np.isfinite(model.flux[:, 3]), 3, 2)
    error = position_error_arcsec(
        np.nanmax(model.snr, axis=1, initial=3.0), seeing_arcsec=_SEEING_ARCSEC, floor_arcsec=0.01
    )
    ra_deg, dec_deg = measured_positions(block, error, random)
    tract, patch = _tract_patch(block)
    extended = (psf_flux < _POINT_RATIO * model.flux).astype(np.float64)
    columns: dict[str, NDArray[Any]] = {
        "objectId": object_id(block),
        "coord_ra": ra_deg,
        "coord_dec": dec_deg,
        "ebv": block.ebv_mag,
        "refExtendedness": extended[np.arange(n), reference],
        "refBand": np.array(list(BANDS))[reference],
        "tract": tract,
        "patch": patch,
    }
    for place, band in enumerate(BANDS):
        seen = is_observed[:, place]
        psf, sigma, whole = psf_flux[:, place], psf_sigma[:, place], model.flux[:, place]
        failed = (random.random(n) < _FAILED) | (true_mag[:, place] < _SATURATED_MAG[place]) | ~seen
        columns |= {
            f"{band}_psfMag": np.where(seen, _mag(psf), np.nan),
            f"{band}_psfMagErr": np.where(seen & (psf > 0), 1.0857 * sigma / np.abs(psf), np.nan),
            f"{band}_psfFlux_flag": failed,
            f"{band}_psfFlux": np.where(seen, _NANOJANSKY_PER_NANOMAGGY * psf, np.nan),
            f"{band}_psfFluxErr": np.where(seen, _NANOJANSKY_PER_NANOMAGGY * sigma, np.nan),
            f"{band}_cModelFlux": np.where(seen, _NANOJANSKY_PER_NANOMAGGY * whole, np.nan),
            f"{band}_cModelMag": np.where(seen, _mag(whole), np.nan),
            f"{band}_extendedness": np.where(seen, extended[:, place], np.nan),
        }
    return Rows(columns).take(block.is_wanted)


def _mag(flux: FloatArray) -> FloatArray:
    is_positive = flux > 0
    mag: FloatArray = np.where(is_positive, 22.5 - 2.5 * np.log10(np.where(is_positive, flux, 1.0)), np.nan)
    return mag


def _is_observed(block: Block, band: str) -> BoolArray:
    """Tell which objects lie where a band was observed: u lacks the western edge of the field, y the northern one."""
    if band == "u":
        return block.ra_deg > CENTRE_DEG[0] - 0.95
    if band == "y":
        return block.dec_deg < CENTRE_DEG[1] + 0.8
    return np.ones(len(block), dtype=np.bool_)


def _tract_patch(block: Block) -> tuple[IntArray, IntArray]:
    """Return mock tracts of a degree and patches of 0.1 degrees."""
    along = np.clip(block.ra_deg - 51.5, 0.0, 3.999)
    up = np.clip(block.dec_deg + 29.5, 0.0, 2.999)
    tract = _FIRST_TRACT + 4 * up.astype(np.int64) + along.astype(np.int64)
    return tract, 10 * (10.0 * (up % 1.0)).astype(np.int64) + (10.0 * (along % 1.0)).astype(np.int64)
