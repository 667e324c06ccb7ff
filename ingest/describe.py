"""Describe the table that files make, from what they say or from a schema file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn, Self

from ingest.checks import with_unicode
from ingest.gaps import NO_POSITIONS, gaps
from ingest.infer import infer
from ingest.progress import Silent
from ingest.readers.open import open_reader
from ingest.run import OnError, Run
from ingest.spec import read_schema_file
from ingest.union import unite
from vo_server.adql.words import RESERVED
from vo_server.errors import UsageError
from vo_server.formats.read.base import TableReader
from vo_server.model.table import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ingest.spec import Description

__all__ = [
    "describe",
    "describe_files",
    "late_warnings",
    "name_warnings",
    "open_file",
    "positions_words",
    "split_table_name",
]

_RESERVED_SCHEMAS: Final = frozenset({"TAP_SCHEMA", "TAP_UPLOAD"})


def describe_files(files: Sequence[str | Path], *, table: str, description: str | None = None) -> Description:
    """Describe files as :func:`ingest.load.load_table` would, after one pass over their texts.

    The pass finds out which text columns need Unicode.

    Raises
    ------
    IngestError
        If a file cannot be read.
    """
    readers = [open_reader(str(file)) for file in files]
    described = describe(readers, split_table_name(table), text=description)
    run = Run(described, _Nowhere(), on_error=OnError.SKIP, progress=Silent())
    run.load(readers)
    warnings = (*described.warnings, *late_warnings(readers), *run.findings.warnings())
    if run.bad.n_rows:
        warnings = (*warnings, f"{run.bad.n_rows} rows cannot be loaded, the first one: {run.bad.first[0]}")
    return replace(described, table=with_unicode(described.table, run.findings.non_ascii), warnings=warnings)


class _Nowhere:
    """A loader that keeps nothing, for passes that only look."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, batch: object) -> None:
        """Forget the batch."""

    def finish(self) -> NoReturn:
        """Fail: there is nothing to finish."""
        raise NotImplementedError


def open_file(file: str | Path | TableReader, *, are_types_needed: bool = True) -> TableReader:
    """Open a file, or take a reader as it is.

    Raises
    ------
    IngestError
        If it cannot be read.
    """
    if isinstance(file, TableReader):
        return file
    return open_reader(str(file), are_types_needed=are_types_needed)


def describe(
    readers: Sequence[TableReader],
    name: tuple[str, str],
    *,
    schema_file: str | Path | None = None,
    text: str | None = None,
) -> Description:
    """Describe the table that files make together.

    Parameters
    ----------
    readers
        The files, opened.
    name
        Schema and table.
    schema_file
        Felis description; when there is one, it alone says what the table is.
    text
        Description of the table; wins over all others.

    Raises
    ------
    UsageError
        If there is no file.
    IngestError
        If the files do not fit each other.
    SchemaFileError
        If the Felis description does not hold together.
    """
    schema_name, table_name = name
    if not readers:
        raise UsageError("no file was given")
    if schema_file is None:
        return infer(unite(readers), schema=schema_name, table=table_name, description=text)
    described = read_schema_file(schema_file).describe(table_name).named(schema_name, table_name)
    warnings = tuple(warning for reader in readers for warning in reader.facts.warnings)
    table = replace(described.table, description=text or described.table.description)
    missing = gaps(table, advice=f"fill them in in {schema_file}")
    if table.position is None:
        missing.append(f"no positions are described: {NO_POSITIONS}; name the columns in vo: position of {schema_file}")
    return replace(described, table=table, warnings=(*described.warnings, *warnings, *missing))


def positions_words(described: Description) -> str | None:
    """Say which columns are the positions and why: ``ra, dec (inferred from the names)``; None without positions."""
    position, derivation = described.table.position, described.derivation
    if position is None:
        return None
    pair = ", ".join(position.columns)
    if derivation is None:
        return f"{pair} ({described.position_origin})"
    return f"{pair}, computed from {derivation.lon}, {derivation.lat} ({derivation.kind})"


def late_warnings(readers: Sequence[TableReader]) -> list[str]:
    """Return what readers noticed only behind the rows."""
    return [warning for reader in readers for warning in getattr(reader, "warnings", ())]


def split_table_name(table: str) -> tuple[str, str]:
    """Split ``schema.table``.

    Raises
    ------
    UsageError
        If it has not exactly these two parts, or the schema is one of the service's own.
    """
    schema, dot, name = table.partition(".")
    if not dot or not schema.strip() or not name.strip() or "." in name:
        raise UsageError(f"{table!r} is not a table name; expected schema.table, e.g. survey.main")
    if schema.strip().upper() in _RESERVED_SCHEMAS:
        raise UsageError(f"the schema name {schema.strip()} is reserved", hint="choose another schema for the table")
    return schema.strip(), name.strip()


def name_warnings(schema: str, table: str) -> list[str]:
    """Return a warning when a table's name must be quoted in each query."""
    written = f"{quoted(schema, RESERVED)}.{quoted(table, RESERVED)}"
    if written == f"{schema}.{table}":
        return []
    return [f"queries must write the name of this table as {written}; a name of letters, digits and _ needs no quotes"]
