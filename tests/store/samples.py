"""Small catalogue entries for the tests of the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.release import Release, SourceFile
from vo_server.model.table import HEALPIX_COLUMN, Column, Key, Position, Schema, Table

CREATED = datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)

STARS = Table(
    "gaia",
    "Stars Of Å",
    columns=(
        Column("source_id", DataType(Primitive.LONG), ucd="meta.id;meta.main", is_nullable=False, is_indexed=True),
        Column("ra", DataType(Primitive.DOUBLE), unit="deg", ucd="pos.eq.ra;meta.main", is_principal=True),
        Column("dec", DataType(Primitive.DOUBLE), unit="deg", null_values=("NaN", "-999")),
        Column("size", DataType(Primitive.FLOAT), unit="Angstrom", description="λ in Å"),
        Column("name", DataType(Primitive.CHAR, "12*")),
        Column("code", DataType(Primitive.CHAR, "3")),
        Column("gmm", DataType(Primitive.FLOAT, "2x3"), element_names=("a", "b", "c")),
        Column("seen", DataType(Primitive.CHAR, "*", "timestamp")),
        Column("flags", DataType(Primitive.SHORT), flag_meanings=((1, "blended"), (2, "saturated"))),
        Column(HEALPIX_COLUMN, DataType(Primitive.LONG), is_hidden=True),
    ),
    description="Stars",
    primary_key=("source_id",),
    position=Position("ra", "dec", 2016.0),
    n_rows=3,
    index=2,
)
"""A table with everything that a description can hold, but foreign keys."""

NOTES = Table(
    "gaia",
    "notes",
    columns=(Column("source_id", DataType(Primitive.LONG)), Column("note", DataType(Primitive.UNICODE_CHAR, "*"))),
    keys=(Key("star", "gaia.Stars Of Å", (("source_id", "source_id"),), description="the star"),),
)

GAIA = Schema("gaia", description="The Gaia mission", title="Gaia", index=1)


def release(table: Table, version: str = "r1", *, location: str | None = None) -> Release:
    placed = replace(table, release=version, location=location or f"tables/{table.full_name}/{version}")
    source = SourceFile("stars.fits", 2880, "ab" * 32, 3, 1)
    return Release(placed, version, CREATED, (source,), "0.1.0+abc")


def table(schema: str = "s", name: str = "t", column: str = "x") -> Table:
    return Table(schema, name, (Column(column, DataType(Primitive.INT)),))
