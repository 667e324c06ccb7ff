"""A release: one immutable load of a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vo_server.model.changes import Changes
from vo_server.model.check import CheckResult
from vo_server.model.table import Table

__all__ = ["FileState", "Release", "SourceFile"]


class FileState(StrEnum):
    """What a load has done with a file."""

    LOADED = "loaded"
    RESUMED = "resumed"
    """Its rows had been staged by an earlier load that did not come to its end."""
    CHECKED = "checked"
    """Read and checked by a load that writes nothing."""
    FAILED = "failed"
    UNREAD = "unread"
    """Left alone, because the load ended when another file could not be opened or did not fit."""


@dataclass(frozen=True)
class SourceFile:
    """A file that a release was made from."""

    name: str
    size_bytes: int
    sha256: str
    n_rows: int
    n_bad_rows: int = 0
    seconds: float | None = None
    """How long reading, checking and staging it took [s]; other files may have been loaded meanwhile."""
    state: FileState = FileState.LOADED
    error: str | None = None
    """What is wrong with a file that failed."""


@dataclass(frozen=True)
class Release:
    """One immutable load of a table: its description as loaded, where it lies, what it came from."""

    table: Table
    """With ``release``, ``location`` and ``n_rows`` set."""
    version: str
    """Unique among the releases of the table."""
    created: datetime
    sources: tuple[SourceFile, ...] = ()
    code_version: str = ""
    is_current: bool = False
    checks: tuple[CheckResult, ...] = ()
    """What the checks of the load found."""
    checksum: str | None = None
    """Of the rows; None where it was not computed."""
    changes: Changes | None = None
    """Against the release that was current before; None where it was not computed."""
