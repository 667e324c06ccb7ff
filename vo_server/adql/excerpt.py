"""The place of a mistake, as compilers show it: the line, and carets below."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vo_server.errors import Span

__all__ = ["excerpt"]

MAX_BEFORE: Final = 60
"""Characters of the line that are shown before a mistake."""

MAX_AFTER: Final = 40
"""Characters of the line that are shown from the start of a mistake on, at least."""

_ELLIPSIS: Final = "..."


def excerpt(text: str, span: Span) -> str:
    """Return the line of a text that a span begins in, with carets below the span.

    Long lines are cut on both sides; characters that would move the line or the cursor are shown as spaces or
    question marks, so that the carets stand where they must in a terminal.

    Parameters
    ----------
    text
        The whole text.
    span
        A piece of it. Carets end where the line does.

    Returns
    -------
    str
        Two lines, or nothing when there is no line to show.
    """
    begin = max(text.rfind("\n", 0, span.start), text.rfind("\r", 0, span.start)) + 1
    line = text[begin:].split("\n", 1)[0].split("\r", 1)[0]
    offset = span.start - begin
    if not line.strip() or offset > len(line):
        return ""
    first = 0 if offset <= MAX_BEFORE else offset - MAX_BEFORE
    stop = min(len(line), max(offset + MAX_AFTER, min(span.end - begin, first + MAX_BEFORE + MAX_AFTER)))
    before, marked, after = line[first:offset], line[offset : max(offset, span.end - begin)][: stop - offset], ""
    after = line[offset + len(marked) : stop]
    head = _ELLIPSIS if first else ""
    tail = _ELLIPSIS if stop < len(line) else ""
    shown = head + "".join(map(_printable, before + marked + after)).rstrip() + tail
    indent = len(head) + sum(map(_width, before))
    return f"{shown}\n{' ' * indent}{'^' * max(1, sum(map(_width, marked)))}"


def _printable(character: str) -> str:
    if character.isspace():
        return " "
    return character if character.isprintable() or unicodedata.combining(character) else "?"


def _width(character: str) -> int:
    """Return how many columns of a terminal a character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
