"""Rows for the catalogues that are described, as their archives hand them out: made up, but with what is promised.

Every value depends on the number of its row and on a fixed seed. Sentinels and NaN are where NULL is to come.
"""

from __future__ import annotations

import base64
import io
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.table import Table

from ingest.spec import read_schema_file
from vo_server.model.datatype import Primitive
from vo_server.resources import schema_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.load.description import Description
    from vo_server.model.table import Column

__all__ = ["FORMATS", "described", "generated", "write_native"]

FORMATS: Final[dict[str, str]] = {
    **dict.fromkeys(("vexas.desw", "vexas.psw", "vexas.smw", "vexas.spec_good"), "fits"),
    **dict.fromkeys(("ls_psc.main", "ls_dr10.tractor", "ls_dr10.apflux", "legacysurvey.tractor_native"), "fits"),
    **dict.fromkeys(("jplus.MagABDualObj", "jplus.FLambdaDualObj", "jplus.FNuDualObj", "jplus.MWExtinction"), "fits"),
    **dict.fromkeys(("jplus.ClassBANNJOS", "jplus.xmatch_gaia_dr3", "jplus.xmatch_allwise"), "csv"),
    "jplus.xmatch_catwise2020": "csv",
    "dp1.Object": "parquet",
    **dict.fromkeys((f"compactsources.higal{band}" for band in (70, 160, 250, 350, 500)), "vot"),
    **dict.fromkeys((f"compactsources.{name}" for name in ("sed_view_final", "sed_models", "props_dist")), "vot"),
    **dict.fromkeys((f"compactsources.{name}" for name in ("instances", "mipsgaldao2", "msx21", "wise22")), "vot"),
    **dict.fromkeys(("filaments.filaments", "filaments.branches", "bubbles.bubbles"), "vot"),
    **dict.fromkeys(("caesar.islands", "caesar.components"), "csv"),
}
"""The format in which each described catalogue comes; the caveats of BANNJOS come with the project."""

GAP: Final = 50
"""Of so many rows, one has NULL in each column that may have it."""

_FIRST: Final = 1000
_AT_ONCE: Final = 57 * 1000
"""Rows; lines of base64 are made of 57 bytes."""

_DTYPES: Final[dict[Primitive, str]] = {
    Primitive.UNSIGNED_BYTE: "u1",
    Primitive.SHORT: "i2",
    Primitive.INT: "i4",
    Primitive.LONG: "i8",
    Primitive.FLOAT: "f4",
    Primitive.DOUBLE: "f8",
}

Columns = dict[str, Any]
"""Arrays by the names in the file."""


@cache
def described(name: str) -> Description:
    """Return the description of a table that comes with the project."""
    schema, _, table = name.partition(".")
    return read_schema_file(schema_file(schema)).describe(table)


def generated(name: str, n_rows: int) -> Columns:
    """Return the columns of a file of a catalogue, without those that are computed when it is loaded."""
    rng = np.random.default_rng(20_260)
    description = described(name)
    by_name = description.table.by_name
    columns: Columns = {
        source: _values(by_name[column], n_rows, place, rng)
        for place, (column, source) in enumerate(description.sources.items())
        if column not in description.derived
    }
    own = _OWN.get(name, _nothing)(n_rows, rng)
    taken = {key.lower() for key in own}
    columns = {key: values for key, values in columns.items() if key.lower() not in taken} | own
    return columns or {"id": np.arange(n_rows), "glon": rng.uniform(0, 360, n_rows), "glat": rng.uniform(-1, 1, n_rows)}


def write_native(name: str, folder: Path, columns: Columns) -> Path:
    """Write columns as a file of the format in which the catalogue comes."""
    kind = FORMATS[name]
    path = folder / f"{name}.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({key: _arrow(values) for key, values in columns.items()}), path)
        return path
    table = Table(columns)
    if kind == "fits":
        table.write(path, overwrite=True)
    elif kind == "csv":
        for key in table.colnames:
            if table[key].dtype.kind == "f":
                table[key].info.format = ".6f" if table[key].dtype.itemsize == 4 else ".10f"
        table.write(path, format="ascii.csv", overwrite=True)
    else:
        _write_votable(table, path)
    return path


def _write_votable(table: Table, path: Path) -> None:
    """Write a table of scalar columns: its first rows by astropy, which needs minutes for a million, all by numpy."""
    first = table[:_FIRST]
    written = io.BytesIO()
    first.write(written, format="votable", tabledata_format="binary2")
    head, stream, tail = re.split(rb"(?<=<STREAM encoding=\"base64\">)|(?=</STREAM>)", written.getvalue())
    assert base64.b64decode(stream) == _binary2(first)
    with path.open("wb") as file:
        file.write(head + b"\n")
        for start in range(0, len(table), _AT_ONCE):
            file.write(base64.encodebytes(_binary2(table[start : start + _AT_ONCE])))
        file.write(tail)


def _binary2(table: Table) -> bytes:
    """Return rows without NULL in the serialisation BINARY2."""
    # Texts are UTF-16 there, UCS-4 in numpy.
    columns = {
        key: values.view("u4").reshape(len(table), -1).astype(">u2") if values.dtype.kind == "U" else values
        for key, values in ((key, np.ascontiguousarray(table[key])) for key in table.colnames)
    }
    cells = [(key, values.dtype.newbyteorder(">").str, values.shape[1:]) for key, values in columns.items()]
    rows = np.zeros(len(table), [("flags of NULL", "u1", ((len(columns) + 7) // 8,)), *cells])
    for key, values in columns.items():
        rows[key] = values
    return rows.tobytes()


def _arrow(values: Any) -> pa.Array:
    return pa.array(list(values)) if values.ndim > 1 else pa.array(values, from_pandas=False)


def _values(column: Column, n_rows: int, place: int, rng: np.random.Generator) -> Any:
    datatype = column.datatype
    size = (n_rows, datatype.n_elements) if datatype.is_array and datatype.n_elements else n_rows
    if datatype.is_string:
        length = int((datatype.arraysize or "1").rstrip("*") or 8)
        return np.array([f"{place:02d}{row:06d}"[-length:] for row in range(n_rows)])
    if datatype.primitive is Primitive.BOOLEAN:
        return rng.integers(0, 2, size).astype(bool)
    dtype = _DTYPES[datatype.primitive]
    if dtype[0] != "f":
        codes = [code for code, _ in column.flag_meanings] or [0, 1, 2, 3]
        return rng.choice(codes, size).astype(dtype)
    values = rng.uniform(0.1, 0.9, size).astype(dtype)
    if column.is_nullable:
        mark = next((float(text) for text in column.null_values if text != "NaN"), np.nan)
        values[(np.arange(n_rows) + place) % GAP == 0] = mark
    return values


def _nothing(n_rows: int, rng: np.random.Generator) -> Columns:
    return {}


def _places(n_rows: int, rng: np.random.Generator, names: tuple[str, str], box: tuple[float, ...]) -> Columns:
    """Return positions in a box of (lowest, highest) RA and Dec [deg]."""
    return {names[0]: rng.uniform(box[0], box[1], n_rows), names[1]: rng.uniform(box[2], box[3], n_rows)}


_SOURCE_IDS: Final = 472_000_000_000_000


def _vexas(survey: str, suffixes: tuple[str, ...] = ("",)) -> Callable[[int, np.random.Generator], Columns]:
    def make(n_rows: int, rng: np.random.Generator) -> Columns:
        names = np.array(["STAR", "QSO", "GALAXY"])
        made = _places(n_rows, rng, (f"RA_{survey}", f"DEC_{survey}"), (0.0, 100.0, -65.0, -20.0))
        made["SOURCEID_VISTA"] = _SOURCE_IDS + np.arange(n_rows)
        made["SLAVEOBJID_WISE"] = np.arange(n_rows)
        for suffix in suffixes:
            probabilities = rng.dirichlet((0.2, 0.2, 0.2), n_rows)
            for column, name in enumerate(names):
                made[f"p_{name}{suffix}"] = probabilities[:, column].astype("f4")
            made[f"CLASS{suffix}"] = names[probabilities.argmax(axis=1)]
        return made

    return make


def _spec_good(n_rows: int, rng: np.random.Generator) -> Columns:
    made = _places(n_rows, rng, ("RA_spec", "DEC_spec"), (0.0, 100.0, -65.0, -20.0))
    made["SOURCEID_VISTA"] = _SOURCE_IDS + np.arange(n_rows)
    made["CLASS_Spec"] = rng.choice(["STAR", "QSO", "GALAXY"], n_rows)
    made["Separation-VISTA-SPEC"] = rng.uniform(0, 1.5, n_rows).astype("f4")
    return made


_TILES: Final = np.array([103930, 95100, 90001, 90002, 90003, 90004, 90005, 90006, 90007, 90008])


def _objects(n_rows: int) -> Columns:
    return {"TILE_ID": _TILES[np.arange(n_rows) % 10].astype("i4"), "NUMBER": np.arange(n_rows, dtype="i4")}


def _jplus(n_rows: int, rng: np.random.Generator) -> Columns:
    return _objects(n_rows) | _places(n_rows, rng, ("ALPHA_J2000", "DELTA_J2000"), (0.0, 360.0, -5.0, 75.0))


def _jplus_joined(n_rows: int, rng: np.random.Generator) -> Columns:
    return _objects(n_rows)


def _bannjos(n_rows: int, rng: np.random.Generator) -> Columns:
    made = _objects(n_rows)
    winner = np.arange(n_rows) % 3
    for place, name in enumerate(("GALAXY", "QSO", "STAR")):
        low, high = np.where(winner == place, 0.4, 0.0), np.where(winner == place, 1.0, 0.3)
        sorted_draws = np.sort(rng.uniform(low, high, (5, n_rows)), axis=0)
        for percentile, values in zip(("02", "16", "50", "84", "98"), sorted_draws, strict=True):
            made[f"CLASS_{name}_prob_pc{percentile}"] = values.round(6)
    weights = rng.dirichlet((1, 1, 1), n_rows).round(6)
    for number in (1, 2, 3):
        made[f"comp{number}_weight"] = weights[:, number - 1]
        spread = rng.uniform(0, 0.05, (2, n_rows))
        lean = rng.uniform(-1, 1, n_rows)
        for term, values in zip(("11", "22"), spread, strict=True):
            made[f"comp{number}_cov_{term}"] = values.round(6)
        made[f"comp{number}_cov_12"] = (lean * np.sqrt(spread[0] * spread[1])).round(6)
    for pair in ("GALAXY_CLASS_QSO", "GALAXY_CLASS_STAR", "QSO_CLASS_STAR"):
        values = rng.uniform(-1, 1, n_rows).round(6)
        values[::GAP] = -99
        made[f"CLASS_{pair}_prob_corr"] = values
    return made


def _ls_identity(n_rows: int) -> Columns:
    rows = np.arange(n_rows)
    return {
        "RELEASE": np.array([10000, 10002, 9010, 9011])[rows % 4].astype("i2"),
        "BRICKID": (339_610 + rows // 1000).astype("i4"),
        "OBJID": rows.astype("i4"),
    }


def packed(made: Columns) -> Any:
    """Return the identifiers of the Legacy Surveys."""
    release, brick, number = (made[name].astype("i8") for name in ("RELEASE", "BRICKID", "OBJID"))
    return release * 2**40 + brick * 2**20 + number


def _ls_places(n_rows: int, rng: np.random.Generator) -> Columns:
    """Return positions, the first hundred within 30 arcsec of where a broker asks, the north in the north."""
    made = _places(n_rows, rng, ("ra", "dec"), (0.0, 360.0, 33.0, 80.0))
    is_south = np.arange(n_rows) % 4 != 3
    made["dec"][is_south] -= 60.0
    near = np.flatnonzero(is_south)[:100]
    made["ra"][near] = 150.1 + rng.uniform(-0.005, 0.005, len(near))
    made["dec"][near] = 2.2 + rng.uniform(-0.005, 0.005, len(near))
    return made


def _ls_psc(n_rows: int, rng: np.random.Generator) -> Columns:
    made = {"ls_id": packed(_ls_identity(n_rows))} | _ls_places(n_rows, rng)
    made["score"] = rng.uniform(0, 2, n_rows).astype("f4")
    return made


def _as_sweep(columns: Columns) -> Columns:
    return {name.upper(): values for name, values in columns.items()}


def _tractor(n_rows: int, rng: np.random.Generator) -> Columns:
    made = _ls_identity(n_rows) | {"DCHISQ": rng.uniform(0, 500, (n_rows, 5)).astype("f4")}
    made |= {"type": rng.choice(["PSF", "REX", "EXP", "DEV", "SER", "DUP"], n_rows)}
    made |= _ls_places(n_rows, rng)
    for band in "griz":
        flux = rng.normal(1.0, 1.0, n_rows).astype("f4")
        if band == "i":
            flux[made["RELEASE"] == 9011] = -9999
        made[f"flux_{band}"] = flux
        made[f"flux_ivar_{band}"] = np.where(flux == -9999, -9999, rng.uniform(0, 50, n_rows)).astype("f4")
        made[f"mw_transmission_{band}"] = rng.uniform(0.5, 1, n_rows).astype("f4")
    return made


def _apflux(n_rows: int, rng: np.random.Generator) -> Columns:
    made = _ls_identity(n_rows)
    for band in "griz":
        made[f"APFLUX_{band.upper()}"] = rng.normal(1, 1, (n_rows, 8)).astype("f4")
        made[f"APFLUX_IVAR_{band.upper()}"] = rng.uniform(0, 50, (n_rows, 8)).astype("f4")
    return made


def _tractor_native(n_rows: int, rng: np.random.Generator) -> Columns:
    identity = _ls_identity(n_rows)
    lower = {name.lower(): values for name, values in identity.items()}
    return lower | _ls_places(n_rows, rng) | {"psfsize_g": rng.uniform(1, 2, n_rows).astype("f4")}


def _dp1(n_rows: int, rng: np.random.Generator) -> Columns:
    made = _places(n_rows, rng, ("coord_ra", "coord_dec"), (52.5, 53.8, -28.7, -27.5))
    made["objectId"] = 611_250_000_000_000_000 + np.arange(n_rows)
    made["refExtendedness"] = rng.integers(0, 2, n_rows).astype("f4")
    made["refBand"] = rng.choice(list("ugrizy"), n_rows)
    for band in "ugrizy":
        values = rng.uniform(16, 27, n_rows).astype("f4")
        values[::GAP] = np.nan
        made[f"{band}_psfMag"] = values
        made[f"{band}_psfFlux_flag"] = np.arange(n_rows) % 10 == 0
    return made | {"shape_xx": rng.uniform(0, 1, n_rows).astype("f4")}


def _galactic(lon: str, lat: str) -> Callable[[int, np.random.Generator], Columns]:
    def make(n_rows: int, rng: np.random.Generator) -> Columns:
        return _places(n_rows, rng, (lon, lat), (8.0, 12.0, -1.0, 1.0))

    return make


def _higal(n_rows: int, rng: np.random.Generator) -> Columns:
    return _galactic("GLON", "GLAT")(n_rows, rng) | _places(n_rows, rng, ("RA", "DEC"), (265.0, 285.0, -30.0, -10.0))


def _sed_view(n_rows: int, rng: np.random.Generator) -> Columns:
    distance = rng.uniform(0.5, 15, n_rows).astype("f4")
    distance[::GAP] = -9999
    absent = np.where(np.arange(n_rows) % 3 == 0, "missing", "BGPS")
    return _galactic("glonft", "glatft")(n_rows, rng) | {"distance": distance, "designation1100": absent}


def _sed_models(n_rows: int, rng: np.random.Generator) -> Columns:
    return {"id": np.arange(n_rows, dtype="i4"), "clump_mass": rng.uniform(1, 1000, n_rows).astype("f4")}


def _filaments(n_rows: int, rng: np.random.Generator) -> Columns:
    return _galactic("glon", "glat")(n_rows, rng) | {"idfil_mos": np.arange(n_rows, dtype="i4")}


def _caesar(n_rows: int, rng: np.random.Generator) -> Columns:
    made = _places(n_rows, rng, ("x_wcs", "y_wcs"), (50.0, 70.0, 60.0, 70.0))
    made["beamArea"] = np.full(n_rows, 12.5)
    made["morphId"] = rng.integers(0, 6, n_rows).astype("i4")
    made["sourcenessId"] = rng.integers(1, 4, n_rows).astype("i4")
    return made


def _caesar_components(n_rows: int, rng: np.random.Generator) -> Columns:
    made = _caesar(n_rows, rng)
    made["componentId"] = np.arange(n_rows, dtype="i4")
    made["a_wcs"] = rng.uniform(20, 40, n_rows)
    made["b_wcs"] = rng.uniform(5, 20, n_rows)
    made["theta_wcs"] = rng.uniform(0, 180, n_rows)
    return made


_OWN: Final[dict[str, Callable[[int, np.random.Generator], Columns]]] = {
    "vexas.desw": _vexas("DES"),
    "vexas.psw": _vexas("PS"),
    "vexas.smw": _vexas("SM", ("", "_25")),
    "vexas.spec_good": _spec_good,
    "jplus.ClassBANNJOS": _bannjos,
    "jplus.MagABDualObj": _jplus,
    "jplus.FLambdaDualObj": _jplus,
    **dict.fromkeys(
        ("jplus.FNuDualObj", "jplus.MWExtinction", "jplus.xmatch_gaia_dr3", "jplus.xmatch_allwise"), _jplus_joined
    ),
    "jplus.xmatch_catwise2020": _jplus_joined,
    "ls_psc.main": _ls_psc,
    "ls_dr10.tractor": lambda n_rows, rng: _as_sweep(_tractor(n_rows, rng)),
    "ls_dr10.apflux": _apflux,
    "legacysurvey.tractor_native": _tractor_native,
    "dp1.Object": _dp1,
    **{f"compactsources.higal{band}": _higal for band in (70, 160, 250, 350, 500)},
    "compactsources.sed_view_final": _sed_view,
    "compactsources.sed_models": _sed_models,
    "compactsources.props_dist": _galactic("glon", "glat"),
    "filaments.filaments": _filaments,
    "filaments.branches": _filaments,
    "caesar.islands": _caesar,
    "caesar.components": _caesar_components,
}
"""What the rows of each catalogue have of their own."""
