"""Runs the files of a load side by side, each into a part of its own, and gathers what came of them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self
from zlib import crc32

from vo_server.errors import IngestError
from vo_server.load.bad import BadRows, OnError
from vo_server.load.checks import Findings
from vo_server.load.naming import late_warnings
from vo_server.load.outcome import FileOutcome, Seen
from vo_server.load.run import FileRun
from vo_server.load.statistics import Statistics
from vo_server.model.release import FileState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from vo_server.engine.base import PartWriter
    from vo_server.load.description import Description
    from vo_server.load.inputs import Input
    from vo_server.load.progress import Progress

__all__ = ["Nowhere", "Stream", "Totals", "gathered"]


@dataclass
class Totals:
    """Rows of all files so far."""

    n_rows: int = 0
    n_bytes: int = 0
    """Volume of the rows as Arrow has them in memory [bytes]."""


class Nowhere:
    """A part that forgets its rows; a :class:`~vo_server.engine.base.PartWriter`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, batch: pa.RecordBatch) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""

    def commit(self, key: str, note: str) -> None:
        """Do nothing."""


class _StoppedError(Exception):
    """Ends a file because another one has ended the load."""


class Stream:
    """The files of a load.

    Parameters
    ----------
    description
        What the table is to be.
    part
        Begins a part of the staged rows.
    state
        What files are called that went well.
    on_error
        What happens to bad rows.
    progress
        Is told how far the load is.
    watch
        Is told how much there is after each batch, before it is written; what it raises ends the load.
    told
        Is given what came of each file, as soon as that is known.
    """

    def __init__(
        self,
        description: Description,
        part: Callable[[], AbstractContextManager[PartWriter]],
        *,
        state: FileState = FileState.LOADED,
        on_error: OnError,
        progress: Progress,
        watch: Callable[[Totals], None] | None = None,
        told: Callable[[FileOutcome], None] | None = None,
    ) -> None:
        self._description = description
        self._part = part
        self._state = state
        self._on_error = on_error
        self._progress = progress
        self._watch = watch
        self._told = told
        self._totals = Totals()
        self.statistics = Statistics(description.table)
        """Of the rows of all files so far."""
        self._guard = threading.Lock()
        self._stop = threading.Event()

    def load(
        self, inputs: Sequence[Input], *, n_jobs: int, staged: Mapping[int, FileOutcome] | None = None
    ) -> list[FileOutcome]:
        """Load all files but those that are staged; a file that cannot be read does not keep the others from it.

        Parameters
        ----------
        inputs
            The files.
        n_jobs
            How many are read at once.
        staged
            What came of files in an earlier load, by their index.

        Returns
        -------
        list of FileOutcome
            One for each file, in their order.
        """
        staged = staged or {}
        resumed = {}
        for index, outcome in staged.items():
            self._see(outcome.seen.findings.n_rows, outcome.seen.findings.n_bytes)
            self._progress.advance(outcome.seen.findings.n_rows)
            resumed[index] = replace(outcome, seen=self._counted(outcome.seen))
            self._tell(outcome)
        waiting = [(index, one) for index, one in enumerate(inputs) if index not in staged]
        if n_jobs == 1 or len(waiting) == 1:
            done = {index: self._load(index, one) for index, one in waiting}
        else:
            done = self._side_by_side(waiting, n_jobs)
        done.update(resumed)
        return [done[index] for index in range(len(inputs))]

    def _side_by_side(self, waiting: Sequence[tuple[int, Input]], n_jobs: int) -> dict[int, FileOutcome]:
        with ThreadPoolExecutor(n_jobs, thread_name_prefix="load") as pool:
            futures = {index: pool.submit(self._load, index, one) for index, one in waiting}
            try:
                wait(futures.values(), return_when=FIRST_EXCEPTION)
                failed = [future for future in futures.values() if future.done() and future.exception()]
                if failed:
                    failed[0].result()
            finally:
                # After an interruption, or the failure of one file: the others end with their next batch.
                self._stop.set()
                pool.shutdown(cancel_futures=True)
            return {index: future.result() for index, future in futures.items()}

    def _load(self, index: int, one: Input) -> FileOutcome:
        if self._stop.is_set():
            raise _StoppedError
        begin = time.monotonic()
        with self._guard:
            # Another file draws other rows, when a load is resumed with more files, too.
            statistics = self.statistics.part(seed=crc32(f"{index} {one.name}".encode()))
        run = FileRun(self._description, one.reader, on_error=self._on_error, see=self._see, statistics=statistics)
        size_bytes = 0 if one.source is None else one.source.size_bytes
        error: IngestError | None = None
        stamping = one.stamping()
        try:
            with stamping, self._part() as part:
                run.load(part.write, self._advance)
                part.end()
                key = one.key(stamping.result())
                seconds = time.monotonic() - begin
                seen = Seen(run.findings, run.bad, tuple(late_warnings([one.reader])), seconds, statistics)
                if not run.is_refused:
                    part.commit(key, seen.encode())
                seen = self._counted(seen)
        except IngestError as raised:
            error = raised
            seen = Seen(run.findings, run.bad, (), time.monotonic() - begin)
        state = FileState.FAILED if error is not None or run.is_refused else self._state
        if one.source is not None:
            one.source.release()
        outcome = FileOutcome(one.name, size_bytes, stamping.sha256, state, seen, one.source is not None, error)
        self._tell(outcome)
        return outcome

    def _counted(self, seen: Seen) -> Seen:
        """Add the statistics of a file to those of all, so that not every one is kept until the end."""
        if seen.statistics is not None:
            with self._guard:
                self.statistics.merge(seen.statistics)
        return replace(seen, statistics=None)

    def _advance(self, n_rows: int) -> None:
        if self._stop.is_set():
            raise _StoppedError
        with self._guard:
            self._progress.advance(n_rows)

    def _see(self, n_rows: int, n_bytes: int) -> None:
        with self._guard:
            self._totals.n_rows += n_rows
            self._totals.n_bytes += n_bytes
            if self._watch is not None:
                self._watch(self._totals)

    def _tell(self, outcome: FileOutcome) -> None:
        if self._told is not None:
            with self._guard:
                self._told(outcome)


def gathered(description: Description, outcomes: Sequence[FileOutcome], on_error: OnError) -> Seen:
    """Return what was seen of all files.

    Raises
    ------
    IngestError
        If a file could not be read, or there are bad rows and they are to be refused.
    """
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    if failed:
        raise failed[0]
    findings, bad = Findings(description.table), BadRows()
    for outcome in outcomes:
        findings.merge(outcome.seen.findings)
        bad.merge(outcome.seen.bad)
    if on_error is OnError.REFUSE:
        bad.raise_if_any(findings.n_rows)
    warnings = dict.fromkeys(text for outcome in outcomes for text in outcome.seen.warnings)
    return Seen(findings, bad, tuple(warnings), sum(outcome.seen.seconds for outcome in outcomes))
