"""What a load needs to know about its table, whoever describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from vo_server.model.check import Check
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, Column, Schema, Table

__all__ = [
    "COMPUTED_DEC",
    "COMPUTED_RA",
    "Derivation",
    "DerivationKind",
    "DerivedColumn",
    "Description",
    "computed_columns",
    "healpix_column",
]

COMPUTED_RA: Final = "_ra_icrs"
COMPUTED_DEC: Final = "_dec_icrs"
"""Columns that are computed at load when a file has no ICRS positions in degrees."""


class DerivationKind(StrEnum):
    """How positions are computed from what a file has."""

    GALACTIC = "galactic"
    SEXAGESIMAL = "sexagesimal"


@dataclass(frozen=True)
class Derivation:
    """ICRS positions that are computed at load."""

    kind: DerivationKind
    lon: str
    """Published column with the Galactic longitude [deg] or the right ascension [hms]."""
    lat: str
    """Published column with the Galactic latitude [deg] or the declination [dms]."""


@dataclass(frozen=True)
class DerivedColumn:
    """A column that is computed where a file lacks it."""

    formula: str | None
    """One of :data:`vo_server.load.formulas.FORMULAS`; None for an element of an array."""
    inputs: tuple[str, ...]
    """Columns of the table, or else of the file."""
    element: int | None = None
    """Number of the element, from 1."""


@dataclass(frozen=True)
class Description:
    """Everything that a load needs to know about its table."""

    schema: Schema
    """What is said of the schema; without tables."""
    table: Table
    """With all columns that are stored, the computed and the hidden ones included."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Names in the files by column name, for columns that come from the files."""
    derivation: Derivation | None = None
    ignore_extra: bool = False
    is_inferred: bool = False
    """True when it was made from the files, False when it was given."""
    position_origin: str = "from the schema file"
    """What the choice of the position columns goes back to."""
    warnings: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    """Columns that a file may lack; their values are NULL then."""
    derived: Mapping[str, DerivedColumn] = field(default_factory=dict)
    """By the names of the columns."""
    checks: tuple[Check, ...] = ()
    """What must hold of the rows as a whole, besides the primary key."""

    def named(self, schema: str, table: str) -> Description:
        """Return the same description for a table of another name."""
        return replace(
            self,
            schema=replace(self.schema, name=schema),
            table=replace(self.table, schema=schema, name=table),
        )


def healpix_column(*, has_position: bool = True) -> Column:
    """Return the hidden column of a table with positions, or of one with shapes, which it is sorted by as well."""
    what = "position" if has_position else "middle of the shape"
    return Column(
        HEALPIX_COLUMN,
        DataType(Primitive.LONG),
        ucd="pos.healpix",
        description=f"HEALPix order-29 NESTED cell of the {what}",
        is_indexed=has_position,
        is_hidden=True,
    )


def computed_columns(derivation: Derivation) -> tuple[Column, Column]:
    """Return the columns of the positions that are computed at load, with what they were computed from."""
    origin = {
        DerivationKind.GALACTIC: f"from the Galactic coordinates {derivation.lon} and {derivation.lat}",
        DerivationKind.SEXAGESIMAL: f"from the sexagesimal texts {derivation.lon} and {derivation.lat}",
    }[derivation.kind]
    degrees = DataType(Primitive.DOUBLE)

    def column(name: str, ucd: str, what: str) -> Column:
        text = f"{what} (ICRS), computed {origin} when the table was loaded"
        return Column(name, degrees, unit="deg", ucd=f"{ucd};meta.main", description=text, is_principal=True)

    return column(COMPUTED_RA, "pos.eq.ra", "Right ascension"), column(COMPUTED_DEC, "pos.eq.dec", "Declination")
