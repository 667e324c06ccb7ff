"""Tables with positions of every kind, served by both engines, for tests that search them by place."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from pydantic import HttpUrl

from tests.support.server import make_settings
from tests.support.service import Service, publish, running
from tests.support.sky import oracle_separation_deg
from vo_server.factory import ProcessContext
from vo_server.model.datalink import RowLink
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.provenance import Link, Provenance
from vo_server.model.query import arrow_schema
from vo_server.model.table import HEALPIX_COLUMN, Column, Key, Position, Table
from vo_server.settings import RegistrySettings, ServerSettings, Settings
from vo_server.sky.healpix import cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["SKY", "cone_server", "expected_ids", "places", "registry_server"]

_LONG, _DOUBLE, _FLOAT, _TEXT = (
    DataType(Primitive.LONG),
    DataType(Primitive.DOUBLE),
    DataType(Primitive.FLOAT),
    DataType(Primitive.CHAR, "*"),
)
_RA = Column("ra", _DOUBLE, unit="deg", ucd="pos.eq.ra;meta.main", description="Right ascension", is_principal=True)
_DEC = Column("dec", _DOUBLE, unit="deg", ucd="pos.eq.dec;meta.main", description="Declination", is_principal=True)
_CELL = Column(HEALPIX_COLUMN, _LONG, is_hidden=True, is_indexed=True)

SKY = Table(
    "cone",
    "sky",
    (
        _RA,
        _DEC,
        Column("source_id", _LONG, ucd="meta.id;meta.main", description="Identifier"),
        Column("mag", _FLOAT, unit="mag", ucd="phot.mag", is_principal=True),
        Column("name", DataType(Primitive.UNICODE_CHAR, "*"), description="Name"),
        _CELL,
    ),
    description="A sky",
    primary_key=("source_id",),
    position=Position("ra", "dec", 2016.0),
    provenance=Provenance(
        creator=("Ångström, A.", "Doe, J."),
        citation="10.5281/zenodo.1234567",
        reference_url="https://example.org/sky",
        rights="Creative Commons Attribution 4.0",
        rights_uri="https://spdx.org/licenses/CC-BY-4.0.html",
        publication_date="2026-03-31",
        links=(Link("https://example.org/manual.pdf", "Manual", "doc", "application/pdf"),),
    ),
    row_links=(
        RowLink("https://example.org/cutout?ra={ra}&dec={dec}&name={name}", "#cutout", "Image around it", "image/fits"),
        RowLink("https://example.org/mag/{mag}", "#preview"),
    ),
)
"""A key of 64 bits, in the middle of the columns; ``name`` is not principal."""

_KEYLESS = Table(
    "cone",
    "keyless",
    (
        Column("size", _FLOAT),
        Column("RAJ2000", _FLOAT, unit="deg", ucd="pos.eq.ra;meta.main"),
        Column("DEJ2000", _FLOAT, unit="deg", ucd="pos.eq.dec;meta.main"),
        Column("id", _LONG),
        _CELL,
    ),
    position=Position("RAJ2000", "DEJ2000"),
)
"""No key, positions in single precision, a name that is reserved, and one that the answer would like to have."""

_PAIRS = Table(
    "cone",
    'od"d pairs',
    (Column("tile id", _TEXT), Column("number", _LONG), _RA, _DEC, _CELL),
    primary_key=("tile id", "number"),
    position=Position("ra", "dec"),
)
_POINTS = Table(
    "cone",
    "points",
    (Column("number", _LONG, ucd="meta.id;meta.main"), Column("pos", DataType(Primitive.DOUBLE, "2", "point")), _CELL),
    position=Position(point="pos"),
)
"""A column of points, and an identifier that is marked but no key."""

_PLAIN = Table(
    "cone",
    "measures",
    (Column("band", _TEXT), Column("source_id", _LONG), Column("flux", _DOUBLE)),
    primary_key=("band", "source_id"),
    keys=(Key("measures_fk", "cone.sky", (("source_id", "source_id"),)),),
)
"""Rows without positions that belong to those of :data:`SKY`."""


def places() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return positions all over the sky, and many around both poles and along RA 0."""
    random = np.random.default_rng(11)
    ra = [random.uniform(0, 360, 2_000), random.uniform(0, 360, 400), random.normal(0, 0.3, 400) % 360.0]
    high = 90 - np.abs(random.normal(0, 0.5, 400))
    dec = [
        np.degrees(np.arcsin(random.uniform(-1, 1, 2_000))),
        np.where(np.arange(400) % 2 == 0, high, -high),
        random.normal(10, 0.3, 400),
    ]
    exact = np.array([0.0, 123.0, 0.0, 45.0]), np.array([90.0, -90.0, 0.0, 45.0])
    return np.concatenate([*ra, exact[0]]), np.concatenate([*dec, exact[1]])


def expected_ids(ra_deg: float, dec_deg: float, radius_deg: float) -> set[str]:
    """Return the identifiers of the rows of :data:`SKY` in a cone, one by one."""
    ra, dec = places()
    inside = oracle_separation_deg(ra, dec, ra_deg, dec_deg) <= radius_deg
    return {str(2**60 + int(number)) for number in np.flatnonzero(inside)}


def _publish_all(settings: Settings) -> None:
    ra, dec = places()
    number, cell = np.arange(ra.size), pa.array(cells(ra, dec))
    single = ra.astype("f4"), dec.astype("f4")
    columns: dict[str, list[pa.Array]] = {
        SKY.name: [
            pa.array(ra),
            pa.array(dec),
            pa.array(2**60 + number),
            pa.array(number.astype("f4") / np.float32(10), mask=number % 5 == 0),
            pa.array([f"Å {one}" for one in number]),
            cell,
        ],
        _KEYLESS.name: [
            pa.array(number.astype("f4")),
            *map(pa.array, single),
            pa.array(number % 3),
            pa.array(cells(*(one.astype("f8") for one in single))),
        ],
        _PAIRS.name: [
            pa.array([f"T{one // 100}" for one in number]),
            pa.array(number % 100),
            pa.array(ra),
            pa.array(dec),
            cell,
        ],
        _POINTS.name: [pa.array(number), pa.array(np.stack([ra, dec], axis=1).tolist()), cell],
        _PLAIN.name: [pa.array(["g x", "r"] * (ra.size // 2)), pa.array(2**60 + number // 2), pa.array(ra)],
    }
    with closing(ProcessContext.create(settings)) as context:
        for table in (SKY, _KEYLESS, _PAIRS, _POINTS, _PLAIN):
            schema = arrow_schema(table.columns)
            arrays = [one.cast(kind.type) for one, kind in zip(columns[table.name], schema, strict=True)]
            publish(context, table, pa.Table.from_arrays(arrays, schema=schema))


_ENGINES = [pytest.param("duckdb"), pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="module", params=_ENGINES)
def cone_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve these tables from one engine after the other."""
    with _served(request, tmp_path_factory, {}) as service:
        yield service


@pytest.fixture(scope="module", params=_ENGINES)
def registry_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve them with all that records for the VO registry need, four of them in one answer."""
    server = ServerSettings(
        port=0,
        publisher="Example Observatory",
        contact="vo@example.org",
        ivoid="ivo://Example.org/TAP",
        public_url=HttpUrl("http://vo.example.org"),
        title="Tables of the Å sky",
    )
    with _served(
        request, tmp_path_factory, {"server": server, "registry": RegistrySettings(page_records=4)}
    ) as service:
        yield service


@contextmanager
def _served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, changes: dict[str, object]
) -> Iterator[Service]:
    results = tmp_path_factory.mktemp("results")
    if request.param == "duckdb":
        settings = make_settings(f"duckdb:///{tmp_path_factory.mktemp('data')}", results).model_copy(update=changes)
        _publish_all(settings)
        with running(settings) as service:
            yield service
        return
    dsn = request.getfixturevalue("postgres_dsn")
    settings = make_settings(dsn, results).model_copy(update=changes)
    try:
        _publish_all(settings)
        with running(settings) as service:
            yield service
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for schema in (settings.postgres.data_schema, settings.postgres.store_schema):
                connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())
