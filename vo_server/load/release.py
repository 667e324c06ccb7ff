"""Load files as a release of a table: describe, stream, check, publish. Whatever fails, the old release stays."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from vo_server.errors import IngestError, UsageError, VoError
from vo_server.formats.read.base import TableReader
from vo_server.formats.read.open import open_reader
from vo_server.formats.read.source import Source
from vo_server.load.checks import with_unicode
from vo_server.load.infer import infer
from vo_server.load.naming import late_warnings, name_warnings, positions_words, split_table_name
from vo_server.load.progress import Silent
from vo_server.load.publish import check_primary_key, publish, with_identifier
from vo_server.load.release_checks import assess, require, warnings_of
from vo_server.load.run import BadRow, OnError, Run
from vo_server.load.union import unite
from vo_server.model.release import SourceFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vo_server.engine.base import Engine, LoadReport
    from vo_server.load.checks import Findings
    from vo_server.load.description import Description
    from vo_server.load.progress import Progress
    from vo_server.model.check import CheckResult
    from vo_server.model.release import Release
    from vo_server.model.table import Schema, Table
    from vo_server.store.open import Store

__all__ = ["Describe", "LoadSummary", "Publish", "check_case", "describe", "load_files", "new_version"]

logger = logging.getLogger(__name__)

Describe: TypeAlias = "Callable[[Sequence[TableReader], tuple[str, str]], Description]"
"""Makes the description of a table from opened files and its (schema, name)."""


class Publish(Protocol):
    """Makes a staged release the current one: :func:`vo_server.load.publish.publish`, or with more conditions."""

    def __call__(
        self,
        store: Store,
        table: Table,
        *,
        schema: Schema,
        version: str,
        created: datetime,
        sources: tuple[SourceFile, ...],
        checks: tuple[CheckResult, ...] = (),
    ) -> Release:
        """Publish; see :func:`vo_server.load.publish.publish`."""
        ...


_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")


@dataclass(frozen=True)
class LoadSummary:
    """What a load has done."""

    release: Release
    n_rows: int
    n_bad_rows: int
    bad_rows: tuple[BadRow, ...]
    """The first ones."""
    null_counts: Mapping[str, int]
    """NULLs by column; columns without any are not in it."""
    warnings: tuple[str, ...]
    size_bytes: int
    seconds: float
    swept: tuple[str, ...] = field(default=())
    """Leftovers of earlier loads that were removed."""
    positions: str | None = None
    """Which columns were taken as positions, and why; None without positions."""

    @property
    def rows_per_second(self) -> float:
        """Speed of the whole load."""
        return self.n_rows / max(self.seconds, 1e-9)


def describe(readers: Sequence[TableReader], name: tuple[str, str], *, text: str | None = None) -> Description:
    """Describe the table that files make together from what they say.

    Parameters
    ----------
    readers
        The files, opened.
    name
        Schema and table.
    text
        Description of the table; wins over that of the files.

    Raises
    ------
    UsageError
        If there is no file.
    IngestError
        If the files do not fit each other.
    """
    if not readers:
        raise UsageError("no file was given")
    schema, table = name
    return infer(unite(readers), schema=schema, table=table, description=text)


def load_files(
    files: Sequence[str | Path | TableReader],
    *,
    table: str,
    engine: Engine,
    store: Store,
    describe: Describe = describe,
    are_types_needed: bool = True,
    version: str | None = None,
    on_error: OnError | str = OnError.REFUSE,
    progress: Progress | None = None,
    watch: Callable[[Findings], None] | None = None,
    publish: Publish = publish,
) -> LoadSummary:
    """Load files as a new release of a table and make it the current one.

    The release is staged where nobody sees it and becomes visible by one transaction of the catalogue; after any
    failure the table is as it was before. The checksums of the files are computed by a pass of their own.

    Parameters
    ----------
    files
        Paths, or readers that are open already; they must have the same columns.
    table
        ``schema.table``.
    describe
        Makes the description of the table from the opened files and its name.
    are_types_needed
        False when the types of text columns are described elsewhere: then the pass that finds them is saved.
    version
        Name of the release; made from the time when None.
    on_error
        What happens to rows that cannot be taken over.
    watch
        Is told what was seen of the rows after each batch, before it is written; what it raises ends the load.
    publish
        Makes the staged release the current one; what it raises leaves the table as it was.

    Raises
    ------
    IngestError
        If a file cannot be read, or rows are bad and are to be refused, or the primary key repeats.
    SchemaFileError
        If a given description does not hold together.
    UsageError
        If the name of the table or of the release cannot be used.
    """
    began = time.monotonic()
    progress = progress or Silent()
    schema_name, table_name = split_table_name(table)
    check_case(store, schema_name, table_name)
    version = new_version(store, table, version)
    readers = [_opened(file, are_types_needed=are_types_needed) for file in files]
    described = describe(readers, (schema_name, table_name))
    progress.begin(_total(readers))
    report: LoadReport | None = None
    try:
        # The loader is left only after the publication: while it is open, no sweep takes the release for a leftover.
        with engine.loader(described.table, version=version) as loader:
            run = Run(described, loader, on_error=OnError(on_error), progress=progress, watch=watch)
            report = _stage(run, readers, progress)
            staged, notes = _checked(engine, described, run, version, report)
            checks = assess(engine, staged, described.checks)
            require(checks)
            sources = _sources(files, readers, run)
            progress.say("publishing")
            release = publish(
                store,
                staged,
                schema=described.schema,
                version=version,
                created=datetime.now(UTC),
                sources=sources,
                checks=checks,
            )
    except BaseException:
        if report is not None:
            _drop_unless_published(engine, store, report.location)
        raise
    swept = engine.sweep(store.catalogue.locations())
    return LoadSummary(
        release,
        report.n_rows,
        run.bad.n_rows,
        tuple(run.bad.first),
        dict(run.findings.null_counts),
        (
            *name_warnings(schema_name, table_name),
            *described.warnings,
            *late_warnings(readers),
            *run.findings.warnings(),
            *notes,
            *warnings_of(checks),
        ),
        report.size_bytes,
        time.monotonic() - began,
        tuple(swept),
        positions_words(described),
    )


def _opened(file: str | Path | TableReader, *, are_types_needed: bool) -> TableReader:
    """Open a file, or take a reader as it is."""
    if isinstance(file, TableReader):
        return file
    return open_reader(str(file), are_types_needed=are_types_needed)


def _stage(run: Run, readers: Sequence[TableReader], progress: Progress) -> LoadReport:
    progress.say("loading")
    run.load(readers)
    progress.say("sorting and indexing")
    return run.loader.finish()


def _drop_unless_published(engine: Engine, store: Store, location: str) -> None:
    """Remove a release that failed, but never one that the catalogue names: what failed may have come after that."""
    try:
        if location not in store.catalogue.locations():
            engine.drop(location)
    except VoError:
        logger.warning("%s may be left over; the next load removes it", location, exc_info=True)


def _checked(
    engine: Engine, described: Description, run: Run, version: str, report: LoadReport
) -> tuple[Table, list[str]]:
    """Return the final description of a staged release, after the checks that need all of its rows."""
    if report.n_rows != run.findings.n_rows:
        raise IngestError(f"{run.findings.n_rows} rows were read but {report.n_rows} are in the database")
    table = with_unicode(described.table, run.findings.non_ascii)
    table = replace(table, release=version, location=report.location, n_rows=report.n_rows)
    check_primary_key(engine, table)
    if not described.is_inferred:
        return table, []
    table, note = with_identifier(engine, table)
    return table, [note] if note else []


def _sources(
    files: Sequence[str | Path | TableReader], readers: Sequence[TableReader], run: Run
) -> tuple[SourceFile, ...]:
    return tuple(
        _source(file, reader, run)
        for file, reader in zip(files, readers, strict=True)
        if not isinstance(file, TableReader)
    )


def _source(file: str | Path, reader: TableReader, run: Run) -> SourceFile:
    source = Source.of(str(file))
    return SourceFile(
        source.path.name if source.part is None else f"{source.path.name}[{source.part}]",
        source.size_bytes,
        source.sha256(),
        run.n_by_file.get(reader.file, 0),
        run.bad.n_by_file.get(reader.file, 0),
    )


def _total(readers: Sequence[TableReader]) -> int | None:
    counts = [reader.facts.n_rows for reader in readers]
    return None if None in counts else sum(count or 0 for count in counts)


def check_case(store: Store, schema: str, table: str) -> None:
    """Refuse, before any work, a name that differs only in case from a published one, or means a pinned release.

    Raises
    ------
    UsageError
        If there is such a table.
    """
    for other in store.catalogue.load_all().tables:
        is_same = (other.schema, other.name) == (schema, table)
        if is_same and other.release_of is not None:
            raise UsageError(
                f"{other.full_name} is the name of a pinned release of {other.release_of}",
                hint=f"choose another name, or take that one back: vo-server ingest unpin {other.full_name}",
            )
        if not is_same and (other.schema.lower(), other.name.lower()) == (schema.lower(), table.lower()):
            raise UsageError(
                f"{schema}.{table} differs only in case from {other.full_name}, which is published",
                hint=f"write {other.full_name}, or choose another name",
            )


def new_version(store: Store, table: str, wanted: str | None) -> str:
    """Return the name of the next release of a table: the wanted one, or one made from the time.

    Raises
    ------
    UsageError
        If the wanted one cannot be a name, or is taken.
    """
    known = {release.version for release in store.catalogue.releases(table)}
    if wanted is not None:
        if not _VERSION.fullmatch(wanted):
            raise UsageError(f"{wanted!r} is not a version; expected letters, digits and _ . + -, 64 at most")
        if wanted in known:
            raise UsageError(f"table {table} has a release {wanted} already", hint="give another --version")
        return wanted
    stamp = datetime.now(UTC).strftime("v%Y%m%dT%H%M%S")
    version, number = stamp, 1
    while version in known:
        number += 1
        version = f"{stamp}_{number}"
    return version
