"""What came of one file of a load, and how it is written down beside the staged rows."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from vo_server.load.bad import BadRows
from vo_server.load.checks import Findings
from vo_server.load.statistics import Statistics
from vo_server.model.release import FileState, SourceFile

if TYPE_CHECKING:
    from vo_server.errors import IngestError
    from vo_server.model.table import Table

__all__ = ["FileOutcome", "Seen"]


@dataclass(frozen=True)
class Seen:
    """What was seen of the rows of a file: all that a load needs to know of them at its end."""

    findings: Findings
    bad: BadRows
    warnings: tuple[str, ...] = ()
    """What the reader noticed."""
    seconds: float = 0.0
    """How long the file took."""
    statistics: Statistics | None = None
    """Of the rows, until they are merged with those of the other files."""

    def encode(self) -> str:
        """Write it as JSON."""
        plain: dict[str, Any] = {
            "findings": self.findings.to_plain(),
            "bad": self.bad.to_plain(),
            "warnings": self.warnings,
            "seconds": self.seconds,
        }
        if self.statistics is not None:
            plain["statistics"] = b64encode(self.statistics.encode()).decode("ascii")
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str, table: Table) -> Self:
        """Read what :meth:`encode` has written of rows of the same table."""
        plain = json.loads(text)
        findings = Findings.from_plain(table, plain["findings"])
        statistics = Statistics.decode(b64decode(plain["statistics"]), table)
        return cls(findings, BadRows.from_plain(plain["bad"]), tuple(plain["warnings"]), plain["seconds"], statistics)


@dataclass(frozen=True)
class FileOutcome:
    """What came of a file."""

    name: str
    size_bytes: int
    sha256: str
    state: FileState
    seen: Seen
    is_file: bool = True
    """False for rows that are in no file."""
    error: IngestError | None = None
    """Why the file cannot be loaded."""

    def to_source(self) -> SourceFile:
        """Return what is reported and kept of it."""
        return SourceFile(
            self.name,
            self.size_bytes,
            self.sha256,
            self.seen.findings.n_rows,
            self.seen.bad.n_rows,
            round(self.seen.seconds, 3),
            self.state,
            None if self.error is None else str(self.error),
        )
