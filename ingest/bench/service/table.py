"""The table that is measured: the 28 columns of a VEXAS table, made up, in blocks, from a fixed seed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_server import __version__
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.release import Release
from vo_server.model.table import HEALPIX_COLUMN, Column, Position, Schema, Table
from vo_server.sky.healpix import cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.engine.base import Engine
    from vo_server.store.open import Store

__all__ = ["BLOCK_ROWS", "CLASSES", "TABLE", "batches", "centres", "publish"]

BLOCK_ROWS: Final = 65_536
"""Rows made at once. Part of what the seed means: another value gives another table."""

CLASSES: Final = ("STAR", "QSO", "GALAXY")
"""Values of CLASS, in the order of the columns of probabilities."""

_SEED: Final = 20_211_101
_SHARES: Final = (0.33, 0.03, 0.64)
_FIRST_ID: Final = 2**59
"""Identifiers do not fit a double, as those of VISTA do not."""

_BANDS: Final = {
    "g": ("em.opt.B", 0.9),
    "r": ("em.opt.R", 0.0),
    "i": ("em.opt.I", -0.4),
    "z": ("em.opt.I", -0.6),
    "y": ("em.opt.I", -0.7),
}
"""Band, its UCD, and its magnitude less that in r [mag]."""

_IMPUTED: Final = (
    "",
    "g",
    "y",
    "W1",
    "W2",
    "g,y",
    "z,y",
    "W1,W2",
    "g,W1,W2",
    "y,W1,W2",
    "g,i,z,y",
    "g,r,i,z,y,J,Ks,W1,W2",
)
_MISSING: Final = 0.12
"""Share of the objects that a band did not measure."""

_LONG: Final = DataType(Primitive.LONG)
_DOUBLE: Final = DataType(Primitive.DOUBLE)
_FLOAT: Final = DataType(Primitive.FLOAT)
_SHORT: Final = DataType(Primitive.SHORT)
_TEXT: Final = DataType(Primitive.CHAR, "*")

Floats = NDArray[np.float64]


def _magnitudes() -> Iterator[Column]:
    for band, (ucd, _) in _BANDS.items():
        yield Column(
            f"mag_auto_{band}_DES",
            _FLOAT,
            "mag",
            f"phot.mag;{ucd}",
            description=f"Automatic-aperture magnitude, {band}",
        )
        yield Column(
            f"magerr_auto_{band}_DES", _FLOAT, "mag", f"stat.error;phot.mag;{ucd}", description=f"Its error, {band}"
        )


def _probability(name: str, what: str) -> Column:
    return Column(name, _FLOAT, ucd="stat.probability;src.class", description=f"Probability of the meta-model: {what}")


TABLE: Final = Table(
    "bench",
    "desw",
    (
        Column("SOURCEID_VISTA", _LONG, ucd="meta.id;meta.main", description="Identifier", is_principal=True),
        Column("Coadd_object_id_DES", _LONG, ucd="meta.id.cross", description="Identifier in DES"),
        Column("SLAVEOBJID_WISE", _LONG, ucd="meta.id.cross", description="Identifier of the neighbour in WISE"),
        Column("ID_WISE", _TEXT, ucd="meta.id.cross", description="AllWISE name of the counterpart"),
        Column("RA_DES", _DOUBLE, "deg", "pos.eq.ra;meta.main", description="Right ascension", is_principal=True),
        Column("DEC_DES", _DOUBLE, "deg", "pos.eq.dec;meta.main", description="Declination", is_principal=True),
        *_magnitudes(),
        Column("spread_model_i_DES", _FLOAT, ucd="src.class.starGalaxy", description="Spread; 0 for point sources"),
        Column("spreaderr_model_i_DES", _FLOAT, ucd="stat.error;src.class.starGalaxy", description="Error of it"),
        Column("wavg_mag_psf_i_DES", _FLOAT, "mag", "phot.mag;em.opt.I", description="Mean PSF magnitude in i"),
        Column("wavg_magerr_psf_i_DES", _FLOAT, "mag", "stat.error;phot.mag;em.opt.I", description="Error of it"),
        _probability("p_STAR", "a star"),
        _probability("p_QSO", "a quasar"),
        _probability("p_GALAXY", "a galaxy"),
        Column("CLASS", _TEXT, ucd="src.class", description="Class of the highest probability"),
        Column("Imputation_flag", _TEXT, ucd="meta.code.qual", description="Magnitudes that were filled in"),
        Column("Warning_flag", _SHORT, ucd="meta.code.qual", description="0: safe; 1: r out of range; 2: odd colour"),
        Column("CLASS_25", _TEXT, ucd="src.class", description="Class by the model without the faintest quarter"),
        _probability("p_QSO_25", "a quasar, by the model without the faintest quarter"),
        Column(HEALPIX_COLUMN, _LONG, is_hidden=True, is_indexed=True),
    ),
    description="Random numbers in the shape of a VEXAS table, for measuring; not a real catalogue",
    position=Position("RA_DES", "DEC_DES"),
)
"""The 26 columns of VEXAS-DESW, and two of VEXAS-SMW; the hidden cell beside them."""


def batches(n_rows: int) -> Iterator[pa.RecordBatch]:
    """Make the rows; a larger table begins with the rows of a smaller one.

    Yields
    ------
    RecordBatch
        With the schema ``arrow_schema(TABLE.columns)``, :data:`BLOCK_ROWS` rows in all but the last.
    """
    for number, start in enumerate(range(0, n_rows, BLOCK_ROWS)):
        yield _block(number).slice(0, n_rows - start)


def centres(n_centres: int, *, n_rows: int) -> list[tuple[float, float]]:
    """Return ICRS positions of rows, to search around: right ascension and declination [deg]."""
    block = _block(0).slice(0, n_rows)
    chosen = np.random.default_rng(_SEED).integers(0, block.num_rows, n_centres)
    ra, dec = (block.column(name).to_numpy()[chosen] for name in ("RA_DES", "DEC_DES"))
    return list(zip(ra.tolist(), dec.tolist(), strict=True))


def publish(n_rows: int, *, engine: Engine, store: Store) -> Table:
    """Load the table and make it the current release; one of this size that is there already is taken.

    Returns
    -------
    Table
        As published, with its location.
    """
    version = f"bench-{n_rows}"
    found = store.catalogue.load().find(TABLE.full_name)
    if found is not None and found.release == version:
        return found
    with engine.loader(TABLE, version=version) as loader:
        for batch in batches(n_rows):
            loader.write(batch)
        report = loader.finish()
        table = replace(TABLE, release=version, location=report.location, n_rows=report.n_rows)
        release = Release(table, version, datetime.now(UTC), code_version=__version__)
        store.catalogue.publish(release, schema=Schema(TABLE.schema, description="Tables of the benchmark"))
    return table


def _block(number: int) -> pa.RecordBatch:
    random = np.random.default_rng([_SEED, number])
    index = np.arange(number * BLOCK_ROWS, (number + 1) * BLOCK_ROWS)
    made: dict[str, Any] = {
        "SOURCEID_VISTA": _FIRST_ID + index,
        "Coadd_object_id_DES": 2**40 + random.integers(0, 2**38, BLOCK_ROWS),
        "SLAVEOBJID_WISE": _with_nulls(2**50 + random.integers(0, 2**48, BLOCK_ROWS), random),
        "ID_WISE": _names(random),
        "RA_DES": random.uniform(0, 360, BLOCK_ROWS),
        "DEC_DES": np.degrees(np.arcsin(random.uniform(-1, 1, BLOCK_ROWS))),
        **_photometry(random),
        **_classes(random),
        "Imputation_flag": pa.array(_IMPUTED).take(pa.array(random.integers(0, len(_IMPUTED), BLOCK_ROWS))),
        "Warning_flag": random.choice([0, 1, 2], BLOCK_ROWS, p=[0.8, 0.15, 0.05]).astype("i2"),
    }
    made[HEALPIX_COLUMN] = cells(made["RA_DES"], made["DEC_DES"])
    schema = arrow_schema(TABLE.columns)
    columns = [pa.array(made[field.name], field.type, from_pandas=False) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _photometry(random: np.random.Generator) -> dict[str, Any]:
    r_mag = 25.0 - random.gamma(2.0, 1.2, BLOCK_ROWS)
    made: dict[str, Any] = {}
    for band, (_, colour) in _BANDS.items():
        mag = r_mag + colour + random.normal(0, 0.3, BLOCK_ROWS)
        is_missing = random.random(BLOCK_ROWS) < _MISSING
        made[f"mag_auto_{band}_DES"] = pa.array(mag.astype("f4"), mask=is_missing)
        made[f"magerr_auto_{band}_DES"] = pa.array(_error(mag), mask=is_missing)
    psf = r_mag - 0.3 + random.normal(0, 0.1, BLOCK_ROWS)
    made["spread_model_i_DES"] = random.normal(0.002, 0.004, BLOCK_ROWS).astype("f4")
    made["spreaderr_model_i_DES"] = random.gamma(2.0, 0.001, BLOCK_ROWS).astype("f4")
    made["wavg_mag_psf_i_DES"] = _with_nulls(psf.astype("f4"), random)
    made["wavg_magerr_psf_i_DES"] = _with_nulls(_error(psf), random)
    return made


def _error(mag: Floats) -> NDArray[np.float32]:
    return (0.01 + 0.1 * 10 ** (0.3 * (mag - 24.0))).astype("f4")


def _classes(random: np.random.Generator) -> dict[str, Any]:
    truth = random.choice(len(CLASSES), BLOCK_ROWS, p=_SHARES)
    p, p_25 = (_probabilities(truth, random) for _ in range(2))
    names = pa.array(CLASSES)
    return {
        **{f"p_{name}": p[:, index] for index, name in enumerate(CLASSES)},
        "CLASS": names.take(pa.array(p.argmax(axis=1))),
        "CLASS_25": names.take(pa.array(p_25.argmax(axis=1))),
        "p_QSO_25": p_25[:, CLASSES.index("QSO")],
    }


def _probabilities(truth: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.float32]:
    """Return probabilities that sum to 1, shape (n, 3), most often highest for the true class."""
    weights = random.standard_gamma(0.25, (BLOCK_ROWS, len(CLASSES))) + 1e-6
    weights[np.arange(BLOCK_ROWS), truth] += random.standard_gamma(4.0, BLOCK_ROWS)
    probabilities: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype("f4")
    return probabilities


def _names(random: np.random.Generator) -> pa.Array:
    field, number = (pa.array(random.integers(0, top, BLOCK_ROWS)).cast(pa.string()) for top in (10_000, 100_000))
    names = pc.binary_join_element_wise(field, number, "_ac51-")
    return pc.if_else(pa.array(random.random(BLOCK_ROWS) < _MISSING), pa.scalar(None, pa.string()), names)


def _with_nulls(values: NDArray[Any], random: np.random.Generator) -> pa.Array:
    return pa.array(values, mask=random.random(BLOCK_ROWS) < _MISSING)
