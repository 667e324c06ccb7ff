"""What a query would cost its caller: the plan, the size of the answer, and which limit would cut it.

The one place where an estimate is put into words; every format, jobs and the command line tell what is said here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vo_server.model.plan import Basis, Plan, approximately
from vo_server.model.query import Query
from vo_server.model.truncation import LimitKind

if TYPE_CHECKING:
    from vo_server.model.truncation import Limit

__all__ = ["Estimate", "Outlook"]

_BASES: Final = {
    Basis.EXACT: "that is certain",
    Basis.SAMPLE: "found by trying the query on a part of the rows",
    Basis.STATISTICS: "by the statistics of the database",
    Basis.GUESS: "a guess, which may be wrong by far",
}

_LIMITS: Final = {
    LimitKind.MAXREC: "the MAXREC of the request",
    LimitKind.DEFAULT_ROWS: "the service's default limit, which holds without MAXREC",
    LimitKind.HARD_ROWS: "the service's hard limit",
    LimitKind.SIZE: "the service's limit for the size of one answer",
    LimitKind.TIMEOUT: "the longest time that the query may run",
}


@dataclass(frozen=True)
class Outlook:
    """A limit, and whether the answer is likely to meet it."""

    limit: Limit
    would_cut: bool | None
    """None when there is no saying, as for time."""


@dataclass(frozen=True)
class Estimate:
    """What a query would cost."""

    query: Query
    plan: Plan
    outlooks: tuple[Outlook, ...]
    """The limits that hold for the caller, those on rows first."""
    notes: tuple[str, ...] = ()
    """What was accepted although the standard does not have it."""

    @property
    def rows(self) -> int | None:
        """Rows of the whole answer; None when there is no saying."""
        return None if self.plan.rows is None else round(self.plan.rows)

    @property
    def row_bytes(self) -> float:
        """Mean size of a row, before it is written in a format [bytes]."""
        return self.plan.row_bytes

    @property
    def size_bytes(self) -> int | None:
        """Size of the whole answer before it is written in a format [bytes]; None when there is no saying."""
        return None if self.plan.rows is None else round(self.plan.rows * self.plan.row_bytes)

    @property
    def cut_by(self) -> Limit | None:
        """The limit that would cut the answer; None when none is likely to."""
        return next((one.limit for one in self.outlooks if one.would_cut), None)

    @property
    def words(self) -> tuple[str, ...]:
        """All of it in words, a line each."""
        steps = self.plan.words or ("nothing has to be read",)
        return (
            f"answer: {self._answer()}",
            f"index: {'used' if self.plan.uses_index else 'not used'}; rows to look at: {self._rows_read()}",
            f"cut: {self._cut()}",
            *(f"step {number}: {text}" for number, text in enumerate(steps, start=1)),
            *(f"note: {text}" for text in self.notes),
        )

    def _answer(self) -> str:
        if self.size_bytes is None:
            return approximately(None)
        exactly = f"{self.rows} {'row' if self.rows == 1 else 'rows'}"
        rows = exactly if self.plan.basis is Basis.EXACT else approximately(self.plan.rows)
        return f"{rows}, {_size(self.size_bytes)} before a format is chosen ({_BASES[self.plan.basis]})"

    def _rows_read(self) -> str:
        return approximately(self.plan.rows_read).removesuffix(" rows").removesuffix(" row")

    def _cut(self) -> str:
        limit = self.cut_by
        if limit is not None:
            return f"by {_LIMITS[limit.kind]}, {limit.value} {limit.kind.unit}{'s' if limit.value != 1 else ''}"
        seconds = next((one.limit.value for one in self.outlooks if one.limit.kind is LimitKind.TIMEOUT), None)
        return "by no limit on rows or size" + ("" if seconds is None else f"; the query may run for {seconds} s")


def _size(size_bytes: int) -> str:
    """Write a size with two digits."""
    value, units = float(size_bytes), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:  # noqa: PLR2004 - of decimal units
        value, units = value / 1000, units[1:]
    return f"about {value:.2g} {units[0]}" if value < 100 else f"about {value:.0f} {units[0]}"  # noqa: PLR2004
