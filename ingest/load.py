"""Load files as a release of a table that a Felis file may describe."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypedDict

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

__all__ = ["check_table", "load_table"]


def load_table(
    files: Sequence[str | Path | Source | TableReader],
    *,
    table: str,
    engine: Engine,
    store: Store,
    schema_file: str | Path | None = None,
    description: str | None = None,
    version: str | None = None,
    on_error: OnError | str = OnError.REFUSE,
    checks: CheckMode | str = CheckMode.AS_DESCRIBED,
    is_full: bool = False,
    n_jobs: int = 1,
    progress: Progress | None = None,
    told: Callable[[SourceFile], None] | None = None,
) -> LoadSummary:
    """Load files as a new release of a table; see :func:`vo_server.load.release.load_files`.

    Once it is published its checksum is computed, and its changes since the release before are counted.

    Parameters
    ----------
    schema_file
        Felis description; wins over what the files say. A file of several tables is asked for the table's name.
    description
        Description of the table; wins over that of the files.
    checks
        Whether the checks of the description hold as they are described, only warn, or are left out.
    is_full
        Whether the files are a complete release, which binds numbers of rows.

    Raises
    ------
    IngestError, UsageError
        As there.
    SchemaFileError
        If the description does not hold together.
    """
    sources = find_sources(files, spool=engine.work_folder)
    former = current_release(store, table)
    summary = load_files(
        sources.files,
        table=table,
        engine=engine,
        store=store,
        version=version,
        on_error=on_error,
        n_jobs=n_jobs,
        progress=progress,
        told=told,
        **_described(sources, schema_file, table, description, CheckMode(checks), is_full=is_full),
    )
    release, warning = examined(engine, store, summary.release, former=former)
    return replace(summary, release=release, warnings=(*summary.warnings, *([warning] if warning else [])))


def check_table(
    files: Sequence[str | Path | Source | TableReader],
    *,
    table: str,
    store: Store | None,
    schema_file: str | Path | None = None,
    description: str | None = None,
    version: str | None = None,
    on_error: OnError | str = OnError.REFUSE,
    checks: CheckMode | str = CheckMode.AS_DESCRIBED,
    is_full: bool = False,
    n_jobs: int = 1,
    progress: Progress | None = None,
    told: Callable[[SourceFile], None] | None = None,
) -> LoadSummary:
    """Check files as :func:`load_table` does and write nothing; see :func:`vo_server.load.release.check_files`."""
    sources = find_sources(files)
    return check_files(
        sources.files,
        table=table,
        store=store,
        version=version,
        on_error=on_error,
        n_jobs=n_jobs,
        progress=progress,
        told=told,
        **_described(sources, schema_file, table, description, CheckMode(checks), is_full=is_full),
    )


class _Described(TypedDict):
    describe: Describe
    are_types_needed: bool


def _described(
    sources: Sources,
    schema_file: str | Path | None,
    table: str,
    description: str | None,
    checks: CheckMode,
    *,
    is_full: bool,
) -> _Described:
    """Return how the table is described, from a schema file where there is one."""
    schema = None
    if schema_file is not None:
        from ingest.spec import read_schema_file  # noqa: PLC0415 - Felis takes a second and 40 MB

        schema = read_schema_file(schema_file)
    return {
        "describe": partial(describe, schema=schema, text=description, checks=checks, is_full=is_full, sources=sources),
        "are_types_needed": schema is None or schema.takes_extra(split_table_name(table)[1]),
    }
