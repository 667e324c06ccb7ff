"""What cuts an answer short: which limit, whose it is, how many rows there are, how to get the rest.

The one place where this is put into words; writers, headers, jobs and the command line all tell what is said here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from vo_server.errors import QueryTimeoutError

if TYPE_CHECKING:
    from vo_server.model.query import Query

__all__ = ["Limit", "LimitKind", "Owner", "Rest", "Truncation", "late", "row_limit"]

_LONGEST_LINK: Final = 4000
"""Characters of a link; longer ones do not pass through all clients and proxies, and are not given."""


class Owner(StrEnum):
    """Whose limit it is."""

    CALLER = "caller"
    SERVICE = "service"


class LimitKind(StrEnum):
    """Limits that can cut an answer; the values are told to clients and stay as they are."""

    MAXREC = "maxrec"
    """The MAXREC of the request [rows]."""
    DEFAULT_ROWS = "default-rows"
    """What the service sends to those who give no MAXREC [rows]."""
    HARD_ROWS = "hard-rows"
    """What the service sends to nobody [rows]."""
    SIZE = "size"
    """Largest volume of the rows of one answer [bytes]."""
    TIMEOUT = "timeout"
    """Longest run of the query [s]; an answer that meets it ends with an error, not with an overflow."""

    @property
    def owner(self) -> Owner:
        """Whose limit it is."""
        return Owner.CALLER if self is LimitKind.MAXREC else Owner.SERVICE

    @property
    def unit(self) -> str:
        """Unit of the limit's value."""
        return {LimitKind.SIZE: "byte", LimitKind.TIMEOUT: "s"}.get(self, "row")


@dataclass(frozen=True)
class Limit:
    """A limit that holds for one answer."""

    kind: LimitKind
    value: int
    """In the unit of its kind."""


def row_limit(asked: int | None, *, default: int, hard: int) -> Limit:
    """Return the row limit of an answer.

    Parameters
    ----------
    asked
        MAXREC of the request; None when there is none.
    default, hard
        Row limits of the service: for those who do not ask, and for everybody.
    """
    if asked is not None and asked <= hard:
        return Limit(LimitKind.MAXREC, asked)
    if asked is None and default < hard:
        return Limit(LimitKind.DEFAULT_ROWS, default)
    return Limit(LimitKind.HARD_ROWS, hard)


@dataclass(frozen=True)
class Rest:
    """How to get what an answer leaves out."""

    hard_maxrec: int | None = None
    """Row limit that nobody passes; None when it is not known."""
    async_url: str | None = None
    """URL of the asynchronous jobs; None when the service does not know where it is reached, or has no jobs."""
    is_job: bool = False
    """Whether the answer is that of a job, so that another job would not help against time."""

    def link(self, query: Query, *, maxrec: int | None = None, duration_s: int | None = None) -> str | None:
        """Return a URL that starts a job of the same query when it is POSTed to; None when there can be none.

        A URL cannot name tables that came in the body of the request.

        Parameters
        ----------
        query
            The query.
        maxrec
            Row limit of the job; None for that of the query.
        duration_s
            Execution duration of the job [s], 0 for the longest; None for the usual one.
        """
        if self.async_url is None or any(upload.label is not None for upload in query.uploads):
            return None
        wanted = query.maxrec if maxrec is None else maxrec
        given = {
            "PHASE": "RUN",
            "LANG": str(query.lang),
            "RESPONSEFORMAT": query.response_format,
            "MAXREC": wanted,
            "EXECUTIONDURATION": duration_s,
            "UPLOAD": ";".join(f"{upload.name},{upload.uri}" for upload in query.uploads) or None,
            "QUERY": query.adql,
        }
        url = f"{self.async_url}?{urlencode({name: value for name, value in given.items() if value is not None})}"
        return url if len(url) <= _LONGEST_LINK else self.async_url


@dataclass(frozen=True)
class Truncation:
    """An answer that has fewer rows than the query has."""

    limit: Limit
    """What cut it."""
    total_rows: int | None = None
    """Rows of the whole answer; None when they are not known without counting."""
    hard_maxrec: int | None = None
    """The largest MAXREC that the service takes; None when it is not known."""
    link: str | None = None
    """URL that starts a job for the whole answer when it is POSTed to; None when a job would not help."""

    @property
    def message(self) -> str:
        """All of it in words, e.g. for the text of QUERY_STATUS."""
        return f"{self._what()}; {self._remedy()}"

    @property
    def facts(self) -> dict[str, str]:
        """All of it as names and values, for INFO elements and for the metadata of files."""
        known = {
            "TRUNCATED_BY": str(self.limit.kind),
            "TRUNCATED_BY_OWNER": str(self.limit.kind.owner),
            "TRUNCATED_AT": f"{self.limit.value} {self.limit.kind.unit}",
            "TOTAL_ROWS": None if self.total_rows is None else str(self.total_rows),
            "ASYNC_LINK": self.link,
        }
        return {name: value for name, value in known.items() if value is not None}

    def _what(self) -> str:
        of_all = "" if self.total_rows is None else f" of the {self.total_rows} rows of the answer"
        value = self.limit.value
        match self.limit.kind:
            case LimitKind.MAXREC if value == 0:
                return f"MAXREC is 0: the columns without their rows{of_all and f' (there are {self.total_rows})'}"
            case LimitKind.MAXREC:
                return f"cut by the MAXREC={value} of the request{of_all and f': {value}{of_all}'}"
            case LimitKind.DEFAULT_ROWS:
                return (
                    f"cut by the service's default limit of {value} rows, which holds without MAXREC"
                    f"{of_all and f': {value}{of_all}'}"
                )
            case LimitKind.HARD_ROWS:
                return f"cut by the service's hard limit of {value} rows{of_all and f': {value}{of_all}'}"
            case _:
                return f"cut by the service's limit of {value} bytes for one answer{of_all and f', not all{of_all}'}"

    def _remedy(self) -> str:
        if self.limit.kind in {LimitKind.HARD_ROWS, LimitKind.SIZE}:
            fewer = "" if self.limit.kind is LimitKind.HARD_ROWS else "name the columns that you need, or "
            return f"{fewer}ask in parts, e.g. by ranges of an indexed column or by regions of the sky"
        upto = "" if self.hard_maxrec is None else f" (up to {self.hard_maxrec})"
        job = "" if self.link is None else f", or POST to {self.link} for a job that does"
        return f"set MAXREC{upto} for more{job}"


def late(error: QueryTimeoutError, query: Query, rest: Rest) -> QueryTimeoutError:
    """Return the error of a query that ran too long, with what to do about it.

    Parameters
    ----------
    error
        As it came from the engine.
    query
        The query.
    rest
        Where jobs are.
    """
    link = rest.link(query, duration_s=0)
    if rest.is_job:
        hint = "set a longer EXECUTIONDURATION, or make the query smaller"
    elif link is None:
        hint = "run it as an asynchronous job, or make it smaller with TOP or a narrower condition"
    else:
        hint = (
            f"run it as an asynchronous job by a POST to {link} , or make it smaller with TOP or a narrower condition"
        )
    return QueryTimeoutError(error.limit_s, hint=hint, link=link)
