"""What the headers and the trailers of an answer tell of its completeness, for formats that cannot say it inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vo_server.errors import VoError
    from vo_server.model.job import JobResult
    from vo_server.model.query import QueryResult

__all__ = ["NAMES", "TRAILERS", "known_after", "known_before", "stored"]

_MAXREC: Final = "X-VO-Maxrec"
"""The row limit that holds for the answer."""
_LIMIT: Final = "X-VO-Limit"
"""Which row limit that is: maxrec, default-rows or hard-rows."""
_TOTAL: Final = "X-VO-Total-Rows"
"""Rows of the whole answer, where that is known without counting."""
_OVERFLOW: Final = "X-VO-Overflow"
"""Whether rows are left out; a header where that is known before the rows, else a trailer."""
_ROWS: Final = "X-VO-Rows"
"""Rows that were sent."""
_STATUS: Final = "X-VO-Status"
"""What QUERY_STATUS says at the end: OK, OVERFLOW or ERROR."""
_MESSAGE: Final = "X-VO-Message"
"""Which limit cut the answer and how to get the rest, or what went wrong."""

NAMES: Final = (_MAXREC, _LIMIT, _TOTAL, _OVERFLOW, _ROWS, _STATUS, _MESSAGE)
"""All of them, for scripts of other sites (CORS)."""

TRAILERS: Final = (_ROWS, _STATUS, _OVERFLOW, _MESSAGE)
"""Those that come after the rows."""


def known_before(result: QueryResult) -> dict[str, str]:
    """Return what is known of an answer before its first byte."""
    told = {_MAXREC: str(result.maxrec)}
    if result.limit is not None:
        told[_LIMIT] = str(result.limit.kind)
    if result.total_rows is not None:
        told[_TOTAL] = str(result.total_rows)
    cut = result.truncation
    if cut is not None:
        told |= {_OVERFLOW: "true", _MESSAGE: _latin(cut.message)}
    return told


def known_after(result: QueryResult, failure: VoError | None = None) -> dict[str, str]:
    """Return what is known of an answer after its last row.

    Parameters
    ----------
    result
        The result, read to its end.
    failure
        What ended it too early; None when nothing did.
    """
    told = {_ROWS: str(result.n_rows)}
    if failure is not None:
        return told | {_STATUS: "ERROR", _MESSAGE: _latin(str(failure))}
    cut = result.truncation
    return told | _told_of(None if cut is None else cut.message)


def stored(result: JobResult) -> dict[str, str]:
    """Return the same of the stored result of a job: all that headers and trailers of a synchronous answer tell."""
    told = {_ROWS: str(result.n_rows)}
    if result.limit is not None and result.limit.kind.unit == "row":
        told[_MAXREC] = str(result.limit.value)
    if result.limit is not None:
        told[_LIMIT] = str(result.limit.kind)
    if result.total_rows is not None:
        told[_TOTAL] = str(result.total_rows)
    return told | _told_of((result.overflow_message or "rows are left out") if result.overflow else None)


def _told_of(overflow: str | None) -> dict[str, str]:
    if overflow is None:
        return {_STATUS: "OK", _OVERFLOW: "false"}
    return {_STATUS: "OVERFLOW", _OVERFLOW: "true", _MESSAGE: _latin(overflow)}


def _latin(text: str) -> str:
    """Return a text as a header field can carry it: one line of visible ASCII."""
    return "".join(character if character.isascii() and character.isprintable() else "?" for character in text)
