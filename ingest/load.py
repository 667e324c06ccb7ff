"""Load files as a release of a table that a Felis file may describe."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ingest.checks import CheckMode
from ingest.describe import describe
from ingest.sources import find_sources
from ingest.spec import read_schema_file
from vo_server.load.naming import split_table_name
from vo_server.load.release import LoadSummary, load_files
from vo_server.load.run import OnError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vo_server.engine.base import Engine
    from vo_server.formats.read.base import TableReader
    from vo_server.load.progress import Progress
    from vo_server.store.open import Store

__all__ = ["load_table"]


def load_table(
    files: Sequence[str | Path | TableReader],
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
    progress: Progress | None = None,
) -> LoadSummary:
    """Load files as a new release of a table; see :func:`vo_server.load.release.load_files`.

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
    schema = None if schema_file is None else read_schema_file(schema_file)
    sources = find_sources(files)
    return load_files(
        sources.files,
        table=table,
        engine=engine,
        store=store,
        describe=partial(
            describe,
            schema=schema,
            text=description,
            checks=CheckMode(checks),
            is_full=is_full,
            sources=sources,
        ),
        are_types_needed=schema is None or schema.takes_extra(split_table_name(table)[1]),
        version=version,
        on_error=on_error,
        progress=progress,
    )
