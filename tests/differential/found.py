"""Queries on which the engines once differed, kept in ``found.adql``: blocks of a remark and a query."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Found", "found"]

_FILE = Path(__file__).with_name("found.adql")


@dataclass(frozen=True)
class Found:
    """A query, and what was wrong with it."""

    remark: str
    adql: str
    is_close: bool
    """Whether numbers need only be equal to rounding."""


def found() -> list[Found]:
    """Return the queries."""
    blocks = _FILE.read_text(encoding="utf-8").split("\n\n")
    made = []
    for block in blocks:
        remarks = [line.removeprefix("--").strip() for line in block.splitlines() if line.startswith("--")]
        adql = "\n".join(line for line in block.splitlines() if line and not line.startswith("--"))
        if adql:
            remark = " ".join(remarks)
            made.append(Found(remark, adql, remark.endswith("(to rounding)")))
    return made
