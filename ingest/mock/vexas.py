"""What VEXAS would say about the mock sky: one optical survey for each table, and the probabilities of the classes.

VISTA and AllWISE are taken to see everything that VEXAS has: a limit in r decides instead, so that the shares of the
classes, which the probabilities rest on, are those of the sky. Their magnitudes are not in the tables; which of them
were imputed follows the published shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import spectra
from ingest.mock.astrometry import measured_positions, position_error_arcsec
from ingest.mock.classifier import Classifier
from ingest.mock.footprint import FieldName
from ingest.mock.photometry import Measured, measure
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Kind, Stream

__all__ = ["desw", "has_spectrum", "is_detected", "psw", "smw", "source_id", "spec_good"]

_CLASSES: Final = np.array(["GALAXY", "QSO", "STAR"])
_REPEATED: Final = 0.01
"""Share of sources with a second, wrong counterpart in the optical survey."""
_FIRST_ID: Final = 900_000_000_000
"""Mock identifiers of VISTA begin here: real ones are smaller."""
_MAX_MAG: Final = 25.0
_MIN_SNR: Final = 3.0
_MAX_ERROR_ARCSEC: Final = 1.5
_OUTLIERS: Final = 0.015

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class _Survey:
    """An optical survey, and what the classifier makes of it."""

    stream: Stream
    bands: tuple[str, ...]
    wavelength_nm: FloatArray
    depth_mag: FloatArray
    """Point sources with a signal to noise ratio of 5."""
    limit_mag: float
    """Faintest source of the table, in r."""
    safe_mag: tuple[float, float]
    """Magnitudes in r that the training set covers."""
    seeing_arcsec: float
    observed: dict[str, float]
    """Published shares of sources with a magnitude in VISTA and AllWISE."""
    classifier: Classifier
    imputed_optical: tuple[str, ...]


_DES: Final = _Survey(
    Stream.DES, ("g", "r", "i", "z", "y"), np.array([481.0, 644.0, 784.0, 926.0, 1009.0]),
    np.array([24.7, 24.4, 23.9, 23.3, 21.8]), 22.0, (14.5, 21.6), 0.95,
    {"J": 0.980, "Ks": 0.915, "W1": 0.999, "W2": 0.886},
    Classifier(5.4, 6.4, 6.4, (16.0, 18.0, 20.0, 22.0), (1.3, 1.2, 1.1, 0.85)), ("g", "r", "i", "z", "y"),
)  # fmt: skip
_PANSTARRS: Final = _Survey(
    Stream.PANSTARRS, ("g", "r", "i", "z", "y"), np.array([487.0, 622.0, 755.0, 868.0, 963.0]),
    np.array([23.1, 23.0, 22.9, 22.2, 21.2]), 21.5, (14.5, 21.2), 1.15,
    {"J": 0.988, "Ks": 0.942, "W1": 0.999, "W2": 0.876},
    Classifier(5.0, 5.8, 5.9, (16.0, 18.0, 20.0, 22.0), (1.3, 1.2, 1.05, 0.8)), ("g", "r", "i", "z", "y"),
)  # fmt: skip
_SKYMAPPER: Final = _Survey(
    Stream.SKYMAPPER, ("u", "v", "g", "r", "i", "z"), np.array([350.0, 384.0, 510.0, 617.0, 779.0, 916.0]),
    np.array([18.2, 18.2, 19.6, 19.6, 19.5, 19.4]), 19.8, (14.6, 19.4), 2.6,
    {"J": 0.997, "Ks": 0.994, "W1": 0.999, "W2": 0.960},
    Classifier(5.4, 5.6, 7.0, (16.0, 18.0, 20.0), (0.95, 0.88, 0.72)), ("u", "g", "r", "i", "z"),
)  # fmt: skip
_PS_FAINTEST: Final = np.array([23.3, 23.2, 23.1, 22.3, 21.4])
"""Limits of the release in each band."""
_PS_SOUTH_DEC_DEG: Final = -30.0


@dataclass(frozen=True)
class _Seen:
    """Rows of one table: places of objects, counterparts repeated."""

    block: Block
    """One object for each row."""
    is_second: BoolArray
    chosen: IntArray
    """Rows that are published."""
    logits: FloatArray
    measured: Measured
    mags: FloatArray
    """NaN where not detected."""
    errors: FloatArray
    columns: dict[str, NDArray[Any]]
    nulls: dict[str, BoolArray]
    random: np.random.Generator

    def rows(self, columns: dict[str, NDArray[Any]]) -> Rows:
        """Return the rows that are published, with columns of this table."""
        return Rows(columns | self.columns, self.nulls).take(self.chosen)


def is_detected(block: Block, limit_mag: float = _DES.limit_mag) -> BoolArray:
    """Tell which objects of a block are in VEXAS, in its deepest table when no limit is given."""
    detected: BoolArray = (block.field == FieldName.SOUTH) & (block.r_mag < limit_mag)
    return detected


def source_id(block: Block) -> IntArray:
    """Return the mock ``SOURCEID_VISTA`` of objects."""
    return _FIRST_ID + block.index


def has_spectrum(block: Block) -> BoolArray:
    """Tell which objects have a spectrum: most bright quasars, four in ten bright galaxies, a fifth of the stars."""
    share = np.array([0.4, 0.85, 0.2])[np.minimum(block.kind, Kind.STAR)]
    limit = np.array([19.8, 20.8, 19.5])[np.minimum(block.kind, Kind.STAR)]
    drawn = block.generator(Stream.VEXAS).random(len(block))
    return is_detected(block) & (block.r_mag < limit) & (drawn < share)


def desw(block: Block) -> Rows:
    """Return the rows of ``vexas.desw`` for a block."""
    seen = _see(block, _DES)
    n = len(seen.block)
    size = np.where(seen.block.is_point, 0.0, 0.03 * np.minimum(seen.block.radius_arcsec / 0.5, 3.0))
    error = 0.3 / np.maximum(seen.measured.snr[:, 2], 3.0)
    columns: dict[str, NDArray[Any]] = {
        "Coadd_object_id_DES": _optical_ids(seen),
        "RA_DES": seen.columns.pop("ra"),
        "DEC_DES": seen.columns.pop("dec"),
        **_magnitudes(seen, _DES.bands, "mag_auto_{}_DES", "magerr_auto_{}_DES"),
        "spread_model_i_DES": size + error * seen.random.standard_normal(n),
        "spreaderr_model_i_DES": error,
        "wavg_mag_psf_i_DES": seen.mags[:, 2] + 2.0 * size / 0.03 * 0.2,
        "wavg_magerr_psf_i_DES": seen.errors[:, 2],
    }
    return seen.rows(columns)


def psw(block: Block) -> Rows:
    """Return the rows of ``vexas.psw`` for a block; there is nothing south of declination -30."""
    seen = _see(block, _PANSTARRS)
    seen.mags[seen.mags > _PS_FAINTEST] = np.nan
    seen.errors[np.isnan(seen.mags)] = np.nan
    n = len(seen.block)
    extent = np.where(seen.block.is_point, 0.0, 0.4 * np.minimum(seen.block.radius_arcsec / 0.5, 3.0))
    likelihood = np.where(seen.block.is_point, 1.0, -1.0) * np.abs(seen.random.standard_normal(n))
    columns: dict[str, NDArray[Any]] = {
        "objID_PS": _optical_ids(seen),
        "RA_PS": seen.columns.pop("ra"),
        "DEC_PS": seen.columns.pop("dec"),
        **_magnitudes(seen, _PANSTARRS.bands, "{}petMag_PS", "{}petMagErr_PS"),
        "iPSFMag_PS": seen.mags[:, 2] + extent,
        "iPSFMagErr_PS": seen.errors[:, 2],
        "ipsfLikelihood_PS": np.clip(likelihood, -1.0, 1.0),
    }
    rows = seen.rows(columns)
    return rows.take(rows.columns["DEC_PS"] > _PS_SOUTH_DEC_DEG)


def smw(block: Block) -> Rows:
    """Return the rows of ``vexas.smw`` for a block, with a second model beside the meta-model."""
    seen = _see(block, _SKYMAPPER)
    n = len(seen.block)
    # The second model sees the same object with some noise of its own.
    second = _softmax(seen.logits + 1.2 * seen.random.standard_normal((n, 3)))
    stellarity = 1.0 / (
        1.0 + np.exp(-np.where(seen.block.is_point, 1.0, -1.0) * 0.4 * np.maximum(seen.measured.snr[:, 3], 0.5) ** 0.6)
    )
    columns: dict[str, NDArray[Any]] = {
        "Object_ID_SM": _optical_ids(seen),
        "RA_SM": seen.columns.pop("ra"),
        "DEC_SM": seen.columns.pop("dec"),
        **_magnitudes(seen, _SKYMAPPER.bands, "{}_petro_SM", "E_{}_petro_SM"),
        "Class_star_SM": stellarity,
        "ebmv_sfd_SM": seen.block.ebv_mag,
        **_probabilities(second, "_25"),
    }
    return seen.rows(columns)


def spec_good(block: Block) -> Rows:
    """Return the rows of ``vexas.spec_good`` for a block; three labels in a thousand are wrong."""
    block = block.select(has_spectrum(block))
    random = block.generator(Stream.VEXAS, part=1)
    n = len(block)
    is_wrong = random.random(n) < 0.003
    kind = np.where(is_wrong, (block.kind + 1) % 3, block.kind)
    surveys = np.array(["SDSSDR16", "WigglezFinal", "GAMADR3", "OzDESDR1", "2QZ", "6df"])
    of_kind = np.array([[0.4, 0.15, 0.25, 0.1, 0, 0.1], [0.6, 0.05, 0, 0.15, 0.2, 0], [0.9, 0.02, 0, 0.05, 0.03, 0]])
    drawn = random.random(n)[:, None]
    survey = np.minimum((drawn > np.cumsum(of_kind, axis=1)[kind]).sum(axis=1), len(surveys) - 1)
    ra_deg, dec_deg = measured_positions(block, np.full(n, 0.2), random)
    separation = np.hypot((ra_deg - block.ra_deg) * np.cos(np.radians(block.dec_deg)), dec_deg - block.dec_deg) * 3600.0
    redshift = np.nan_to_num(block.redshift) + 3e-4 * random.standard_normal(n)
    columns: dict[str, NDArray[Any]] = {
        "SOURCEID_VISTA": source_id(block),
        "RA_spec": ra_deg,
        "DEC_spec": dec_deg,
        "Z_spec": np.where(kind == Kind.STAR, np.nan, redshift),
        "CLASS_Spec": _CLASSES[kind],
        "SPEC_survey": surveys[survey],
        "SPECID_ID": np.array([f"MOCK-{number}" for number in block.index.tolist()], dtype="U24"),
        "Separation-VISTA-SPEC": separation,
    }
    return Rows(columns).take(block.is_wanted & (separation <= _MAX_ERROR_ARCSEC))


def _see(whole: Block, survey: _Survey) -> _Seen:
    """Measure and classify what a survey sees; two rows for each object, of which most second ones are left out."""
    single = whole.select(is_detected(whole, survey.limit_mag))
    random = single.generator(survey.stream)
    logits = survey.classifier.logits(single, random)
    places = np.repeat(np.arange(len(single)), 2)
    block = single.select(places)
    n = len(block)
    is_second = np.arange(n) % 2 == 1
    # A wrong counterpart is another, fainter object one to three arcsec away.
    true_mag = spectra.ab_mag(block, survey.wavelength_nm) + np.where(is_second, 1.5, 0.0)[:, None]
    measured = measure(true_mag, survey.depth_mag, random)
    mags, errors = measured.magnitudes(min_snr=_MIN_SNR)
    errors[mags > _MAX_MAG] = np.nan
    mags[mags > _MAX_MAG] = np.nan
    error = position_error_arcsec(
        np.nanmax(measured.snr, axis=1, initial=3.0), seeing_arcsec=survey.seeing_arcsec, floor_arcsec=0.03
    )
    ra_deg, dec_deg = measured_positions(block, np.where(is_second, 1.2, error), random)
    probability = _softmax(logits[places] + np.where(is_second, 0.7, 0.0)[:, None] * random.standard_normal((n, 3)))
    is_in_wise = random.random(n) < 0.97
    imputed, is_imputed = _imputed(survey, mags, random)
    columns = {
        "SOURCEID_VISTA": source_id(block),
        "SLAVEOBJID_WISE": 2 * _FIRST_ID + block.index,
        "ID_WISE": np.array([f"MOCK{number}" for number in block.index.tolist()], dtype="U24"),
        "ra": ra_deg,
        "dec": dec_deg,
        **_probabilities(probability, ""),
        "Imputation_flag": imputed,
        "Warning_flag": _warnings(survey, block, random),
    }
    chosen = np.flatnonzero(block.is_wanted & (~is_second | (np.repeat(random.random(len(single)), 2) < _REPEATED)))
    nulls = {"ID_WISE": ~is_in_wise, "SLAVEOBJID_WISE": ~is_in_wise, "Imputation_flag": ~is_imputed}
    return _Seen(block, is_second, chosen, logits[places], measured, mags, errors, columns, nulls, random)


def _optical_ids(seen: _Seen) -> IntArray:
    return 3 * _FIRST_ID + 2 * seen.block.index + seen.is_second


def _magnitudes(seen: _Seen, bands: tuple[str, ...], mag: str, error: str) -> dict[str, FloatArray]:
    named = {mag.format(band): seen.mags[:, place] for place, band in enumerate(bands)}
    return named | {error.format(band): seen.errors[:, place] for place, band in enumerate(bands)}


def _softmax(logits: FloatArray) -> NDArray[np.float32]:
    """Return probabilities that sum to 1 as well as three floats can."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    probability: NDArray[np.float32] = (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
    return probability


def _probabilities(probability: NDArray[np.float32], suffix: str) -> dict[str, NDArray[Any]]:
    named: dict[str, NDArray[Any]] = {f"p_{name}{suffix}": probability[:, place] for place, name in enumerate(_CLASSES)}
    return named | {f"CLASS{suffix}": _CLASSES[probability.argmax(axis=1)]}


def _imputed(survey: _Survey, mags: FloatArray, random: np.random.Generator) -> tuple[NDArray[np.str_], BoolArray]:
    """Return the names of the magnitudes that were filled in, with commas, and which rows have any.

    The release does not say how its text is written; this is the form of the mock.
    """
    missing = {band: random.random(len(mags)) >= share for band, share in survey.observed.items()}
    missing |= {band: np.isnan(mags[:, survey.bands.index(band)]) for band in survey.imputed_optical}
    # One text for each combination, not for each row.
    codes = sum(
        (mask.astype(np.int64) << place for place, mask in enumerate(missing.values())), np.zeros(len(mags), int)
    )
    combinations, places = np.unique(codes, return_inverse=True)
    names = list(missing)
    texts = [",".join(name for place, name in enumerate(names) if code >> place & 1) for code in combinations.tolist()]
    return np.array(texts, dtype="U32")[places], codes > 0


def _warnings(survey: _Survey, block: Block, random: np.random.Generator) -> NDArray[np.int16]:
    bright, faint = survey.safe_mag
    is_outside = (block.r_mag < bright) | (block.r_mag > faint)
    is_outlier = random.random(len(block)) < _OUTLIERS
    return np.select([is_outlier, is_outside], [2, 1], 0).astype(np.int16)
