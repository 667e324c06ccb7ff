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
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?\d+[: ]\d+[: ]\d+(\.\d*)?")
_MANY_WORDS: Final = 4
"""So many words make a sentence or a row, not a name."""
_HINT: Final = "add a header line that names the columns, or convert the table to ECSV, e.g. with astropy"


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
    if separator is None:
        _check_header(first, lines[n_before:], file)
    return CsvForm(chosen, tuple(name.strip() for name in first), n_before + 1, tuple(comments))


def _check_header(header: list[str], lines: list[str], file: str) -> None:
    """Refuse a first line that names no columns: the names would be wrong and a row would be lost."""
    shown = repr(lines[0][:60])
    n_numbers = sum(_NUMBER.fullmatch(field.strip()) is not None for field in header)
    has_letters = any(re.search("[^\\W\\d_]", field) for field in header)
    if n_numbers and (not has_letters or 2 * n_numbers > len(header)):
        raise IngestError(
            f"no header line: the first line has no column names but values: {shown}", file=file, hint=_HINT
        )
    if len(header) == 1 and _is_uncut(header[0], [line for line in lines[1:-1] or lines[1:] if line.strip()]):
        raise IngestError(
            f"one column only; is this file separated by commas? Its first line is {shown}",
            file=file,
            hint="commas, semicolons, tabs and bars are known; convert other tables to ECSV, e.g. with astropy",
        )


def _is_uncut(header: str, lines: list[str]) -> bool:
    """Tell whether a line that no separator cuts is not the name of a single column.

    It is none if it is a sentence or looks like data or aligned fields, or if the lines below are such.
    """
    words = header.split()
    if not re.search(r"[^\W\d_]", header) or re.search(r"\S\s{2,}\S", header) or len(words) >= _MANY_WORDS:
        return True
    if len(words) > 1 and any(_NUMBER.fullmatch(word) for word in words):
        return True
    rows = [line.split() for line in lines]
    if not rows:
        return False
    if len(words) > 1 and all(len(row) == len(words) and any(map(_NUMBER.fullmatch, row)) for row in rows):
        # "HD 1" below "Star name" is a name, and "1.5 2.5" below "ra dec" are two numbers.
        return len(words) > 2 or all(map(_NUMBER.fullmatch, rows[0]))  # noqa: PLR2004 - as said
    return 2 * sum(len(row) >= _MANY_WORDS for row in rows) >= len(rows)


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
