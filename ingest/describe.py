"""Describe the table that files make, from a schema file where there is one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ingest.checks import CheckMode, check_conditions, chosen_checks
from ingest.sources import find_sources
from vo_server.formats.read.base import TableReader
from vo_server.formats.read.open import open_reader
from vo_server.load import release
from vo_server.load.bad import BadRows, OnError
from vo_server.load.checks import Findings, with_unicode
from vo_server.load.convert import conversion_notes
from vo_server.load.extra import with_extra
from vo_server.load.gaps import NO_POSITIONS, gaps
from vo_server.load.naming import late_warnings, split_table_name
from vo_server.load.run import FileRun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ingest.sources import Sources
    from ingest.spec import SchemaFile
    from vo_server.load.description import Description

__all__ = ["describe", "describe_files"]


def describe_files(files: Sequence[str | Path], *, table: str, description: str | None = None) -> Description:
    """Describe files as :func:`ingest.load.load_table` would, after one pass over their texts.

    The pass finds out which text columns need Unicode.

    Raises
    ------
    IngestError
        If a file cannot be read.
    """
    sources = find_sources(files)
    readers = [file if isinstance(file, TableReader) else open_reader(file) for file in sources.files]
    described = describe(readers, split_table_name(table), text=description, sources=sources)
    findings, bad = Findings(described.table), BadRows()
    for reader in readers:
        run = FileRun(described, reader, on_error=OnError.SKIP, see=_ignore)
        run.load(_ignore, _ignore)
        findings.merge(run.findings)
        bad.merge(run.bad)
    warnings = (*described.warnings, *late_warnings(readers), *findings.warnings())
    if bad.n_rows:
        warnings = (*warnings, f"{bad.n_rows} rows cannot be loaded, the first one: {bad.first[0]}")
    return replace(described, table=with_unicode(described.table, findings.non_ascii), warnings=warnings)


def _ignore(*_: object) -> None:
    """Forget the rows of a pass that only looks."""


def describe(
    readers: Sequence[TableReader],
    name: tuple[str, str],
    *,
    schema: SchemaFile | None = None,
    text: str | None = None,
    checks: CheckMode = CheckMode.AS_DESCRIBED,
    is_full: bool = False,
    sources: Sources | None = None,
) -> Description:
    """Describe the table that files make together.

    Parameters
    ----------
    readers
        The files, opened.
    name
        Schema and table.
    schema
        Felis description; when there is one, it alone says what the table is, but for columns that it leaves to the
        files.
    text
        Description of the table; wins over all others.
    checks
        What an operator wants of the checks.
    is_full
        Whether the files are a complete release, which binds numbers of rows.
    sources
        Where the files come from, which may say more of them than they do.

    Raises
    ------
    UsageError
        If there is no file.
    IngestError
        If the files do not fit each other.
    SchemaFileError
        If the Felis description does not hold together.
    """
    if sources is not None:
        sources.tell(readers)
    if schema is None:
        return chosen_checks(release.describe(readers, name, text=text), checks, is_full=is_full)
    schema_name, table_name = name
    described = schema.describe(table_name).named(schema_name, table_name)
    if schema.takes_extra(table_name):
        described = with_extra(described, release.describe(readers, name))
    warnings = tuple(
        warning for reader in readers for warning in (*reader.facts.warnings, *conversion_notes(described, reader))
    )
    table = replace(described.table, description=text or described.table.description)
    missing = gaps(table, advice=f"fill them in in {schema.file}")
    if table.position is None:
        missing.append(f"no positions are described: {NO_POSITIONS}; name the columns in vo: position of {schema.file}")
    check_conditions(described.checks, table, file=schema.file)
    described = chosen_checks(described, checks, is_full=is_full)
    return replace(described, table=table, warnings=(*described.warnings, *warnings, *missing))
