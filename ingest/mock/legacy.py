"""What the Legacy Surveys would measure of the mock sky: Tractor's fluxes, profiles and flags, and apertures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import footprint, spectra
from ingest.mock.astrometry import measured_positions, position_error_arcsec
from ingest.mock.counterparts import motion
from ingest.mock.kept import kept
from ingest.mock.photometry import Measured, aperture_share, flux_of, mag_of, measure
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Stream

__all__ = ["BANDS", "Observed", "apflux", "brick_id", "id_parts", "ls_id", "observed", "tractor", "tractor_native"]

BANDS: Final = ("g", "r", "i", "z")
_WAVELENGTH_NM: Final = np.array([481.0, 644.0, 784.0, 926.0])
_DEPTH_MAG: Final = np.array([24.8, 24.2, 23.8, 23.3])
"""Point sources with a signal to noise ratio of 5 (DR10, south)."""
_NORTH_SHALLOWER_MAG: Final = 0.5
_SEEING_ARCSEC: Final = np.array([1.31, 1.18, 1.14, 1.12])
_RADII_ARCSEC: Final = np.array([0.5, 0.75, 1.0, 1.5, 2.0, 3.5, 5.0, 7.0])
_POSITION_FLOOR_ARCSEC: Final = 0.02
_NORTH_DEC_DEG: Final = 32.375
"""The northern half of the Legacy Surveys begins here; it has no i band."""
_REPROCESSED_BRICKS: Final = 40
"""One brick in so many was reprocessed (release 10002)."""
_BAILOUT_BRICKS: Final = 97
"""One brick in so many was given up by the reduction; a part of its sources is filled in from DR9."""
_FILLED_IN: Final = 10
"""One source in so many of such a brick comes from DR9."""
_DUPLICATES: Final = 997
"""One source in so many is type DUP: at the place of another one, in no catalogue of scores."""
_BAILOUT: Final = 1 << 10
_FORCED_POINT: Final = 1 << 0
_GAIA: Final = 1 << 7
_GAIA_POINT: Final = 1 << 12
_GAIA_IDS: Final = 1 << 60
"""Mock identifiers of Gaia begin here: no real one does."""

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Observed:
    """Objects of a block inside the survey and what was measured of them."""

    block: Block
    ra_deg: FloatArray
    dec_deg: FloatArray
    measured: Measured
    """Fluxes in :data:`BANDS`, shape (n, 4); NaN for i in the north."""
    true_flux: FloatArray
    """Without noise [nanomaggy], shape (n, 4)."""
    depth_mag: FloatArray
    """Shape (n, 4)."""
    is_north: BoolArray
    is_duplicate: BoolArray
    is_in_gaia: BoolArray
    white_mag: FloatArray
    """Magnitude of the flux averaged over bands with weights of squared signal to noise (LS-PSC, equation 3)."""


def brick_id(brick: IntArray) -> IntArray:
    """Return brick numbers of the mock Legacy Surveys; in the real ones these bricks are at the south pole."""
    return brick + 1


def id_parts(block: Block) -> tuple[IntArray, IntArray, IntArray]:
    """Return release, brick and number in the brick."""
    objid = block.in_brick
    south = np.where(block.brick % _REPROCESSED_BRICKS == 7, 10002, 10000)
    # The number in the brick decides, not a random number: identifiers are needed by other tables, too.
    is_filled_in = (block.brick % _BAILOUT_BRICKS == 5) & (objid % _FILLED_IN == 3)
    south = np.where(is_filled_in, 9010, south)
    release = np.where(block.dec_deg > _NORTH_DEC_DEG, 9011, south).astype(np.int64)
    return release, brick_id(block.brick), objid


def ls_id(block: Block) -> IntArray:
    """Return Legacy Surveys identifiers, ``release * 2**40 + brickid * 2**20 + objid``, -1 outside the survey."""
    release, brickid, objid = id_parts(block)
    packed = (release << 40) | (brickid << 20) | objid
    return np.where(footprint.in_ls_psc(block.brick), packed, -1)


@kept
def observed(whole: Block) -> Observed:
    """Measure what the Legacy Surveys see of a whole block."""
    chosen = np.flatnonzero(footprint.in_ls_psc(whole.brick))
    block = whole.select(chosen)
    random = block.generator(Stream.LEGACY)
    is_north = block.dec_deg > _NORTH_DEC_DEG
    true_mag = spectra.ab_mag(block, _WAVELENGTH_NM)
    depth = _DEPTH_MAG - np.where(is_north, _NORTH_SHALLOWER_MAG, 0.0)[:, None]
    wider = 1.25 * np.log10(np.hypot(1.0, block.radius_arcsec[:, None] / (0.5 * _SEEING_ARCSEC)))
    found = measure(true_mag, depth - wider, random)
    flux, sigma = found.flux.copy(), found.sigma.copy()
    flux[is_north, 2] = sigma[is_north, 2] = np.nan
    measured = Measured(flux, sigma)
    weights = np.nan_to_num(np.maximum(measured.snr, 0.0) ** 2)
    mean_flux = (weights * np.nan_to_num(flux)).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-30)
    is_seen = mean_flux > 0
    error_arcsec = position_error_arcsec(
        np.sqrt(weights.sum(axis=1)), seeing_arcsec=_SEEING_ARCSEC[1], floor_arcsec=_POSITION_FLOOR_ARCSEC
    )
    return Observed(
        block,
        *measured_positions(block, error_arcsec, random),
        measured,
        flux_of(true_mag),
        depth,
        is_north,
        block.index % _DUPLICATES == 11,
        motion(whole).is_measured[chosen],
        np.where(is_seen, mag_of(np.where(is_seen, mean_flux, 1.0)), np.nan),
    )


def tractor(block: Block) -> Rows:
    """Return the rows of ``ls_dr10.tractor`` for a block."""
    seen = observed(block)
    block = seen.block
    release, brickid, objid = id_parts(block)
    random = _more_random(block)
    dchisq, is_forced = _dchisq(seen, random)
    profile = _profile(seen, dchisq)
    columns: dict[str, NDArray[Any]] = {
        "ls_id": ls_id(block),
        "release": release.astype(np.int16),
        "brickid": brickid.astype(np.int32),
        "brickname": _brick_names(block.brick),
        "objid": objid.astype(np.int32),
        "ra": seen.ra_deg,
        "dec": seen.dec_deg,
        "type": profile,
        "maskbits": _maskbits(seen, random),
        "fitbits": (
            np.where(is_forced, _FORCED_POINT, 0)
            | np.where(seen.is_in_gaia, _GAIA, 0)
            | np.where(seen.is_in_gaia & block.is_point, _GAIA_POINT, 0)
        ).astype(np.int16),
        "ebv": block.ebv_mag,
        **{f"dchisq_{place + 1}": dchisq[:, place] for place in range(5)},
        "ref_cat": np.where(seen.is_in_gaia, "GE", ""),
        "ref_id": _GAIA_IDS + block.index,
    }
    extinction = spectra.extinction_mag(_WAVELENGTH_NM)
    for place, band in enumerate(BANDS):
        flux, sigma = seen.measured.flux[:, place], seen.measured.sigma[:, place]
        is_positive = flux > 0
        mag = np.where(is_positive, mag_of(np.where(is_positive, flux, 1.0)), np.nan)
        is_observed = ~np.isnan(flux)
        columns |= {
            f"flux_{band}": flux,
            f"flux_ivar_{band}": sigma**-2.0,
            f"snr_{band}": flux / sigma,
            f"mag_{band}": mag,
            f"dered_mag_{band}": mag - block.ebv_mag * extinction[place],
            f"psfsize_{band}": np.where(is_observed, _SEEING_ARCSEC[place], np.nan),
            f"psfdepth_{band}": np.where(is_observed, (5.0 / flux_of(seen.depth_mag[:, place])) ** 2, np.nan),
        }
    nulls = {"ref_cat": ~seen.is_in_gaia, "ref_id": ~seen.is_in_gaia}
    return Rows(columns, nulls).take(block.is_wanted)


def apflux(block: Block) -> Rows:
    """Return the rows of ``ls_dr10.apflux`` for a block."""
    seen = observed(block)
    flux, ivar = _apertures(seen)
    columns: dict[str, NDArray[Any]] = {"ls_id": ls_id(seen.block)}
    for place, band in enumerate(BANDS):
        for k in range(len(_RADII_ARCSEC)):
            columns[f"apflux_{band}_{k + 1}"] = flux[:, place, k]
            columns[f"apflux_ivar_{band}_{k + 1}"] = ivar[:, place, k]
    return Rows(columns).take(seen.block.is_wanted)


def tractor_native(block: Block) -> Rows:
    """Return the rows of ``legacysurvey.tractor_native`` for a block: the same in the form of the files."""
    seen = observed(block)
    block = seen.block
    release, brickid, objid = id_parts(block)
    flux, ivar = _apertures(seen)
    columns: dict[str, NDArray[Any]] = {
        "release": release.astype(np.int16),
        "brickid": brickid.astype(np.int32),
        "objid": objid.astype(np.int32),
        "ra": seen.ra_deg,
        "dec": seen.dec_deg,
        "dchisq": _dchisq(seen, _more_random(block))[0],
    }
    for place, band in enumerate(BANDS):
        columns |= {f"apflux_{band}": flux[:, place], f"apflux_ivar_{band}": ivar[:, place]}
    return Rows(columns).take(block.is_wanted)


def _more_random(block: Block) -> np.random.Generator:
    """Return numbers that do not depend on how many the fluxes took, the same for all tables."""
    return block.generator(Stream.LEGACY, part=1)


def _dchisq(seen: Observed, random: np.random.Generator) -> tuple[FloatArray, BoolArray]:
    """Return the improvements by the five profiles, shape (n, 5), 0 where not tried, and which were forced to a point.

    The improvement by the right profile is the squared signal to noise; a point loses what the light outside of it has.
    """
    block = seen.block
    total = (np.nan_to_num(np.maximum(seen.measured.snr, 0.0)) ** 2).sum(axis=1)
    extended = 1.0 - 1.0 / (1.0 + (block.radius_arcsec / 0.6) ** 2)
    noise = np.sqrt(np.maximum(total, 1.0)) * random.standard_normal((5, len(block)))
    psf = total * (1.0 - 0.5 * extended) + noise[0]
    # Of the galaxy profiles the round one fits least; a point is fitted by all of them, with more parameters.
    losses = np.array([0.03, 0.015, 0.01, 0.0])[:, None] * extended
    others = total * (1.0 - losses) + 0.3 * noise[1:] - np.array([1.0, 3.0, 3.0, 4.0])[:, None]
    is_tried = (total > 100.0) & ~(seen.is_in_gaia & block.is_point)
    dchisq = np.where(
        np.arange(5)[:, None] < 2, np.vstack([psf, others]), np.where(is_tried, np.vstack([psf, others]), 0)
    )
    is_forced = (random.random(len(block)) < 0.01) | (seen.is_in_gaia & block.is_point)
    dchisq[1:, is_forced] = 0.0
    return np.ascontiguousarray(np.maximum(dchisq, 0.0).T), is_forced & ~(seen.is_in_gaia & block.is_point)


def _profile(seen: Observed, dchisq: FloatArray) -> NDArray[np.str_]:
    """Return Tractor's choice: the point unless another profile is better by some margin."""
    margin = np.array([0.0, 12.0, 20.0, 20.0, 25.0])
    best = np.argmax(dchisq - margin, axis=1)
    profile = np.array(["PSF", "REX", "DEV", "EXP", "SER"])[best]
    return np.where(seen.is_duplicate, "DUP", profile)


def _maskbits(seen: Observed, random: np.random.Generator) -> NDArray[np.int32]:
    block = seen.block
    bits = np.where((block.brick % _BAILOUT_BRICKS == 5) & (random.random(len(block)) < 0.3), _BAILOUT, 0)
    for bit, share in ((1, 0.01), (11, 0.03), (8, 0.02), (9, 0.01), (12, 0.005)):
        bits |= np.where(random.random(len(block)) < share, 1 << bit, 0)
    for bit in (2, 3, 4, 14):
        bits |= np.where(block.r_mag < 15.5, 1 << bit, 0)
    return bits.astype(np.int32)


def _brick_names(brick: IntArray) -> NDArray[np.str_]:
    """Return names such as 1498p022, from the middle of the brick."""
    bricks, places = np.unique(brick, return_inverse=True)
    half = np.full(len(bricks), 0.5)
    ra_deg, dec_deg = footprint.positions(bricks, half, half)
    names = [
        f"{round(10 * ra):04d}{'p' if dec >= 0 else 'm'}{round(10 * abs(dec)):03d}"
        for ra, dec in zip(ra_deg.tolist(), dec_deg.tolist(), strict=True)
    ]
    return np.array(names)[places] if names else np.empty(0, dtype="U8")


def _apertures(seen: Observed) -> tuple[FloatArray, FloatArray]:
    """Return fluxes in apertures and their inverse variances, shape (n, 4, 8)."""
    block = seen.block
    random = block.generator(Stream.LS_PSC)
    shape = (len(block), len(BANDS), len(_RADII_ARCSEC))
    share = np.stack([aperture_share(_RADII_ARCSEC, block.radius_arcsec, np.array([one])) for one in _SEEING_ARCSEC], 1)
    # The sky in an aperture of 1.5 arcsec has about the noise of a point source.
    sigma = flux_of(seen.depth_mag)[..., None] / 5.0 * _RADII_ARCSEC / 1.5
    flux = seen.true_flux[..., None] * share + sigma * random.standard_normal(shape)
    ivar = np.broadcast_to(sigma**-2.0, shape).copy()
    flux[seen.is_north, 2] = ivar[seen.is_north, 2] = np.nan
    return flux, ivar
