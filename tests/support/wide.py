"""A wide table of any length, made batch by batch: 28 columns as a survey catalogue has them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from vo_server.factory import ProcessContext
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.release import Release
from vo_server.model.table import HEALPIX_COLUMN, Column, Position, Schema, Table
from vo_server.sky.healpix import cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.settings import Settings

__all__ = ["WIDE", "with_wide"]

_BANDS = ("u", "g", "r", "i", "z", "y", "j", "h", "ks", "w1", "w2")

WIDE = Table(
    schema="wide",
    name="objects",
    columns=(
        Column("id", DataType(Primitive.LONG), ucd="meta.id;meta.main"),
        Column("ra", DataType(Primitive.DOUBLE), unit="deg", ucd="pos.eq.ra;meta.main"),
        Column("dec", DataType(Primitive.DOUBLE), unit="deg", ucd="pos.eq.dec;meta.main"),
        Column("name", DataType(Primitive.CHAR, "*")),
        Column("flags", DataType(Primitive.SHORT)),
        *(Column(f"mag_{band}", DataType(Primitive.FLOAT), unit="mag") for band in _BANDS),
        *(Column(f"err_{band}", DataType(Primitive.FLOAT), unit="mag") for band in _BANDS),
        Column("p_star", DataType(Primitive.DOUBLE)),
        Column(HEALPIX_COLUMN, DataType(Primitive.LONG), is_hidden=True, is_indexed=True),
    ),
    position=Position("ra", "dec"),
)
"""28 columns that users see."""

_BATCH_ROWS = 100_000


def _batches(n_rows: int) -> Iterator[pa.RecordBatch]:
    random = np.random.default_rng(11)
    for first in range(0, n_rows, _BATCH_ROWS):
        n = min(_BATCH_ROWS, n_rows - first)
        ra, dec = random.uniform(0, 360, n), np.degrees(np.arcsin(random.uniform(-1, 1, n)))
        numbers = np.arange(first, first + n)
        columns = [
            pa.array(2**60 + numbers),
            pa.array(ra),
            pa.array(dec),
            pa.array(np.char.add("object ", numbers.astype(str))),
            pa.array((numbers % 1000).astype("i2")),
            *(pa.array(random.normal(18, 2, n).astype("f4"), mask=numbers % 7 == 0) for _ in _BANDS),
            *(pa.array(random.uniform(0, 1, n).astype("f4")) for _ in _BANDS),
            pa.array(random.uniform(0, 1, n)),
            pa.array(cells(ra, dec)),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=arrow_schema(WIDE.columns))


def with_wide(settings: Settings, n_rows: int) -> Settings:
    """Publish :data:`WIDE` with so many rows, and return the settings."""
    with closing(ProcessContext.create(settings)) as context:
        with context.engine.loader(WIDE, version="1") as loader:
            for batch in _batches(n_rows):
                loader.write(batch)
            report = loader.finish()
        released = replace(WIDE, release="1", location=report.location, n_rows=report.n_rows)
        context.store.catalogue.publish(Release(released, "1", datetime.now(UTC)), schema=Schema(WIDE.schema))
    return settings
