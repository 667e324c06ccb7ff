"""A small catalogue with every kind of column."""

from __future__ import annotations

from pathlib import Path

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, Catalogue, Column, Position, Schema, Table

CORPUS = Path(__file__).parent / "corpus"

TEXT = DataType(Primitive.CHAR, "*")
DOUBLE = DataType(Primitive.DOUBLE)
LONG = DataType(Primitive.LONG)

STARS = Table(
    "sky",
    "stars",
    (
        Column("id", LONG, ucd="meta.id;meta.main", description="Identifier"),
        Column("ra", DOUBLE, unit="deg", ucd="pos.eq.ra;meta.main", description="Right ascension"),
        Column("dec", DOUBLE, unit="deg", ucd="pos.eq.dec;meta.main", description="Declination"),
        Column("mag", DataType(Primitive.FLOAT), unit="mag", ucd="phot.mag;em.opt.R"),
        Column("name", TEXT, ucd="meta.id"),
        Column("native", DataType(Primitive.UNICODE_CHAR, "*")),
        Column("size", DataType(Primitive.INT)),
        Column("small", DataType(Primitive.SHORT)),
        Column("byte", DataType(Primitive.UNSIGNED_BYTE)),
        Column("is_variable", DataType(Primitive.BOOLEAN)),
        Column("mags", DataType(Primitive.FLOAT, "3"), unit="mag", ucd="phot.mag", element_names=("g", "r", "i")),
        Column("observed", DataType(Primitive.CHAR, "*", "timestamp")),
        Column("position", DataType(Primitive.DOUBLE, "2", "point"), unit="deg"),
        Column("Teff", DOUBLE, unit="K", aliases=("Tefff", "T/K")),
        Column("Dist-VISTA", DOUBLE, unit="arcsec"),
        Column(HEALPIX_COLUMN, LONG, is_hidden=True),
    ),
    position=Position("ra", "dec"),
)
MATCHES = Table(
    "sky",
    "matches",
    (
        Column("id", DataType(Primitive.INT)),
        Column("other_id", LONG),
        Column("dist", DOUBLE, unit="arcsec"),
        Column("teff", DOUBLE),
    ),
)
QUASARS = Table("deep", "quasars", (Column("id", LONG), Column("z", DOUBLE), Column("A", LONG), Column("a", LONG)))
OTHER_STARS = Table("deep", "stars", (Column("id", LONG), Column("flux", DOUBLE)))

CATALOGUE = Catalogue((Schema("sky", (STARS, MATCHES)), Schema("deep", (QUASARS, OTHER_STARS))))


def corpus(name: str) -> list[str]:
    """Return the queries of a file."""
    lines = (CORPUS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]
