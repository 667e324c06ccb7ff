"""What ViaLactea would know of the clumps of the mock sky: single bands, merged bands, distances, filaments, models."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock.clumps import BANDS, Clumps, clumps_of, designation
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "HIGAL_BANDS", "branches", "bubbles", "filaments", "higal", "instances", "is_merged", "merged_names",
    "mid_infrared", "props_dist", "sed_models", "sed_view_final",
]  # fmt: skip

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

HIGAL_BANDS: Final = ("70", "160", "250", "350", "500")
_MIN_BANDS: Final = 3
"""Hi-GAL bands that a merged source has at least."""
_FILAMENT: Final = 20
"""Clumps of a brick that share a filament."""
_BUBBLE: Final = 40
"""Clumps of a brick that share a bubble."""
_MISSING: Final = "missing"
_N_MODELS: Final = 1000
_SURVEYS: Final = {"1100": "BGPS", "870": "AGAL", "24": "MG", "22": "WISE", "21": "MSX"} | {
    band: f"HIGALP{name}" for band, name in zip(HIGAL_BANDS, "BRSML", strict=True)
}
_DERIVED_UM: Final = {
    "flux21_a": ("21", 8.3), "flux21_c": ("21", 12.1), "flux21_d": ("21", 14.7), "flux21_e": ("21", 21.0),
    "flux12": ("22", 12.0), "flux46": ("22", 4.6), "flux34": ("22", 3.4), "flux2M_K": ("22", 2.16),
    "flux2M_H": ("22", 1.65), "flux2M_J": ("22", 1.25),
}  # fmt: skip
"""Fluxes that hang on the counterpart of another band, and their wavelengths."""
_MODEL_UM: Final = {
    "wise1": 3.37, "i1": 3.6, "i2": 4.5, "wise2": 4.62, "i3": 5.8, "i4": 8.0, "wise3": 12.08, "wise4": 22.194,
    "m1": 24.0, "pacs1": 70.0, "pacs2": 100.0, "pacs3": 160.0, "spir1": 250.0, "spir2": 350.0, "spir3": 500.0,
    "laboc": 870.0, "bol11": 1100.0,
}  # fmt: skip


def is_merged(clumps: Clumps) -> BoolArray:
    """Tell which clumps are band-merged sources: seen in three bands of Hi-GAL or more."""
    merged: BoolArray = np.sum([clumps.is_seen(band) for band in HIGAL_BANDS], axis=0) >= _MIN_BANDS
    return merged


def merged_names(clumps: Clumps) -> NDArray[np.str_]:
    """Return the designations of band-merged sources."""
    return designation("FT", clumps.lon_deg, clumps.lat_deg)


def sed_view_final(block: Block) -> Rows:
    """Return the rows of ``compactsources.sed_view_final`` for a block."""
    clumps = clumps_of(block)
    columns: dict[str, NDArray[Any]] = {
        "designationft": merged_names(clumps),
        "glonft": clumps.lon_deg,
        "glatft": clumps.lat_deg,
        "numidtree": clumps.block.index.astype(np.int32),
        "distance": np.where(clumps.has_distance, clumps.distance_kpc, np.nan),
    }
    for band in BANDS:
        measured = _measure(clumps, band)
        is_seen = clumps.is_seen(band)
        columns[f"designation{band}"] = np.where(is_seen, measured.pop("name"), _MISSING)
        if band == "21":
            del measured["flux"], measured["err_flux"]
        columns |= {f"{name}{band}": np.where(is_seen, values, np.nan) for name, values in measured.items()}
    random = clumps.block.generator(Stream.VISTA)
    for name, (band, wavelength_um) in _DERIVED_UM.items():
        true = clumps.flux_jy(wavelength_um)
        # What is fainter than a tenth of a millijansky is not measured.
        is_measured = clumps.is_seen(band) & (true > 1e-4)
        error = 0.05 * true + 2e-5
        columns[name] = np.where(is_measured, true + error * random.standard_normal(len(true)), np.nan)
        columns[f"err_{name}"] = np.where(is_measured, error, np.nan)
    return Rows(columns).take(clumps.block.is_wanted & is_merged(clumps))


def _higal(band: str, block: Block) -> Rows:
    clumps = clumps_of(block)
    measured = _measure(clumps, band)
    random = clumps.block.generator(Stream.DES)
    n = len(clumps.block)
    width = BANDS[band].beam_arcsec
    error = np.full(n, 0.1 * width)
    beam_sr = 1.133 * (width / 206265.0) ** 2
    size = measured["fwhma"] * measured["fwhmb"] / width**2
    peak = measured["flux"] / size / beam_sr / 1e6
    tile = clumps.lon_deg.astype(np.int64)
    columns: dict[str, NDArray[Any]] = {
        "DESIGNATION": measured["name"],
        "GLON": measured["glon"],
        "GLAT": measured["glat"],
        "DGLON": error,
        "DGLAT": error,
        "RA": clumps.block.ra_deg,
        "DEC": clumps.block.dec_deg,
        "ATLAS_IMAGE": np.char.add("MOCK l", tile.astype("U3")),
        "X": (clumps.lon_deg - tile) * 3600.0 / (0.25 * width),
        "Y": (clumps.lat_deg + 1.0) * 3600.0 / (0.25 * width),
        "DX": error / (0.25 * width),
        "DY": error / (0.25 * width),
        "SOURCE_ID": clumps.block.index.astype(np.int32),
        "FINT_UNCORR": measured["flux"] * (0.93 + 0.02 * random.standard_normal(n)),
        "FINT": measured["flux"],
        "ERR_FINT": measured["err_flux"],
        "FPEAK": peak,
        "ERR_FPEAK": peak * measured["err_flux"] / measured["flux"],
        "FWHMA": measured["fwhma"],
        "FWHMB": measured["fwhmb"],
        "ERR_FWHMA": 0.05 * measured["fwhma"],
        "ERR_FWHMB": 0.05 * measured["fwhmb"],
        "PA": measured["pa"],
        "RMS": np.full(n, BANDS[band].limit_jy / 5.0 / beam_sr / 1e6),
    }
    return Rows(columns).take(clumps.block.is_wanted & clumps.is_seen(band))


def higal(band: str) -> Callable[[Block], Rows]:
    """Return what makes the rows of a table of one band, e.g. ``compactsources.higal250``."""
    return partial(_higal, band)


def _mid_infrared(band: str, block: Block) -> Rows:
    clumps = clumps_of(block)
    measured = _measure(clumps, band)
    columns: dict[str, NDArray[Any]] = {
        "designation": measured["name"],
        "glon": measured["glon"],
        "glat": measured["glat"],
        "flux": measured["flux"],
        "err_flux": measured["err_flux"],
    }
    return Rows(columns).take(clumps.block.is_wanted & clumps.is_seen(band))


def mid_infrared(band: str) -> Callable[[Block], Rows]:
    """Return what makes the rows of a table of one band whose real columns are not known."""
    return partial(_mid_infrared, band)


def instances(block: Block) -> Rows:
    """Return the rows of ``compactsources.instances`` for a block: one for each merged source."""
    clumps = clumps_of(block)
    columns: dict[str, NDArray[Any]] = {
        "designation": merged_names(clumps),
        "numidtree": clumps.block.index.astype(np.int32),
        "n_bands": np.sum([clumps.is_seen(band) for band in HIGAL_BANDS], axis=0).astype(np.int32),
    }
    return Rows(columns).take(clumps.block.is_wanted & is_merged(clumps))


def props_dist(block: Block) -> Rows:
    """Return the rows of ``compactsources.props_dist`` for a block: merged sources with a distance."""
    clumps = clumps_of(block)
    columns: dict[str, NDArray[Any]] = {"glon": clumps.lon_deg, "glat": clumps.lat_deg, "dist": clumps.distance_kpc}
    return Rows(columns).take(clumps.block.is_wanted & is_merged(clumps) & clumps.has_distance)


def filaments(block: Block) -> Rows:
    """Return the rows of ``filaments.filaments`` for a block: one for the first clump of each filament."""
    clumps = clumps_of(block)
    is_first = clumps.block.in_brick % _FILAMENT == 0
    columns: dict[str, NDArray[Any]] = {
        "idfil_mos": _filament(clumps.block),
        "glon": clumps.lon_deg,
        "glat": clumps.lat_deg,
    }
    return Rows(columns).take(clumps.block.is_wanted & is_first)


def branches(block: Block) -> Rows:
    """Return the rows of ``filaments.branches`` for a block: three clumps of each filament have one near them."""
    clumps = clumps_of(block)
    chosen = clumps.block.in_brick % _FILAMENT < 3
    columns: dict[str, NDArray[Any]] = {
        "idfil_mos": _filament(clumps.block),
        "glon": clumps.lon_deg,
        "glat": clumps.lat_deg,
    }
    return Rows(columns).take(clumps.block.is_wanted & chosen)


def bubbles(block: Block) -> Rows:
    """Return the rows of ``bubbles.bubbles`` for a block."""
    clumps = clumps_of(block)
    columns: dict[str, NDArray[Any]] = {
        "designation": designation("B", clumps.lon_deg, clumps.lat_deg),
        "glon": clumps.lon_deg,
        "glat": clumps.lat_deg,
        "radius": 60.0 + 4.0 * clumps.size_arcsec,
    }
    return Rows(columns).take(clumps.block.is_wanted & (clumps.block.in_brick % _BUBBLE == 7))


def sed_models(block: Block) -> Rows:
    """Return the rows of ``compactsources.sed_models``: a thousand models, all with the first block."""
    random = block.generator(Stream.CLUMPS)
    uniform = random.random((4, _N_MODELS))
    mass = 10.0 ** (1.0 + 3.0 * uniform[0])
    fraction = 0.05 + 0.5 * uniform[1]
    temperature = 10.0 + 25.0 * uniform[2]
    luminosity = mass * 10.0 ** (3.0 * uniform[3] - 0.5)
    ones = np.ones(_N_MODELS)
    models = Clumps(
        block, ones, ones, ones, ones > 0, mass, temperature, luminosity > mass, luminosity, ones,
    )  # fmt: skip
    columns: dict[str, NDArray[Any]] = {
        "id": np.arange(1, _N_MODELS + 1, dtype=np.int32),
        "clump_mass": mass,
        "compact_mass_fraction": fraction,
        "compact_mass_desired": mass * fraction,
        "compact_mass_actual": mass * fraction * (0.9 + 0.2 * uniform[2]),
        "clump_upper_age": 10.0 ** (4.0 + 2.0 * uniform[1]),
        "dust_temp": temperature,
        "bolometric_luminosity": luminosity,
        **{name: 1000.0 * models.flux_jy(wavelength_um) for name, wavelength_um in _MODEL_UM.items()},
    }
    return Rows(columns).take(np.full(_N_MODELS, block.number == 0))


def _filament(block: Block) -> NDArray[np.int32]:
    """Return the number of the filament of clumps: the brick, and a running number in it."""
    return (block.brick * 100_000 + block.in_brick // _FILAMENT).astype(np.int32)


def _measure(clumps: Clumps, band: str) -> dict[str, NDArray[Any]]:
    """Measure a band: designation, flux and its error [Jy], position [deg], shape [arcsec, deg]."""
    one = BANDS[band]
    n = len(clumps.block)
    # Each band has numbers of its own, the same in its table and in the merged one.
    normal = clumps.block.generator(Stream.CLUMPS, part=1 + list(BANDS).index(band)).standard_normal((5, n))
    true = clumps.flux_jy(one.wavelength_um)
    error = np.hypot(one.limit_jy / 5.0, 0.1 * true)
    offset = 0.1 * one.beam_arcsec / 3600.0
    lon, lat = clumps.lon_deg + offset * normal[1], clumps.lat_deg + offset * normal[2]
    major = np.hypot(one.beam_arcsec, clumps.size_arcsec) * np.exp(0.05 * normal[3])
    minor = np.hypot(one.beam_arcsec, clumps.size_arcsec * clumps.block.axis_ratio) * np.exp(0.05 * normal[4])
    return {
        "name": designation(_SURVEYS[band], lon, lat),
        "flux": np.maximum(true + error * normal[0], 0.2 * one.limit_jy),
        "err_flux": error,
        "glon": lon,
        "glat": lat,
        "fwhma": np.maximum(major, minor),
        "fwhmb": np.minimum(major, minor),
        "pa": clumps.block.angle_deg,
    }
