"""What CAESAR would find in a radio map of the mock sky: islands, and the components that were fitted to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock.astrometry import measured_positions
from ingest.mock.footprint import FIELDS, FieldName
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Stream

__all__ = ["components", "is_detected", "islands", "names", "true_flux_jy"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_FREQUENCY_GHZ: Final = 0.944
_RMS_JY: Final = 1.0e-4
"""Noise of the map [Jy/beam]."""
_DETECTION_SNR: Final = 5.0
_BEAM_ARCSEC: Final = (12.0, 10.0)
_BEAM_ANGLE_DEG: Final = 75.0
_PIXEL_ARCSEC: Final = 2.5
_BEAM_PIXELS: Final = np.pi * _BEAM_ARCSEC[0] * _BEAM_ARCSEC[1] / (4.0 * np.log(2.0)) / _PIXEL_ARCSEC**2
_LOUD: Final = np.array([0.05, 0.15, 0.0, 0.0])
"""Share of each :class:`ingest.mock.sky.Kind` with a radio source of at least the faintest flux."""
_FAINTEST_JY: Final = 2.0e-4
_COUNT_SLOPE: Final = 0.8
"""Sources brighter than S go with ``S**-0.8`` (Hopkins et al. 2003, AJ 125, 465, between 1 and 100 mJy)."""
_BRIGHTEST_JY: Final = 2.0
_MAX_COMPONENTS: Final = 3
_COMPONENT_SHARES: Final = (0.8, 0.14, 0.06)
_FAKE: Final = 0.02


@dataclass(frozen=True)
class _Radio:
    """Detected sources of a block."""

    block: Block
    flux_jy: FloatArray
    n_components: IntArray
    separation_arcsec: FloatArray
    """Between the outer components."""
    size_arcsec: FloatArray
    """Of each component, deconvolved."""
    normal: FloatArray
    """Shape (n, 24)."""
    is_fake: BoolArray


def true_flux_jy(block: Block) -> FloatArray:
    """Return radio fluxes [Jy], NaN for what is not a radio source or not in the SOUTH, shape (n,)."""
    uniform = block.generator(Stream.RADIO).random((2, len(block)))
    is_loud = (uniform[0] < _LOUD[block.kind]) & (block.field == FieldName.SOUTH)
    lowest = (_BRIGHTEST_JY / _FAINTEST_JY) ** -_COUNT_SLOPE
    flux = _FAINTEST_JY * (lowest + (1.0 - lowest) * (1.0 - uniform[1])) ** (-1.0 / _COUNT_SLOPE)
    return np.where(is_loud, flux, np.nan)


def is_detected(block: Block) -> BoolArray:
    """Tell which objects of a whole block are found in the radio map."""
    return true_flux_jy(block) >= _DETECTION_SNR * _RMS_JY


def names(block: Block) -> NDArray[np.str_]:
    """Return the names of the islands of objects."""
    return np.array([f"MOCK_S{number}" for number in block.index.tolist()], dtype="U24")


def islands(block: Block) -> Rows:
    """Return the rows of ``caesar.islands`` for a block."""
    seen = _see(block)
    return Rows(_islands(seen)).take(seen.block.is_wanted)


def _islands(seen: _Radio) -> dict[str, NDArray[Any]]:
    """Return the columns of all islands, also of those beyond the size of the sky."""
    block, n = seen.block, len(seen.block)
    error_jy = np.hypot(_RMS_JY * np.sqrt(seen.n_components), 0.03 * seen.flux_jy)
    flux = np.maximum(seen.flux_jy + error_jy * seen.normal[:, 0], 2.0 * _RMS_JY)
    snr = seen.flux_jy / _RMS_JY
    ra_deg, dec_deg = measured_positions(block, 5.0 / snr + 0.3, block.generator(Stream.RADIO, part=3))
    x, y = _pixels(ra_deg, dec_deg)
    extent = 0.5 * (seen.separation_arcsec + 2.2 * np.hypot(_BEAM_ARCSEC[0], seen.size_arcsec)) / _PIXEL_ARCSEC
    half_x, half_y = np.ceil(extent), np.ceil(extent * 0.9)
    npix = np.maximum(np.round(np.pi * half_x * half_y * np.minimum(np.log1p(snr) / 4.0, 1.0)), 5.0)
    boxes = {"xmin": x - half_x, "xmax": x + half_x, "ymin": y - half_y, "ymax": y + half_y}
    edges = {f"{name}_wcs": _sky(value, y)[0] if name[0] == "x" else _sky(x, value)[1] for name, value in boxes.items()}
    peak = flux / seen.n_components / np.hypot(1.0, seen.size_arcsec / _BEAM_ARCSEC[0])
    columns: dict[str, NDArray[Any]] = {
        "name": names(block),
        "iauName": _iau_names(ra_deg, dec_deg),
        "npix": npix.astype(np.int32),
        # The fit fails for one island in fifty.
        "nComponents": np.where(seen.normal[:, 1] > 2.05, 0, seen.n_components).astype(np.int32),
        "nNestedSources": np.where(seen.n_components > 1, seen.n_components, 0).astype(np.int32),
        "x": x, "y": y, "x_w": x + 0.1 * seen.normal[:, 2], "y_w": y + 0.1 * seen.normal[:, 3],
        "x_wcs": ra_deg, "y_wcs": dec_deg,
        **boxes, **edges,
        "nu": np.full(n, _FREQUENCY_GHZ),
        "Stot": flux * _BEAM_PIXELS * (1.0 + 0.02 * seen.normal[:, 4]),
        "Smax": peak,
        "S": flux * _BEAM_PIXELS,
        "SErr": error_jy * _BEAM_PIXELS,
        "beamArea": np.full(n, _BEAM_PIXELS),
        "bkgSum": 0.1 * _RMS_JY * npix * seen.normal[:, 5],
        "rmsSum": _RMS_JY * npix,
        "morphId": _morphology(seen),
        "sourcenessId": _sourceness(seen),
        "isGoodSource": ~seen.is_fake,
        "sourceNestedLevel": np.zeros(n, dtype=np.int32),
    }  # fmt: skip
    columns["x_w_wcs"], columns["y_w_wcs"] = _sky(columns["x_w"], columns["y_w"])
    return columns


def components(block: Block) -> Rows:
    """Return the rows of ``caesar.components`` for a block."""
    seen = _see(block)
    source = np.repeat(np.arange(len(seen.block)), _MAX_COMPONENTS)
    number = np.tile(np.arange(_MAX_COMPONENTS), len(seen.block))
    n_components = np.where(seen.normal[:, 1] > 2.05, 0, seen.n_components)
    kept = number < n_components[source]
    source, number = source[kept], number[kept]
    island = _islands(seen)
    objects = seen.block.select(source)
    random = objects.generator(Stream.RADIO, part=2)
    normal = random.standard_normal((10, len(source)))
    n_of = seen.n_components[source]
    # Two components lie on both sides of the middle, a third one in it.
    along = np.array([[0, 0, 0], [-0.5, 0.5, 0], [-0.5, 0.5, 0]])[n_of - 1, number] * seen.separation_arcsec[source]
    angle = np.radians(objects.angle_deg)
    dec = objects.dec_deg + along * np.cos(angle) / 3600.0
    ra = objects.ra_deg + along * np.sin(angle) / 3600.0 / np.cos(np.radians(objects.dec_deg))
    flux = seen.flux_jy[source] / n_of
    error = np.hypot(_RMS_JY, 0.03 * flux)
    fitted = np.maximum(flux + error * normal[0], _RMS_JY)
    position_error = 0.5 * _BEAM_ARCSEC[0] * _RMS_JY / flux + 0.1
    ra, dec = ra + position_error * normal[1] / 3600.0, dec + position_error * normal[2] / 3600.0
    size = seen.size_arcsec[source]
    major, minor = np.hypot(_BEAM_ARCSEC[0], size), np.hypot(_BEAM_ARCSEC[1], 0.6 * size)
    shape_error = major * _RMS_JY / flux
    peak = fitted * _BEAM_ARCSEC[0] * _BEAM_ARCSEC[1] / (major * minor)
    x, y = _pixels(ra, dec)
    ndf = np.maximum(island["npix"][source] - 6 * n_of, 1)
    chi2 = ndf * (1.0 + np.sqrt(2.0 / ndf) * normal[3]).clip(0.1)
    quality = np.select([chi2 / ndf > 1.8, chi2 / ndf > 1.4, chi2 / ndf > 1.2], [0, 1, 2], 3)
    columns: dict[str, NDArray[Any]] = {
        "name": names(objects),
        "npix": island["npix"][source],
        "componentId": (number + 1).astype(np.int32),
        "iauName": _iau_names(ra, dec),
        "x": x, "y": y, "xErr": position_error / _PIXEL_ARCSEC, "yErr": position_error / _PIXEL_ARCSEC,
        "x_wcs": ra, "y_wcs": dec, "xErr_wcs": position_error / 3600.0, "yErr_wcs": position_error / 3600.0,
        "nu": np.full(len(source), _FREQUENCY_GHZ),
        "Speak": peak, "SpeakErr": np.hypot(_RMS_JY, 0.03 * peak),
        "S": fitted * _BEAM_PIXELS, "SErr": error * _BEAM_PIXELS,
        "S_island": island["S"][source], "SErr_island": island["SErr"][source],
        "beamArea": np.full(len(source), _BEAM_PIXELS),
        "ellipse_a": major / _PIXEL_ARCSEC, "ellipse_b": minor / _PIXEL_ARCSEC, "ellipse_theta": objects.angle_deg,
        "ellipse_a_err": shape_error / _PIXEL_ARCSEC, "ellipse_b_err": shape_error / _PIXEL_ARCSEC,
        "ellipse_theta_err": np.degrees(shape_error / major),
        "a_wcs": major, "b_wcs": minor, "theta_wcs": objects.angle_deg,
        "a_err_wcs": shape_error, "b_err_wcs": shape_error, "theta_err_wcs": np.degrees(shape_error / major),
        "beam_bmaj": np.full(len(source), _BEAM_ARCSEC[0]), "beam_bmin": np.full(len(source), _BEAM_ARCSEC[1]),
        "beam_pa": np.full(len(source), _BEAM_ANGLE_DEG),
        "a_deconv_wcs": size, "b_deconv_wcs": 0.6 * size, "theta_deconv_wcs": objects.angle_deg,
        "ecc_ratio": np.sqrt((1.0 - (minor / major) ** 2) / (1.0 - (_BEAM_ARCSEC[1] / _BEAM_ARCSEC[0]) ** 2)),
        "area_ratio": major * minor / (_BEAM_ARCSEC[0] * _BEAM_ARCSEC[1]),
        "psi": np.abs((objects.angle_deg - _BEAM_ANGLE_DEG + 90.0) % 180.0 - 90.0),
        "bkgSum": island["bkgSum"][source], "rmsSum": island["rmsSum"][source],
        "chi2": chi2, "ndf": ndf.astype(np.int32), "fitQuality": quality.astype(np.int32),
        "sourcenessId": island["sourcenessId"][source],
        "morphId": np.where(size > 4.0, 1, 2).astype(np.int32),
    }  # fmt: skip
    return Rows(columns).take(objects.is_wanted)


def _see(block: Block) -> _Radio:
    flux = true_flux_jy(block)
    chosen = np.flatnonzero(is_detected(block))
    block = block.select(chosen)
    random = block.generator(Stream.RADIO, part=1)
    n = len(block)
    n_components = 1 + np.searchsorted(np.cumsum(_COMPONENT_SHARES)[:-1], random.random(n))
    return _Radio(
        block,
        flux[chosen],
        n_components,
        np.where(n_components > 1, 15.0 + 20.0 * random.standard_exponential(n), 0.0).clip(0.0, 120.0),
        3.0 * random.standard_exponential(n).clip(0.0, 10.0),
        random.standard_normal((n, 6)),
        random.random(n) < _FAKE,
    )


def _pixels(ra_deg: FloatArray, dec_deg: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return places in the map: pixels of the middle declination, with the longitude falling along x."""
    middle_ra, middle_dec = FIELDS[FieldName.SOUTH].centre_deg
    scale = 3600.0 / _PIXEL_ARCSEC
    return 6000.0 - (ra_deg - middle_ra) * np.cos(np.radians(middle_dec)) * scale, 4000.0 + (
        dec_deg - middle_dec
    ) * scale


def _sky(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return positions [deg] of places in the map."""
    middle_ra, middle_dec = FIELDS[FieldName.SOUTH].centre_deg
    scale = _PIXEL_ARCSEC / 3600.0
    return middle_ra - (x - 6000.0) * scale / np.cos(np.radians(middle_dec)), middle_dec + (y - 4000.0) * scale


def _iau_names(ra_deg: FloatArray, dec_deg: FloatArray) -> NDArray[np.str_]:
    """Return names such as MOCK J033609.86-293024.6."""
    made = []
    for ra, dec in zip((ra_deg / 15.0).tolist(), dec_deg.tolist(), strict=True):
        minutes, seconds = divmod(int(ra * 3600.0 * 100.0), 6000)
        arcminutes, arcseconds = divmod(int(abs(dec) * 3600.0 * 10.0), 600)
        sign = "-" if dec < 0 else "+"
        made.append(
            f"MOCK J{minutes // 60:02d}{minutes % 60:02d}{seconds / 100:05.2f}"
            f"{sign}{arcminutes // 60:02d}{arcminutes % 60:02d}{arcseconds / 10:04.1f}"
        )
    return np.array(made, dtype="U32")


def _morphology(seen: _Radio) -> NDArray[np.int32]:
    """Return 2 for points, 1 for compact, 3 for extended islands and 4 for those that are both."""
    return np.select([seen.n_components > 2, seen.n_components > 1, seen.size_arcsec > 4.0], [4, 3, 1], 2).astype(
        np.int32
    )


def _sourceness(seen: _Radio) -> NDArray[np.int32]:
    """Return what the finder thinks: 2 for faint islands, 3 for two in a hundred, although all are real here."""
    is_faint = seen.flux_jy < (_DETECTION_SNR + 1.0) * _RMS_JY
    return np.select([seen.is_fake, is_faint], [3, 2], 1).astype(np.int32)
