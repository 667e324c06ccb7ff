"""What a load has done, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vo_server.load.naming import name_warnings, positions_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vo_server.engine.base import LoadReport
    from vo_server.load.bad import BadRow
    from vo_server.load.description import Description
    from vo_server.load.outcome import Seen
    from vo_server.model.release import Release

__all__ = ["LoadSummary", "summary_of"]


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
    """On disk; 0 for files that were only checked."""
    seconds: float
    swept: tuple[str, ...] = field(default=())
    """Leftovers of earlier loads that were removed."""
    positions: str | None = None
    """Which columns were taken as positions, and why; None without positions."""

    @property
    def rows_per_second(self) -> float:
        """Speed of the whole load."""
        return self.n_rows / max(self.seconds, 1e-9)


def summary_of(
    described: Description,
    release: Release,
    seen: Seen,
    report: LoadReport | None,
    notes: Sequence[str],
    seconds: float,
    swept: tuple[str, ...] = (),
) -> LoadSummary:
    """Return the summary of a load, or of files that were only checked: then there is no report of an engine."""
    table = described.table
    return LoadSummary(
        release,
        seen.findings.n_rows,
        seen.bad.n_rows,
        tuple(seen.bad.first),
        dict(seen.findings.null_counts),
        (
            *name_warnings(table.schema, table.name),
            *described.warnings,
            *seen.warnings,
            *seen.findings.warnings(),
            *notes,
        ),
        0 if report is None else report.size_bytes,
        seconds,
        swept,
        positions_words(described),
    )
