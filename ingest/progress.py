"""How far a load is, shown as a bar on a terminal and nowhere else."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from vo_server.load.progress import Progress, Silent

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["terminal_progress"]


class _Bar:
    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._task = bar.add_task("reading", total=None)

    def begin(self, total: int | None) -> None:
        self._bar.update(self._task, total=total)

    def advance(self, n_rows: int) -> None:
        self._bar.update(self._task, advance=n_rows)

    def say(self, what: str) -> None:
        self._bar.update(self._task, description=what)


@contextmanager
def terminal_progress() -> Iterator[Progress]:
    """Show a bar on standard error while the block runs, if that is a terminal."""
    if not sys.stderr.isatty():
        yield Silent()
        return
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with RichProgress(*parts, *times, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar)
