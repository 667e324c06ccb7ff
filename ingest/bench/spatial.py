"""How fast every spelling of a cone, an area or a match is, beside the plain form of its family."""

from __future__ import annotations

import secrets
import statistics
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from ingest.bench.spellings import AREAS, CONES, MATCHES, values
from vo_server.adql.front import compile_query
from vo_server.engine.open import open_engine
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import HEALPIX_COLUMN, Catalogue, Column, Position, Schema, Table
from vo_server.sky.healpix import cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vo_server.engine.base import Engine

__all__ = ["SpellingRow", "measure", "on_sky"]

_SEED: Final = 20_260_301
_BLOCK_ROWS: Final = 100_000
_N_MATCHES: Final = 1_000
_RADIUS_DEG: Final = 0.1
_MATCH_DEG: Final = 1 / 3600
_PLAIN: Final = {"cone": "1 = CONTAINS", "area": "POLYGON", "match": "DISTANCE of numbers"}
"""The form of each family that the others are compared with."""

_LONG: Final = DataType(Primitive.LONG)
_DOUBLE: Final = DataType(Primitive.DOUBLE)
_CELL: Final = Column(HEALPIX_COLUMN, _LONG, is_hidden=True)


def _table(name: str, key: str, ra: str, dec: str) -> Table:
    columns = (Column(key, _LONG), Column(ra, _DOUBLE), Column(dec, _DOUBLE), Column("id", _LONG), _CELL)
    return Table("bench_sky", name, columns, position=Position(ra, dec))


_OBJECTS: Final = _table("objects", "number", "ra", "dec")
_MATCHES: Final = _table("matches", "match_id", "RAJ2000", "DEJ2000")


@dataclass(frozen=True)
class SpellingRow:
    """What one spelling took."""

    family: str
    spelling: str
    median_ms: float
    ratio: float
    """Median of the ratios to the plain form, measured in turn."""


def _places(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(_SEED)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


def _load(engine: Engine, table: Table, ra: NDArray[np.float64], dec: NDArray[np.float64], version: str) -> Table:
    with engine.loader(table, version=version) as loader:
        for start in range(0, len(ra), _BLOCK_ROWS):
            part = slice(start, start + _BLOCK_ROWS)
            numbers = np.arange(start, start + len(ra[part]))
            arrays = [pa.array(one) for one in (numbers, ra[part], dec[part], numbers, cells(ra[part], dec[part]))]
            loader.write(pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(table.columns)))
        report = loader.finish()
    return replace(table, location=report.location, n_rows=report.n_rows)


@contextmanager
def on_sky(database_url: str, n_rows: int) -> Iterator[tuple[Engine, Catalogue]]:
    """Load a made-up sky, and a table of places near some of its objects; they go when the block ends.

    Parameters
    ----------
    database_url
        Where the tables are made.
    n_rows
        Rows of the large table.
    """
    version = f"bench{secrets.token_hex(4)}"
    ra, dec = _places(n_rows)
    chosen = np.random.default_rng(_SEED + 1).choice(n_rows, min(_N_MATCHES, n_rows), replace=False)
    near = np.clip(dec[chosen] + 1e-5, -90, 90)
    loaded: list[Table] = []
    with closing(open_engine(database_url, data_schema="vo_bench")) as engine:
        try:
            loaded.append(_load(engine, _OBJECTS, ra, dec, version))
            loaded.append(_load(engine, _MATCHES, ra[chosen], near, version))
            yield engine, Catalogue((Schema("bench_sky", tuple(loaded)),))
        finally:
            for table in loaded:
                assert table.location is not None
                engine.drop(table.location)


def _queries(rng: np.random.Generator) -> Iterator[tuple[str, str, str]]:
    """Yield family, spelling and query of each spelling, all of them around one random place."""
    lon, lat = float(rng.uniform(1, 359)), float(np.degrees(np.arcsin(rng.uniform(-0.99, 0.99))))
    here = values(lon, lat, _RADIUS_DEG)
    for family, spellings in (("cone", CONES), ("area", AREAS)):
        for name, text in spellings.items():
            yield family, name, f"SELECT id, ra, dec FROM bench_sky.objects WHERE {text.format(**here)}"
    names = {"m": "bench_sky.matches AS m", "o": "bench_sky.objects AS o", "matches": "bench_sky.matches"}
    match = values(lon, lat, _MATCH_DEG) | names
    for name, text in MATCHES.items():
        yield "match", name, f"SELECT m.match_id, o.number FROM {text.format(**match)}"


def _timed_ms(engine: Engine, catalogue: Catalogue, adql: str) -> float:
    start = time.perf_counter()
    with closing(engine.run(compile_query(adql, catalogue), limit=None, timeout_s=600.0)) as rows:
        for _ in rows:
            pass
    return (time.perf_counter() - start) * 1e3


def measure(engine: Engine, catalogue: Catalogue, *, repeat: int) -> list[SpellingRow]:
    """Run every spelling at some places, each beside the plain form of its family at the same place.

    Parameters
    ----------
    engine
        As :func:`on_sky` gives it.
    catalogue
        As :func:`on_sky` gives it.
    repeat
        Places.
    """
    rng = np.random.default_rng(_SEED + 2)
    times: dict[tuple[str, str], list[float]] = {}
    ratios: dict[tuple[str, str], list[float]] = {}
    for turn in range(repeat + 1):
        queries = list(_queries(rng))
        plain = {(family, name): query for family, name, query in queries}
        for family, name, query in queries:
            beside_ms = _timed_ms(engine, catalogue, plain[family, _PLAIN[family]])
            taken_ms = _timed_ms(engine, catalogue, query)
            if turn:  # the first turn warms up
                times.setdefault((family, name), []).append(taken_ms)
                ratios.setdefault((family, name), []).append(taken_ms / beside_ms)
    return [
        SpellingRow(family, name, statistics.median(taken), statistics.median(ratios[family, name]))
        for (family, name), taken in times.items()
    ]
