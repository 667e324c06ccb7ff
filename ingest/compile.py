"""Compiling a table of a checked Felis file into the values that the house uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from felis import datamodel as felis
from felis.types import FelisType

from ingest.checks import compile_checks
from ingest.notes import ColumnNotes, SchemaNotes, TableNotes, VoColumn, VoSchema, VoTable
from ingest.origin import provenance_of
from vo_server.errors import SchemaFileError
from vo_server.load.description import (
    COMPUTED_DEC,
    COMPUTED_RA,
    Derivation,
    DerivationKind,
    DerivedColumn,
    Description,
    computed_columns,
    healpix_column,
)
from vo_server.load.shapes import is_outline, main_shape, shape_type
from vo_server.model.datalink import RowLink, placeholders
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, Column, Key, Position, Schema, Table

__all__ = ["compile_table"]

_BITS: Final = {Primitive.UNSIGNED_BYTE: 8, Primitive.SHORT: 16, Primitive.INT: 32, Primitive.LONG: 64}
"""How many bits the values of a type have."""


def compile_table(schema: VoSchema, table: VoTable, *, file: str) -> Description:
    """Compile the description of a table.

    Parameters
    ----------
    schema, table
        What the file says.
    file
        Its name, for messages.

    Raises
    ------
    SchemaFileError
        If it does not hold together.
    """
    return _Compiler(schema, table, file).compile()


class _Compiler:
    """Turns one Felis table into a description."""

    def __init__(self, schema: VoSchema, table: VoTable, file: str) -> None:
        self.file = file
        self.schema = schema
        self.table = table
        self.notes = table.vo or TableNotes()

    def compile(self) -> Description:
        columns = [self._column(one) for one in self._ordered()]
        if not columns and not self.notes.take_extra:
            raise self._error("no column is described; take_extra: true takes those of the files")
        self._check_aliases(columns)
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
            keys=self._keys(names),
            position=position,
            provenance=provenance_of(schema_notes.provenance, self.notes.provenance),
            row_links=self._row_links(columns),
            index=self.table.tap_table_index,
        )
        schema = Schema(
            self.schema.name,
            description=self.schema.description,
            utype=self.schema.votable_utype,
            title=schema_notes.title,
        )
        optional = frozenset(one.name for one in self.table.columns if one.vo and one.vo.optional)
        derived = {
            one.name: DerivedColumn(one.vo.derived.formula, one.vo.derived.inputs, one.vo.derived.element)
            for one in self.table.columns
            if one.vo and one.vo.derived
        }
        return Description(
            schema,
            table,
            sources,
            derivation,
            self.notes.ignore_extra,
            optional=optional,
            derived=derived,
            checks=compile_checks(self.notes.checks, table, self._error),
        )

    def _row_links(self, columns: Sequence[Column]) -> tuple[RowLink, ...]:
        """Return the links of the rows; those that files bring cannot be named where they are not known yet."""
        shown = {column.name for column in columns if not column.is_hidden and not column.datatype.is_array}
        shown |= {column.name for column in columns if column.datatype.is_string}
        for link in self.notes.row_links:
            unknown = [name for name in placeholders(link.template) if name not in shown]
            if unknown:
                raise self._error(
                    f"the link {link.template} names {', '.join(unknown)}, which is no column of single values"
                )
        return tuple(RowLink(one.template, one.semantics, one.description, one.type) for one in self.notes.row_links)

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
            flag_bits=tuple(sorted(notes.flag_bits.items())),
            aliases=notes.aliases,
        )
        if notes.optional and not one.nullable:
            raise self._error("a column that a file may lack can be NULL: it cannot be nullable: false", one.name)
        self._check_flags(made)
        self._check_elements(made)
        if datatype.is_geometry and made.unit not in (None, "deg"):
            raise self._error(f"a column of shapes is in deg, not in {made.unit}", one.name)
        return replace(made, is_indexed=True) if is_outline(made) else made

    def _check_flags(self, one: Column) -> None:
        """Refuse flags that the values of a column cannot have."""
        if not (one.flag_meanings or one.flag_bits):
            return
        width = _BITS.get(one.datatype.primitive)
        if width is None:
            raise self._error("flag_meanings and flag_bits are of columns of whole numbers", one.name)
        if one.flag_meanings and one.flag_bits:
            raise self._error("a column has flag_meanings, one code a row, or flag_bits, but not both", one.name)
        for bit, _ in one.flag_bits:
            if not 0 <= bit < width:
                raise self._error(f"there is no bit {bit}: they are counted from 0 to {width - 1}", one.name)

    def _check_elements(self, one: Column) -> None:
        """Refuse names of elements that are not one for each."""
        names, length = one.element_names, one.datatype.n_elements
        if names and not one.datatype.is_array:
            raise self._error("element_names are of arrays", one.name)
        if names and length is not None and len(names) != length:
            raise self._error(f"there are {len(names)} element_names for {length} elements", one.name)
        if len({name.lower() for name in names}) < len(names):
            raise self._error("two element_names differ at most in case", one.name)

    def _check_aliases(self, columns: Sequence[Column]) -> None:
        """Refuse other names that could mean two columns."""
        taken = {one.name.lower(): one.name for one in columns}
        for one in columns:
            for alias in one.aliases:
                other = taken.setdefault(alias.lower(), one.name)
                if other != one.name or alias.lower() == one.name.lower():
                    raise self._error(f"the alias {alias!r} is a name of the column {other} already", one.name)

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

    def _keys(self, names: set[str]) -> tuple[Key, ...]:
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
        found.extend(
            Key(one.name, one.target, tuple(one.columns.items()), one.description) for one in self.notes.foreign_keys
        )
        for key in found:
            for name, _ in key.columns:
                self._require(name, names)
        return tuple(found)

    def _require(self, name: str, names: set[str]) -> None:
        if name not in names:
            raise self._error(f"vo: names the column {name!r}, which is not described")

    def _error(self, message: str, column: str | None = None) -> SchemaFileError:
        where = f"table {self.table.name}" + ("" if column is None else f", column {column}")
        return SchemaFileError(message, file=self.file, where=where)


def _points(columns: Sequence[Column]) -> set[str]:
    return {one.name for one in columns if one.datatype.is_geometry and one.datatype.xtype == "point"}
