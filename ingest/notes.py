"""The models of a catalogue's YAML: Felis, with one ``vo:`` mapping per object for what Felis has no place for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from felis import datamodel as felis
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ingest.origin import ProvenanceNotes
from vo_server.load.formulas import FORMULAS
from vo_server.model.check import Action
from vo_server.model.datalink import CORE_SEMANTICS, placeholders

__all__ = [
    "CheckNotes",
    "ColumnNotes",
    "DerivedNotes",
    "ForeignKeyNotes",
    "PairNotes",
    "PositionNotes",
    "RowLinkNotes",
    "SchemaNotes",
    "TableNotes",
    "VoColumn",
    "VoSchema",
    "VoTable",
]


class _Notes(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PositionNotes(_Notes):
    """``vo: position:`` of a table: two columns of numbers, or one of points."""

    ra: str | None = None
    dec: str | None = None
    point: str | None = None
    epoch: float | None = None

    @model_validator(mode="after")
    def is_one_place(self) -> Self:
        """Demand both numbers or the point."""
        given = (self.ra is not None, self.dec is not None, self.point is not None)
        if given not in {(True, True, False), (False, False, True)}:
            raise ValueError("position must name the columns ra and dec, or the column point")
        return self


class PairNotes(_Notes):
    """``vo: galactic:`` or ``vo: sexagesimal:`` of a table: the two columns that positions are computed from."""

    lon: str
    lat: str


class ForeignKeyNotes(_Notes):
    """One of ``vo: foreign_keys:`` of a table: a key to a table that another file describes."""

    name: str
    target: str
    """Full name ``schema.table``."""
    columns: dict[str, str] = Field(min_length=1)
    """Columns of the target by those of this table."""
    description: str | None = None

    @field_validator("target")
    @classmethod
    def is_full_name(cls, target: str) -> str:
        """Demand the name of a schema before that of the table."""
        schema, _, table = target.partition(".")
        if not schema or not table or "." in table:
            raise ValueError(f"{target!r} is not a full name; write schema.table")
        return target


class RowLinkNotes(_Notes):
    """One of ``vo: row_links:`` of a table: where something about each of its rows is found."""

    template: str
    """URL with ``{column}`` for values of the row."""
    semantics: str = "#auxiliary"
    description: str | None = None
    type: str | None = None
    """Media type."""

    @field_validator("template")
    @classmethod
    def is_template(cls, template: str) -> str:
        """Demand a URL, and a column in it: without one it is a link of the table."""
        parts = urlsplit(template)
        if parts.scheme not in {"http", "https"} or not parts.netloc or any(one.isspace() for one in template):
            raise ValueError(f"{template!r} is not a URL; expected https://... with {{column}} in it")
        if not placeholders(template):
            raise ValueError(
                f"{template!r} names no column; write {{column}} where the value of a row shall be, or list the link "
                "under provenance: links"
            )
        return template

    @field_validator("semantics")
    @classmethod
    def is_term(cls, semantics: str) -> str:
        """Demand a term of the vocabulary, or the URI of another one's."""
        if semantics not in CORE_SEMANTICS and "://" not in semantics:
            raise ValueError(f"{semantics!r} is not one of {', '.join(sorted(CORE_SEMANTICS))}, and no URI of a term")
        return semantics


_CHECK_NAME: Final = r"[a-z][a-z0-9_]*"


class CheckNotes(_Notes):
    """One of ``vo: checks:`` of a table: what must hold of its rows before they are published."""

    name: str = Field(pattern=f"^{_CHECK_NAME}$")
    """In small letters, unique in the table; messages name it."""
    holds: str | None = None
    """A condition in ADQL that every row fulfils."""
    null: Literal["good", "bad"] = "good"
    """What rows are for which the condition is neither true nor false."""
    unique: tuple[str, ...] = ()
    """Columns in which no two rows are the same; NULL is the same as NULL."""
    n_rows: int | None = Field(default=None, ge=0)
    """Rows of a complete release; looked at only when a load says that it is complete."""
    action: Action = Action.FAIL
    tolerated_rows: int = Field(default=0, ge=0)
    tolerated_fraction: float = Field(default=0.0, ge=0.0, le=1.0)
    description: str | None = None
    """Why it must hold."""

    @model_validator(mode="after")
    def says_one_thing(self) -> Self:
        """Demand exactly one of the three kinds."""
        if (self.holds is not None) + bool(self.unique) + (self.n_rows is not None) != 1:
            raise ValueError(f"the check {self.name} must have one of holds, unique and n_rows")
        return self


class SchemaNotes(_Notes):
    """``vo:`` of a schema."""

    title: str | None = None
    provenance: ProvenanceNotes | None = None
    """Of all tables, unless they say otherwise."""


class TableNotes(_Notes):
    """``vo:`` of a table."""

    title: str | None = None
    provenance: ProvenanceNotes | None = None
    position: PositionNotes | None = None
    galactic: PairNotes | None = None
    sexagesimal: PairNotes | None = None
    foreign_keys: tuple[ForeignKeyNotes, ...] = ()
    row_links: tuple[RowLinkNotes, ...] = ()
    checks: tuple[CheckNotes, ...] = ()
    ignore_extra: bool = False
    """Whether columns of the files that are not described are left out without complaint."""
    take_extra: bool = False
    """Whether columns of the files that are not described are taken as the files describe them."""

    @model_validator(mode="after")
    def does_one_thing_with_extra(self) -> Self:
        """Refuse to leave out and to take what is not described."""
        if self.ignore_extra and self.take_extra:
            raise ValueError("ignore_extra leaves out columns that are not described and take_extra takes them")
        return self


class DerivedNotes(_Notes):
    """``vo: derived:`` of a column: how it is computed where a file lacks it."""

    formula: str | None = None
    """One of :data:`vo_server.load.formulas.FORMULAS`."""
    element: int | None = Field(default=None, ge=1)
    """The number of an element, from 1, of the array that is the only input."""
    inputs: tuple[str, ...] = Field(alias="from", min_length=1)
    """Columns of the table or of the files."""

    @model_validator(mode="after")
    def is_known(self) -> Self:
        """Demand a formula that there is, with as many inputs as it has, or an element of one array."""
        if (self.formula is None) == (self.element is None):
            raise ValueError("derived has a formula, or the number of an element")
        if self.formula is None:
            wanted = 1
        elif self.formula in FORMULAS:
            wanted = len(FORMULAS[self.formula].inputs)
        else:
            raise ValueError(f"there is no formula {self.formula!r}; the formulas are {', '.join(sorted(FORMULAS))}")
        if len(self.inputs) != wanted:
            raise ValueError(
                f"{self.formula or 'an element'} is computed from {wanted} columns, not {len(self.inputs)}"
            )
        return self


class ColumnNotes(_Notes):
    """``vo:`` of a column."""

    null_values: tuple[str, ...] | None = None
    """Values that mean NULL; ``NaN`` alone for floating-point columns when not given."""
    hidden: bool = False
    element_names: tuple[str, ...] = ()
    """Names of the elements of an array, as queries use them in brackets."""
    flag_meanings: dict[int, str] = Field(default_factory=dict)
    """Codes and what each means."""
    flag_bits: dict[int, str] = Field(default_factory=dict)
    """Numbers of bits, from 0, and what each means."""
    aliases: tuple[str, ...] = ()
    """Other names that queries and files may use, such as misprints of a paper."""
    optional: bool = False
    """Whether a file may lack the column, whose values are NULL then."""
    derived: DerivedNotes | None = None
    source: str | None = None
    """Name of the column in the files, when it is published under another one."""
    unit: str | None = None
    """A unit that VOUnits allows and Felis does not, such as ``log(cm.s**-2)`` or ``'electron'.s**-1``."""

    @field_validator("null_values", mode="before")
    @classmethod
    def as_texts(cls, values: object) -> object:
        """Take numbers as well as texts."""
        if not isinstance(values, list):
            return values
        return tuple("NaN" if value != value else str(value) for value in values)  # noqa: PLR0124 - NaN


class VoColumn(felis.Column):
    """A Felis column with our notes."""

    vo: ColumnNotes | None = None


class VoTable(felis.Table):
    """A Felis table with our notes."""

    columns: list[VoColumn] = Field(default_factory=list)  # type: ignore[assignment]  # narrower; never written to
    vo: TableNotes | None = None


class VoSchema(felis.Schema):  # type: ignore[type-arg]  # its type variable is used nowhere
    """A Felis schema with our notes."""

    tables: Sequence[VoTable]
    vo: SchemaNotes | None = None
