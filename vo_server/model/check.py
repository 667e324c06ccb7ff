"""Checks of a release as a whole: what must hold of its rows, what happens when it does not, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Action", "Check", "CheckKind", "CheckResult", "Verdict"]


class Action(StrEnum):
    """What happens when a check does not hold."""

    FAIL = "fail"
    """The release is refused, and the old one stays."""
    WARN = "warn"
    """The release is published, and the publisher is told."""


class CheckKind(StrEnum):
    """What a check looks at."""

    HOLDS = "holds"
    """A condition that every row fulfils."""
    UNIQUE = "unique"
    """Columns in which no two rows are the same."""
    N_ROWS = "n_rows"
    """The number of rows of a complete release."""
    DEGREES = "degrees"
    """Positions that are not radians in disguise."""


@dataclass(frozen=True)
class Check:
    """Something that must hold of the rows of a release."""

    name: str
    """Unique among the checks of a table."""
    kind: CheckKind
    action: Action = Action.FAIL
    description: str | None = None
    """Why it must hold, for whoever reads that it does not."""
    holds: str = ""
    """The condition in ADQL, of :attr:`CheckKind.HOLDS`."""
    is_null_bad: bool = False
    """Whether rows for which the condition is neither true nor false break it; as in SQL's CHECK they do not."""
    columns: tuple[str, ...] = ()
    """Of :attr:`CheckKind.UNIQUE`, the columns; of the others, what tells a row from others in a message."""
    n_rows: int = 0
    """Of :attr:`CheckKind.N_ROWS`, the right number."""
    tolerated_rows: int = 0
    """How many rows may break it."""
    tolerated_fraction: float = 0.0
    """Which share of the rows may break it, in [0, 1]; the larger of both tolerances counts."""


class Verdict(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    TOLERATED = "tolerated"
    """Rows broke it, not more than are tolerated."""
    WARNED = "warned"
    FAILED = "failed"


@dataclass(frozen=True)
class CheckResult:
    """What a check found; kept with the release."""

    name: str
    verdict: Verdict
    n_bad: int = 0
    """Rows that broke it; for a number of rows, by how many it is off."""
    message: str = ""
    """What is wrong, with the first rows that are; empty when nothing is."""
