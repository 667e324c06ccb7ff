"""Describe a table that other software made in a database, from what the database says or from a schema file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ingest.spec import read_schema_file
from vo_server.adql.suggest import either, near
from vo_server.engine.postgres.pgsphere import SPHERE_TYPES
from vo_server.engine.postgres.types import stored_as
from vo_server.errors import SchemaFileError, UsageError
from vo_server.formats.read.base import TableFacts
from vo_server.load.gaps import NO_POSITIONS, gaps, listed
from vo_server.load.infer import infer
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, Column

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from vo_server.engine.stored import StoredColumn, StoredTable
    from vo_server.load.description import Description

__all__ = ["described"]

_ADVICE: Final = "comments in the database give descriptions, a --schema-file gives all of it"
_FLOATS: Final = frozenset({Primitive.FLOAT, Primitive.DOUBLE})
_TEXT: Final = DataType(Primitive.CHAR, "*")


def described(
    stored: StoredTable,
    name: tuple[str, str],
    *,
    role: str,
    schema_file: str | Path | None = None,
    text: str | None = None,
    without: Collection[str] = (),
) -> Description:
    """Describe a table as it will be published in place.

    Parameters
    ----------
    stored
        What the database knows of it.
    name
        Schema and table that it is published as.
    role
        Who the service is in the database, for messages.
    schema_file
        Felis description; when there is one, it alone says what the table is.
    text
        Description of the table; wins over all others.
    without
        Columns to leave out.

    Raises
    ------
    UsageError
        If a column cannot be read or has no type in VOTable, or two names differ only in case.
    SchemaFileError
        If the schema file asks for what the table does not have.
    """
    columns = _chosen(stored, without)
    if schema_file is None:
        _check(stored, columns, role)
        made = infer(_facts(stored, columns), schema=name[0], table=name[1], description=text, in_place=_ADVICE)
    else:
        made = _compiled(stored, columns, name, text, str(schema_file))
        columns = [one for one in columns if one.name in made.table.by_name]
        _check(stored, columns, role)
    by_name = {one.name: one for one in columns}
    fitted = tuple(_fitted(one, by_name[one.name], schema_file) for one in made.table.columns if one.name in by_name)
    key = stored.primary_key if by_name.keys() >= set(stored.primary_key) else ()
    table = replace(
        made.table,
        columns=fitted,
        kind="view" if stored.is_view else "table",
        primary_key=made.table.primary_key or key,
        n_rows=stored.n_rows,
    )
    return replace(made, table=table)


# ------------------------------------------------------------------------------------------------- which columns


def _chosen(stored: StoredTable, without: Collection[str]) -> list[StoredColumn]:
    known = [column.name for column in stored.columns]
    for name in without:
        if name not in known:
            hint = _likely(name, known)
            raise UsageError(f"{stored.schema}.{stored.name} has no column {name} to leave out", hint=hint)
    return [column for column in stored.columns if column.name not in without]


def _check(stored: StoredTable, columns: Sequence[StoredColumn], role: str) -> None:
    """Refuse what cannot be served, with all reasons of one kind at once."""
    relation = f"{stored.schema}.{stored.name}"
    if not columns:
        raise UsageError(f"{relation} has no columns to publish")
    closed = [column.name for column in columns if not column.is_readable]
    if not any(column.is_readable for column in stored.columns):
        hint = f'GRANT SELECT ON "{stored.schema}"."{stored.name}" TO "{role}"'
        raise UsageError(f"the role {role} may not read {relation}", hint=hint)
    if closed:
        hint = f"grant SELECT on them, or leave them out: {_without(closed)}"
        raise UsageError(f"the role {role} may not read these columns of {relation}: {', '.join(closed)}", hint=hint)
    strange = [column for column in columns if column.datatype is None]
    if strange:
        told = ", ".join(f"{column.name} ({column.type_name})" for column in strange)
        hint = f"leave them out: {_without([column.name for column in strange])}; or adopt a view that casts them"
        raise UsageError(f"columns of {relation} have types that VOTable has no place for: {told}", hint=hint)
    _check_names(relation, [column.name for column in columns])


def _check_names(relation: str, names: Sequence[str]) -> None:
    """Refuse names that queries could not use: columns in place keep theirs."""
    folded: dict[str, str] = {}
    for name in names:
        other = folded.setdefault(name.strip().lower(), name)
        if other != name or name != name.strip():
            what = f"the name {name!r} begins or ends with a blank"
            raise UsageError(
                f"in {relation}, {what if other == name else f'{other} and {name} differ at most in case'}",
                hint=f"leave a column out ({_without([name])}), or adopt a view that renames it",
            )


def _without(names: Sequence[str]) -> str:
    return " ".join(f"--without {name}" for name in names)


def _likely(name: str, known: Sequence[str]) -> str:
    close = near(name, known)
    return f"did you mean {either(close)}?" if close else f"its columns are {listed(known)}"


# -------------------------------------------------------------------------------------------------- descriptions


def _facts(stored: StoredTable, columns: Sequence[StoredColumn]) -> TableFacts:
    """Tell the rules that judge files what the database says."""
    return TableFacts(
        tuple(
            Column(
                column.name,
                column.datatype or _TEXT,
                unit="deg" if column.base_type in SPHERE_TYPES else None,
                ucd="pos.eq" if column.base_type == "spoint" else None,
                description=column.description,
            )
            for column in columns
        ),
        description=stored.description,
    )


def _compiled(
    stored: StoredTable, columns: Sequence[StoredColumn], name: tuple[str, str], text: str | None, file: str
) -> Description:
    """Take the schema file's word for all that the table has."""
    made = read_schema_file(file).describe(name[1]).named(*name)
    where = f"table {name[1]}"
    if made.derivation is not None:
        raise SchemaFileError(
            "positions cannot be computed for a table that is published in place",
            file=file,
            where=where,
            hint="adopt a view that computes them, and index its expressions in the table",
        )
    known = [column.name for column in columns]
    table = replace(
        made.table,
        description=text or made.table.description or stored.description,
        columns=tuple(
            column for column in made.table.columns if column.name != HEALPIX_COLUMN or HEALPIX_COLUMN in known
        ),
    )
    for column in table.columns:
        if column.name not in known or made.sources.get(column.name, column.name) != column.name:
            wanted = made.sources.get(column.name, column.name)
            hint = "columns in place keep their names" if wanted in known else _likely(wanted, known)
            raise SchemaFileError(
                f"{stored.schema}.{stored.name} has no column {column.name}", file=file, where=where, hint=hint
            )
    extra = [one for one in known if one not in table.by_name]
    if extra and not made.ignore_extra:
        raise SchemaFileError(
            f"these columns of {stored.schema}.{stored.name} are not described: {', '.join(extra)}",
            file=file,
            where=where,
            hint="describe them, leave them out by --without, or say ignore_extra: true in the vo: of the table",
        )
    missing = gaps(table, advice=f"fill them in in {file}")
    if table.position is None:
        missing.append(f"no positions are described: {NO_POSITIONS}; name the columns in vo: position of {file}")
    return replace(made, table=table, warnings=(*made.warnings, *missing))


def _fitted(column: Column, stored: StoredColumn, file: str | Path | None) -> Column:
    """Add to the description of a column what only the database knows."""
    assert stored.datatype is not None
    if not _fits(stored, stored.datatype, column.datatype):
        raise SchemaFileError(
            f"the column is {stored.type_name} in the database and cannot be published as {column.datatype.adql}",
            file=str(file),
            where=f"column {column.name}",
            hint=f"describe it as {stored.datatype.primitive} {stored.datatype.arraysize or ''}".rstrip(),
        )
    kind = stored_as(stored.base_type, column.datatype)
    is_served = kind is None or stored.base_type in SPHERE_TYPES
    return replace(
        column,
        stored_as=kind,
        is_indexed=stored.is_indexed and is_served,
        is_nullable=stored.is_nullable,
        null_values=(),
    )


def _fits(stored: StoredColumn, natural: DataType, wanted: DataType) -> bool:
    """Tell whether all values of a column can be published as a type without a change but of the last digits."""
    if natural.postgres == wanted.postgres:
        return natural.is_string == wanted.is_string
    if natural.is_numeric and wanted.is_numeric:
        is_rounded = stored.base_type == "numeric" and wanted.primitive in _FLOATS
        return is_rounded or DataType.widest(natural, wanted) == DataType(wanted.primitive)
    return False
