"""Load files as a release of a table: describe, stream, check, publish. Whatever fails, the old release stays."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from vo_server import __version__
from vo_server.errors import IngestError, UsageError
from vo_server.load.bad import OnError
from vo_server.load.checks import with_unicode
from vo_server.load.infer import infer
from vo_server.load.inputs import total_rows
from vo_server.load.naming import split_table_name
from vo_server.load.opening import open_described
from vo_server.load.progress import Silent
from vo_server.load.publish import check_primary_key, dropped_unless_published, publish, with_identifier
from vo_server.load.release_checks import assess, require, warnings_of
from vo_server.load.resume import already_staged, staging_key
from vo_server.load.stream import Nowhere, Stream, gathered
from vo_server.load.summary import LoadSummary, summary_of
from vo_server.load.union import unite
from vo_server.model.release import FileState, Release, SourceFile
from vo_server.store.statistics import ReleaseStatistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from vo_server.engine.base import Engine, LoadReport
    from vo_server.formats.read.base import TableReader
    from vo_server.formats.read.source import Source
    from vo_server.load.description import Description
    from vo_server.load.inputs import Input
    from vo_server.load.outcome import FileOutcome, Seen
    from vo_server.load.progress import Progress
    from vo_server.load.stream import Totals
    from vo_server.model.check import CheckResult
    from vo_server.model.table import Schema, Table
    from vo_server.store.open import Store

__all__ = ["Describe", "LoadSummary", "Publish", "check_case", "check_files", "describe", "load_files", "new_version"]

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
        statistics: ReleaseStatistics | None = None,
    ) -> Release:
        """Publish; see :func:`vo_server.load.publish.publish`."""
        ...


_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")


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
    files: Sequence[str | Path | Source | TableReader],
    *,
    table: str,
    engine: Engine,
    store: Store,
    describe: Describe = describe,
    are_types_needed: bool = True,
    version: str | None = None,
    on_error: OnError | str = OnError.REFUSE,
    n_jobs: int = 1,
    progress: Progress | None = None,
    watch: Callable[[Totals], None] | None = None,
    told: Callable[[SourceFile], None] | None = None,
    publish: Publish = publish,
) -> LoadSummary:
    """Load files as a new release of a table and make it the current one.

    The release is staged where nobody sees it and becomes visible by one transaction of the catalogue; after any
    failure the table is as it was before. Files that are staged completely stay so when the load is killed or fails:
    the same load, done again, goes on behind them. Checksums tell whether they are still the same.

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
    n_jobs
        How many files are read at once.
    watch
        Is told how much there is after each batch, before it is written; what it raises ends the load.
    told
        Is given what came of each file, as soon as that is known.
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
    progress, on_error = progress or Silent(), OnError(on_error)
    version, inputs, described = _opened(files, table, store, describe, version, are_types_needed, told)
    progress.begin(total_rows(inputs))
    key = staging_key(described, on_error) if all(one.source for one in inputs) else None
    # The loader is left only after the publication: while it is open, no sweep takes the release for a leftover.
    with (
        dropped_unless_published(engine, store) as made,
        engine.loader(described.table, version=version, key=key, known=store.catalogue.locations) as loader,
    ):
        progress.say("loading")
        stream = Stream(
            described, loader.part, on_error=on_error, progress=progress, watch=watch, told=_of_source(told)
        )
        outcomes = stream.load(inputs, n_jobs=n_jobs, staged=already_staged(loader, inputs, described.table))
        seen = gathered(described, outcomes, on_error)
        progress.say("sorting and indexing")
        report = loader.finish()
        made.append(report.location)
        staged, notes = _checked(engine, described, seen, version, report)
        statistics = ReleaseStatistics(stream.statistics.result(), stream.statistics.sky())
        checks = assess(engine, staged, described.checks, statistics=statistics.table)
        require(checks)
        progress.say("publishing")
        release = publish(
            store,
            staged,
            schema=described.schema,
            version=version,
            created=datetime.now(UTC),
            sources=_sources(outcomes),
            checks=checks,
            statistics=statistics,
        )
    swept = engine.sweep(store.catalogue.locations)
    notes = [*notes, *warnings_of(checks)]
    return summary_of(described, release, seen, report, notes, time.monotonic() - began, tuple(swept))


def check_files(
    files: Sequence[str | Path | Source | TableReader],
    *,
    table: str,
    store: Store | None,
    describe: Describe = describe,
    are_types_needed: bool = True,
    version: str | None = None,
    on_error: OnError | str = OnError.REFUSE,
    n_jobs: int = 1,
    progress: Progress | None = None,
    told: Callable[[SourceFile], None] | None = None,
) -> LoadSummary:
    """Read, convert and check files as :func:`load_files` does, and write nothing anywhere.

    What needs all rows in a database is not checked, and the summary says so: whether the primary key repeats, the
    checks of the description, and which column is an identifier.

    Parameters
    ----------
    files, table, describe, are_types_needed, version, on_error, n_jobs, progress, told
        As for :func:`load_files`.
    store
        Where the table would be published; None when there is no database yet.

    Returns
    -------
    LoadSummary
        Of a release that is nowhere: it has no location and is not current.

    Raises
    ------
    IngestError, SchemaFileError, UsageError
        As :func:`load_files` does.
    """
    began = time.monotonic()
    progress, on_error = progress or Silent(), OnError(on_error)
    version, inputs, described = _opened(files, table, store, describe, version, are_types_needed, told)
    progress.begin(total_rows(inputs))
    progress.say("checking")
    stream = Stream(
        described, Nowhere, state=FileState.CHECKED, on_error=on_error, progress=progress, told=_of_source(told)
    )
    outcomes = stream.load(inputs, n_jobs=n_jobs)
    seen = gathered(described, outcomes, on_error)
    checked = replace(_described(described, seen), release=version, n_rows=seen.findings.n_rows)
    release = Release(checked, version, datetime.now(UTC), _sources(outcomes), code_version=__version__)
    unchecked = [check.name for check in described.checks]
    if described.table.primary_key:
        unchecked.insert(0, "primary key")
    notes = [f"only a load checks all rows together: {', '.join(unchecked)}"] if unchecked else []
    return summary_of(described, release, seen, None, notes, time.monotonic() - began)


def _opened(
    files: Sequence[str | Path | Source | TableReader],
    table: str,
    store: Store | None,
    describe: Describe,
    version: str | None,
    are_types_needed: bool,
    told: Callable[[SourceFile], None] | None,
) -> tuple[str, list[Input], Description]:
    """Check the names of a release, open its files and describe them; a store that there is not knows no names."""
    name = split_table_name(table)
    if store is not None:
        check_case(store, *name)
    version = new_version(store, table, version)
    inputs, described = open_described(
        files, lambda readers: describe(readers, name), are_types_needed=are_types_needed, told=told
    )
    return version, inputs, described


def _sources(outcomes: Iterable[FileOutcome]) -> tuple[SourceFile, ...]:
    return tuple(outcome.to_source() for outcome in outcomes if outcome.is_file)


def _of_source(told: Callable[[SourceFile], None] | None) -> Callable[[FileOutcome], None] | None:
    return None if told is None else lambda outcome: told(outcome.to_source())


def _described(described: Description, seen: Seen) -> Table:
    return with_unicode(described.table, seen.findings.non_ascii)


def _checked(
    engine: Engine, described: Description, seen: Seen, version: str, report: LoadReport
) -> tuple[Table, list[str]]:
    """Return the final description of a staged release, after the checks that need all of its rows."""
    if report.n_rows != seen.findings.n_rows:
        raise IngestError(f"{seen.findings.n_rows} rows were read but {report.n_rows} are in the database")
    table = replace(_described(described, seen), release=version, location=report.location, n_rows=report.n_rows)
    check_primary_key(engine, table)
    if not described.is_inferred:
        return table, []
    table, note = with_identifier(engine, table)
    return table, [note] if note else []


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


def new_version(store: Store | None, table: str, wanted: str | None) -> str:
    """Return the name of the next release of a table: the wanted one, or one made from the time.

    Without a store no name is taken.

    Raises
    ------
    UsageError
        If the wanted one cannot be a name, or is taken.
    """
    known = set() if store is None else {release.version for release in store.catalogue.releases(table)}
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
