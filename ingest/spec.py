"""The model of a catalogue's YAML: Felis, with one ``vo:`` mapping per object for what Felis has no place for.

Without its ``vo:`` mappings a file is plain Felis. Compiling turns a checked file into the values that the house uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

import yaml
from felis import datamodel as felis
from felis.types import FelisType
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ingest.origin import ProvenanceNotes, provenance_of
from vo_server.errors import SchemaFileError
from vo_server.load.description import (
    COMPUTED_DEC,
    COMPUTED_RA,
    Derivation,
    DerivationKind,
    Description,
    computed_columns,
    healpix_column,
)
from vo_server.load.shapes import is_outline, main_shape, shape_type
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, Column, Key, Position, Schema, Table

__all__ = ["SchemaFile", "parse_schema", "read_schema_file"]

_TYPES: Final = frozenset(kind.value for kind in felis.DataType)


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
    ignore_extra: bool = False
    """Whether columns of the files that are not described are left out without complaint."""


class ColumnNotes(_Notes):
    """``vo:`` of a column."""

    null_values: tuple[str, ...] | None = None
    """Values that mean NULL; ``NaN`` alone for floating-point columns when not given."""
    hidden: bool = False
    element_names: tuple[str, ...] = ()
    flag_meanings: dict[int, str] = Field(default_factory=dict)
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


class SchemaFile:
    """A checked Felis file.

    Parameters
    ----------
    schema
        What is in it.
    file
        Its name, for messages.
    """

    def __init__(self, schema: VoSchema, file: str) -> None:
        self.schema = schema
        self.file = file

    def describe(self, table_name: str) -> Description:
        """Compile the description of a table.

        Parameters
        ----------
        table_name
            Name in the file; in a file of one table any name will do, and the table takes it.

        Raises
        ------
        SchemaFileError
            If there is no such table, or its notes name columns that it does not have.
        """
        tables = {table.name: table for table in self.schema.tables}
        chosen = tables.get(table_name) or (next(iter(tables.values())) if len(tables) == 1 else None)
        if chosen is None:
            raise SchemaFileError(
                f"no table {table_name!r} is described; the tables are {', '.join(tables)}", file=self.file
            )
        return _Compiler(self, chosen).compile().named(str(self.schema.name), table_name)


def read_schema_file(path: str | Path) -> SchemaFile:
    """Read and check a Felis file.

    Raises
    ------
    SchemaFileError
        If it cannot be read, is not YAML, or breaks the rules of Felis or of our notes.
    """
    name = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
        raw = yaml.safe_load(text)
    except OSError as error:
        raise SchemaFileError(f"cannot be read: {error.strerror}", file=name) from error
    except UnicodeDecodeError as error:
        raise SchemaFileError("is not YAML: its text is not UTF-8", file=name) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = None if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"
        raise SchemaFileError(f"is not YAML: {error.problem or error.context}", file=name, where=where) from error
    except yaml.YAMLError as error:
        raise SchemaFileError(f"is not YAML: {' '.join(str(error).split())}", file=name) from error
    return parse_schema(raw, file=name)


def parse_schema(raw: object, *, file: str) -> SchemaFile:
    """Check what was read from a Felis file.

    Raises
    ------
    SchemaFileError
        If it breaks the rules of Felis or of our notes.
    """
    if not isinstance(raw, dict):
        raise SchemaFileError("is not a Felis schema: it must be a mapping with name and tables", file=file)
    try:
        schema = VoSchema.model_validate(raw, context={"id_generation": True})
    except ValidationError as error:
        first = error.errors()[0]
        more = "" if error.error_count() == 1 else f" (and {error.error_count() - 1} more)"
        reason = str(first["msg"]).removeprefix("Value error, ")
        # Behind the first sentences, astropy tells programmers how to define units.
        reason = re.split(r"\s*(?:If this is meant to be|For details, see)", reason)[0]
        if first["type"] == "extra_forbidden":
            reason = f"the key {first['loc'][-1]!r} is not known here"
        raise SchemaFileError(reason + more, file=file, where=_place(first["loc"], raw)) from error
    except (TypeError, KeyError) as error:
        # Felis looks at raw values before it has checked that they are there.
        reason, where = _raw_fault(raw) or (f"is not valid Felis: {error}", None)
        raise SchemaFileError(reason, file=file, where=where) from error
    return SchemaFile(schema, file)


def _raw_fault(raw: Mapping[str, Any]) -> tuple[str, str] | None:
    """Find what Felis stumbles over without saying where: objects without a name, and unknown types."""
    tables = raw.get("tables")
    for number, table in enumerate(tables if isinstance(tables, list) else (), start=1):
        if not isinstance(table, dict) or "name" not in table:
            return "it must be a mapping with a name", f"table {number}"
        columns = table.get("columns")
        for place, column in enumerate(columns if isinstance(columns, list) else (), start=1):
            where = f"table {table['name']}, column"
            if not isinstance(column, dict) or "name" not in column:
                return "it must be a mapping with a name", f"{where} {place}"
            kind = column.get("datatype")
            if kind is not None and kind not in _TYPES:
                known = ", ".join(sorted(_TYPES))
                return f"unknown type {kind!r}; the types are {known}", f"{where} {column['name']}"
    return None


def _place(location: Sequence[int | str], raw: object) -> str | None:
    """Write the place of an error with the names of the objects: ``table main, column ra``."""
    words: list[str] = []
    kind, here = "", raw
    for step in location:
        if isinstance(here, dict):
            here = here.get(step)
            kind = str(step)
            if not isinstance(here, (list, dict)):
                words.append(kind)
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
            name = here.get("name") if isinstance(here, dict) else None
            words.append(f"{kind.removesuffix('s')} {name or step + 1}")
    return ", ".join(words) or None


class _Compiler:
    """Turns one Felis table into a description."""

    def __init__(self, file: SchemaFile, table: VoTable) -> None:
        self.file = file.file
        self.schema = file.schema
        self.table = table
        self.notes = table.vo or TableNotes()

    def compile(self) -> Description:
        columns = [self._column(one) for one in self._ordered()]
        names = {column.name for column in columns}
        derivation = self._derivation(names)
        position = self._position(columns, names, derivation)
        if derivation is not None:
            columns.extend(one for one in computed_columns(derivation) if one.name not in names)
        if position is not None or main_shape(columns) is not None:
            columns = [one for one in columns if one.name != HEALPIX_COLUMN]
            columns.append(healpix_column(has_position=position is not None))
        computed = {HEALPIX_COLUMN} | ({COMPUTED_RA, COMPUTED_DEC} if derivation else set())
        sources = {
            one.name: (one.vo.source if one.vo and one.vo.source else one.name)
            for one in self.table.columns
            if one.name not in computed
        }
        schema_notes = self.schema.vo or SchemaNotes()
        table = Table(
            self.schema.name,
            self.table.name,
            tuple(columns),
            description=self.table.description,
            utype=self.table.votable_utype,
            title=self.notes.title,
            primary_key=self._primary_key(),
            keys=self._keys(),
            position=position,
            provenance=provenance_of(schema_notes.provenance, self.notes.provenance),
            index=self.table.tap_table_index,
        )
        schema = Schema(
            self.schema.name,
            description=self.schema.description,
            utype=self.schema.votable_utype,
            title=schema_notes.title,
        )
        return Description(schema, table, sources, derivation, self.notes.ignore_extra)

    def _ordered(self) -> list[VoColumn]:
        """Return the columns in the order of their TAP index, those without one last, as written."""
        return sorted(self.table.columns, key=lambda one: (one.tap_column_index is None, one.tap_column_index or 0))

    def _column(self, one: VoColumn) -> Column:
        notes = one.vo or ColumnNotes()
        datatype = self._datatype(one)
        null_values = notes.null_values
        if null_values is None:
            is_float = datatype.primitive in (Primitive.FLOAT, Primitive.DOUBLE) and not datatype.is_array
            null_values = ("NaN",) if is_float else ()
        made = Column(
            one.name,
            datatype,
            unit=notes.unit or one.ivoa_unit or one.fits_tunit,
            ucd=one.ivoa_ucd,
            utype=one.votable_utype,
            description=one.description,
            is_nullable=one.nullable,
            is_indexed=any(one.id in (index.columns or ()) for index in self.table.indexes),
            is_principal=bool(one.tap_principal),
            is_std=bool(one.tap_std),
            is_hidden=notes.hidden,
            null_values=null_values,
            element_names=notes.element_names,
            flag_meanings=tuple(sorted(notes.flag_meanings.items())),
        )
        if datatype.is_geometry and made.unit not in (None, "deg"):
            raise self._error(f"a column of shapes is in deg, not in {made.unit}", one.name)
        return replace(made, is_indexed=True) if is_outline(made) else made

    def _datatype(self, one: VoColumn) -> DataType:
        name = one.votable_datatype or FelisType.felis_type(one.datatype).votable_name
        arraysize = str(one.votable_arraysize) if one.votable_arraysize is not None else None
        xtype = one.votable_xtype
        try:
            primitive = Primitive(name)
            if primitive in (Primitive.CHAR, Primitive.UNICODE_CHAR) and arraysize is None and (one.length or 1) > 1:
                arraysize = "*"
            datatype = DataType(primitive, arraysize, xtype)
        except ValueError as error:
            raise self._error(f"the type {name} {arraysize or ''} cannot be stored: {error}", one.name) from error
        if not datatype.is_geometry:
            return datatype
        found = shape_type(datatype)
        if found is None:
            raise self._error(
                f"a column with the xtype {xtype} cannot have the arraysize {arraysize or 1}; "
                "a point has 2, a circle 3, a polygon *",
                one.name,
            )
        return found

    def _derivation(self, names: set[str]) -> Derivation | None:
        galactic, sexagesimal = self.notes.galactic, self.notes.sexagesimal
        if galactic is not None and sexagesimal is not None:
            raise self._error("vo: has both galactic and sexagesimal; positions can be computed from one only")
        pair = galactic or sexagesimal
        if pair is None:
            return None
        for name in (pair.lon, pair.lat):
            self._require(name, names)
        kind = DerivationKind.GALACTIC if galactic is not None else DerivationKind.SEXAGESIMAL
        return Derivation(kind, pair.lon, pair.lat)

    def _position(self, columns: Sequence[Column], names: set[str], derivation: Derivation | None) -> Position | None:
        if self.notes.position is not None:
            known = names | ({COMPUTED_RA, COMPUTED_DEC} if derivation else set())
            said = self.notes.position
            position = Position(said.ra or "", said.dec or "", said.epoch, said.point or "")
            for name in position.columns:
                self._require(name, known)
            if said.point is not None and said.point not in _points(columns):
                raise self._error("vo: position: point must name a column with the xtype point", said.point)
            return position
        if derivation is not None:
            return Position(COMPUTED_RA, COMPUTED_DEC)
        return self._main_position() or self._main_point(columns)

    @staticmethod
    def _main_point(columns: Sequence[Column]) -> Position | None:
        """Return the column of points whose UCD calls it the main position."""
        main = [
            one.name
            for one in columns
            if one.name in _points(columns) and (one.ucd or "").lower() == "pos.eq;meta.main"
        ]
        return Position(point=main[0]) if len(main) == 1 else None

    def _main_position(self) -> Position | None:
        """Return the pair whose UCDs call it the main position, if it is in degrees."""
        by_ucd = {
            str(one.ivoa_ucd).lower(): one.name
            for one in self.table.columns
            if one.ivoa_ucd and (one.ivoa_unit or one.fits_tunit) == "deg"
        }
        ra, dec = by_ucd.get("pos.eq.ra;meta.main"), by_ucd.get("pos.eq.dec;meta.main")
        return Position(ra, dec) if ra is not None and dec is not None else None

    def _primary_key(self) -> tuple[str, ...]:
        key = self.table.primary_key
        ids = [key] if isinstance(key, str) else list(key or ())
        return tuple(self._name_of(one) for one in ids)

    def _name_of(self, column_id: str) -> str:
        for one in self.table.columns:
            if column_id in (one.id, one.name):
                return str(one.name)
        raise self._error(f"the primary key names {column_id!r}, which is not one of its columns")

    def _keys(self) -> tuple[Key, ...]:
        found = []
        for one in self.table.constraints:
            if not isinstance(one, felis.ForeignKeyConstraint):
                continue
            target = self.schema.get_table_by_column(
                self.schema.find_object_by_id(one.referenced_columns[0], felis.Column)
            )
            pairs = tuple(
                (self.schema[here].name, self.schema[there].name)
                for here, there in zip(one.columns, one.referenced_columns, strict=True)
            )
            found.append(Key(one.name, f"{self.schema.name}.{target.name}", pairs, one.description, one.votable_utype))
        return tuple(found)

    def _require(self, name: str, names: set[str]) -> None:
        if name not in names:
            raise self._error(f"vo: names the column {name!r}, which is not described")

    def _error(self, message: str, column: str | None = None) -> SchemaFileError:
        where = f"table {self.table.name}" + ("" if column is None else f", column {column}")
        return SchemaFileError(message, file=self.file, where=where)


def _points(columns: Sequence[Column]) -> set[str]:
    return {one.name for one in columns if one.datatype.is_geometry and one.datatype.xtype == "point"}


def without_notes(raw: Any) -> Any:
    """Return what was read from a file without its ``vo:`` mappings: plain Felis."""
    if isinstance(raw, dict):
        return {key: without_notes(value) for key, value in raw.items() if key != "vo"}
    return [without_notes(value) for value in raw] if isinstance(raw, list) else raw
