"""``vo-server ingest load``: a load, or its rehearsal, that tells what came of each file whatever happens."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.files import check_report, print_files, write_report
from ingest.load import check_table, load_table
from ingest.progress import terminal_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.load import LoadOptions
    from vo_server.engine.base import Engine
    from vo_server.load.summary import LoadSummary
    from vo_server.model.release import SourceFile
    from vo_server.store.open import Store

__all__ = ["LoadJob"]


@dataclass(frozen=True)
class LoadJob:
    """Files to load, and how.

    Of the files that are read at once there are no more than there are cores.
    """

    files: Sequence[str]
    options: LoadOptions
    report: Path | None = None
    """Where what came of each file is written."""

    def load(self, engine: Engine, store: Store) -> LoadSummary:
        """Load the files."""
        with self._telling() as given:
            return load_table(self.files, engine=engine, store=store, **given)

    def check(self, store: Store | None) -> LoadSummary:
        """Check the files, and write nothing but the report."""
        with self._telling() as given:
            return check_table(self.files, store=store, **given)

    @contextmanager
    def _telling(self) -> Iterator[LoadOptions]:
        """Give what both need; tell at the end, be it good or bad, what came of the files so far."""
        if self.report is not None:
            check_report(self.report)
        came: list[SourceFile] = []
        try:
            with terminal_progress() as progress:
                n_jobs = min(self.options.get("n_jobs", 1), len(os.sched_getaffinity(0)))
                yield {**self.options, "n_jobs": n_jobs, "progress": progress, "told": came.append}
        finally:
            order = {Path(file).name: index for index, file in enumerate(self.files)}
            came.sort(key=lambda file: order.get(file.name, 0))
            if self.report is not None:
                write_report(self.report, came)
            if len(self.files) > 1 and came:
                print_files(came)
