"""Load files as a release of a table that a Felis file may describe."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Required, TypedDict, Unpack, cast

from ingest.checks import CheckMode
from ingest.describe import describe
from ingest.sources import find_sources
from vo_server.load.bad import OnError
from vo_server.load.changes import current_release, examined
from vo_server.load.naming import split_table_name
from vo_server.load.release import check_files, load_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ingest.sources import Sources
    from vo_server.engine.base import Engine
    from vo_server.formats.read.base import TableReader
    from vo_server.formats.read.source import Source
    from vo_server.load.progress import Progress
    from vo_server.load.release import Describe
    from vo_server.load.summary import LoadSummary
    from vo_server.model.release import SourceFile
    from vo_server.store.open import Store

__all__ = ["LoadOptions", "check_table", "load_table"]


class LoadOptions(TypedDict, total=False):
    """How files become a table.

    What is not given is as :func:`vo_server.load.release.load_files` has it; without a schema file the files describe
    themselves, and without a word about checks they hold as they are described.
    """

    table: Required[str]
    """``schema.table``."""
    schema_file: str | Path | None
    """Felis description; wins over what the files say. A file of several tables is asked for the table's name."""
    description: str | None
    """Description of the table; wins over that of the files."""
    version: str | None
    on_error: OnError | str
    checks: CheckMode | str
    """Whether the checks of the description hold as they are described, only warn, or are left out."""
    is_full: bool
    """Whether the files are a complete release, which binds numbers of rows."""
    n_jobs: int
    progress: Progress | None
    told: Callable[[SourceFile], None] | None


def load_table(
    files: Sequence[str | Path | Source | TableReader],
    *,
    engine: Engine,
    store: Store,
    **options: Unpack[LoadOptions],
) -> LoadSummary:
    """Load files as a new release of a table; see :func:`vo_server.load.release.load_files`.

    Once it is published its checksum is computed, and its changes since the release before are counted.

    Raises
    ------
    IngestError, UsageError
        As there.
    SchemaFileError
        If the description does not hold together.
    """
    sources = find_sources(files, spool=engine.work_folder)
    former = current_release(store, options["table"])
    summary = load_files(
        sources.files, engine=engine, store=store, **_passed_on(options), **_described(sources, options)
    )
    release, warning = examined(engine, store, summary.release, former=former)
    return replace(summary, release=release, warnings=(*summary.warnings, *([warning] if warning else [])))


def check_table(
    files: Sequence[str | Path | Source | TableReader], *, store: Store | None, **options: Unpack[LoadOptions]
) -> LoadSummary:
    """Check files as :func:`load_table` does and write nothing; see :func:`vo_server.load.release.check_files`."""
    sources = find_sources(files)
    return check_files(sources.files, store=store, **_passed_on(options), **_described(sources, options))


class _PassedOn(TypedDict, total=False):
    table: Required[str]
    version: str | None
    on_error: OnError | str
    n_jobs: int
    progress: Progress | None
    told: Callable[[SourceFile], None] | None


class _Described(TypedDict):
    describe: Describe
    are_types_needed: bool


def _passed_on(options: LoadOptions) -> _PassedOn:
    """Return the options that have nothing to do with how the table is described."""
    return cast("_PassedOn", {name: value for name, value in options.items() if name in _PassedOn.__annotations__})


def _described(sources: Sources, options: LoadOptions) -> _Described:
    """Return how the table is described, from a schema file where there is one."""
    schema = None
    schema_file = options.get("schema_file")
    if schema_file is not None:
        from ingest.spec import read_schema_file  # noqa: PLC0415 - Felis takes a second and 40 MB

        schema = read_schema_file(schema_file)
    return {
        "describe": partial(
            describe,
            schema=schema,
            text=options.get("description"),
            checks=CheckMode(options.get("checks", CheckMode.AS_DESCRIBED)),
            is_full=options.get("is_full", False),
            sources=sources,
        ),
        "are_types_needed": schema is None or schema.takes_extra(split_table_name(options["table"])[1]),
    }
