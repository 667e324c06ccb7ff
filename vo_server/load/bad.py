"""Rows with something wrong in them: what happens to them, how many there are, and what is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from vo_server.errors import IngestError

__all__ = ["LISTED", "BadRow", "BadRows", "OnError"]

LISTED: Final = 10
"""How many bad rows are told one by one."""


class OnError(StrEnum):
    """What happens to rows that cannot be taken over as they are."""

    REFUSE = "refuse"
    """The load fails after all rows were checked."""
    SKIP = "skip"
    """The rows are left out."""
    KEEP = "keep"
    """The values are replaced by NULL; rows that cannot be cut into values, or must not be NULL, are left out."""


@dataclass(frozen=True)
class BadRow:
    """A row with something wrong in it."""

    file: str
    row: int
    column: str | None
    message: str

    def __str__(self) -> str:
        column = "" if self.column is None else f", column {self.column}"
        return f"{self.file}, row {self.row}{column}: {self.message}"


@dataclass
class BadRows:
    """Bad rows: all counted, the first ones remembered."""

    n_rows: int = 0
    first: list[BadRow] = field(default_factory=list)

    def count(self, n_rows: int) -> None:
        """Count bad rows."""
        self.n_rows += n_rows

    def remember(self, row: BadRow) -> None:
        """Keep a row for the report, if there is room."""
        if len(self.first) < LISTED:
            self.first.append(row)

    def merge(self, other: BadRows) -> None:
        """Add those of another file."""
        self.n_rows += other.n_rows
        self.first.extend(other.first[: LISTED - len(self.first)])

    def to_plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"n_rows": self.n_rows, "first": [asdict(row) for row in self.first]}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Make what :meth:`to_plain` has written."""
        return cls(plain["n_rows"], [BadRow(**row) for row in plain["first"]])

    def raise_if_any(self, n_good: int) -> None:
        """Raise IngestError when there is a bad row."""
        if self.n_rows == 0:
            return
        listed = "".join(f"\n  {row}" for row in self.first)
        more = f"; the first {len(self.first)}" if self.n_rows > len(self.first) else ""
        raise IngestError(
            f"{self.n_rows} of {self.n_rows + n_good} rows cannot be loaded{more}:{listed}",
            hint="--on-error skip leaves such rows out, --on-error keep puts NULL in place of their bad values",
        )
