"""Find out how a CSV file is written: separator, header line, comment lines before it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import Final

from vo_server.errors import IngestError

__all__ = ["CsvForm", "sniff"]

SEPARATORS: Final = (",", ";", "\t", "|")
_SAMPLE_LINES: Final = 50
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class CsvForm:
    """How a file is written."""

    separator: str
    names: tuple[str, ...]
    n_lines_before: int
    """Lines before the first data line, the header included."""
    comments: tuple[str, ...] = ()
    """Comment lines before the header, without their ``#``."""


def sniff(sample: str, *, file: str, separator: str | None = None) -> CsvForm:
    """Find out how a file is written from its first lines.

    The separator is the candidate that cuts the header and the lines below it into the same number of fields, more
    than one; a file of one column has none. Lines that start with ``#`` before the header are comments, unless the
    last of them is the header itself: it has as many fields as the first data line, and that one has a number in it.

    Parameters
    ----------
    sample
        The first lines of the file.
    separator
        The separator, when it is known.

    Raises
    ------
    IngestError
        If the file is empty or has no header line.
    """
    lines = sample.splitlines()[:_SAMPLE_LINES]
    n_before = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if n_before is None:
        raise IngestError("the file has no header line", file=file, hint="the first line must name the columns")
    comments = [line[1:].strip() for line in lines[:n_before] if line.startswith("#")]
    chosen = separator or _separator(lines[n_before:])
    first = _fields(lines[n_before], chosen)
    has_numbers = any(_NUMBER.fullmatch(field.strip()) for field in first)
    if has_numbers and comments:
        names = _fields(comments[-1], chosen)
        if len(names) == len(first):
            return CsvForm(chosen, tuple(name.strip() for name in names), n_before, tuple(comments[:-1]))
    if has_numbers and not any(re.search("[A-Za-z]", field) for field in first):
        raise IngestError(
            f"the first line has no column names but values: {lines[n_before][:60]!r}",
            file=file,
            hint="add a header line that names the columns",
        )
    return CsvForm(chosen, tuple(name.strip() for name in first), n_before + 1, tuple(comments))


def _separator(lines: list[str]) -> str:
    """Return the separator that fits best; the comma when none cuts anything."""
    best, best_score = ",", (0, 0)
    # A last line may be cut by the end of the sample.
    sample = lines[:1] + lines[1:-1] if len(lines) > 2 else lines  # noqa: PLR2004 - header and one data line
    for separator in SEPARATORS:
        counts = [len(_fields(line, separator)) for line in sample if line.strip()]
        if counts[0] < 2:  # noqa: PLR2004 - one field is not cut
            continue
        agreeing = sum(count == counts[0] for count in counts)
        score = (agreeing, counts[0])
        if score > best_score:
            best, best_score = separator, score
    return best


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader(io.StringIO(line), delimiter=separator), [])
