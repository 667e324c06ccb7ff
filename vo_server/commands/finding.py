"""What the doctor has found: one line of its report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Verdict"]


class Verdict(StrEnum):
    """How a thing that was looked at is."""

    OK = "ok"
    NOTE = "note"
    """Not there, and not needed for what is set up now."""
    FAULT = "FAULT"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    verdict: Verdict
    text: str
    hint: str | None = None
