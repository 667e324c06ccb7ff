"""A query on its way: what was asked, what it may use, what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING

from vo_server.model.truncation import Limit, LimitKind, Rest, Truncation
from vo_server.model.upload import UploadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from vo_server.model.datalink import ServiceDescriptor
    from vo_server.model.provenance import Link
    from vo_server.model.table import Column

__all__ = ["Lang", "Limits", "Note", "Query", "QueryResult", "arrow_schema"]


class Lang(StrEnum):
    """Values of LANG that the service understands (TAP 1.1, section 2.7.1)."""

    ADQL = "ADQL"
    ADQL_20 = "ADQL-2.0"
    ADQL_21 = "ADQL-2.1"


@dataclass(frozen=True)
class Query:
    """What the caller asks for; the value behind a request to ``/sync`` and behind an asynchronous job."""

    adql: str
    lang: Lang = Lang.ADQL
    maxrec: int | None = None
    """Row limit that the caller set; None when there is none."""
    response_format: str = "votable"
    """Value of RESPONSEFORMAT as given."""
    run_id: str | None = None
    uploads: tuple[UploadRequest, ...] = ()
    """Tables that come with it, names without two alike."""
    save_as: str | None = None
    """Table of the caller that the answer is to become; None when it is to be sent."""


@dataclass(frozen=True)
class Limits:
    """What a query may use; the caller's wish already cut to what the service allows."""

    rows: Limit
    """Rows that may be sent, and who says so; one more is fetched to know about overflow."""
    timeout_s: float
    """Time until the last row is produced [s]."""
    max_bytes: int | None = None
    """Volume of the rows that may be sent, as Arrow has them in memory [bytes]; None for any."""


@dataclass(frozen=True)
class Note:
    """Something to tell with an answer, written as an INFO element.

    Names are those of DALI and of the Data Origin note where they have one (``QUERY``, ``request_date``, ...).
    """

    name: str
    value: str
    text: str = ""
    ucd: str | None = None


@dataclass
class QueryResult:
    """The answer of a query: columns known at once, rows as a stream that can be read one time.

    ``overflow`` and :attr:`truncation` are certain only after the batches have been read to their end; they may be
    known before, and then stay as they are. The owner calls :meth:`close` in every case; it cancels what still runs.
    """

    columns: tuple[Column, ...]
    batches: Iterator[pa.RecordBatch]
    """Batches with exactly the schema ``arrow_schema(columns)``, at most ``maxrec`` rows in all."""
    maxrec: int
    notes: tuple[Note, ...] = ()
    on_close: Callable[[], None] = field(default=lambda: None, repr=False)
    ahead_bytes: Callable[[], int] = field(default=lambda: 0, repr=False)
    """Tells the memory of rows that were fetched before ``batches`` was asked for them [bytes]."""
    watch: Callable[[], None] = field(default=lambda: None, repr=False)
    """Has ``progress`` known; called before the first batch is asked for, if at all."""
    progress: Callable[[], float | None] = field(default=lambda: None, repr=False)
    """Tells the share of the work that is done, in [0, 1], in any thread; None where the engine does not know."""
    overflow: bool = False
    """True when rows are left out; :attr:`truncation` tells why."""
    n_rows: int = 0
    """Rows given out so far."""
    started: datetime | None = None
    links: tuple[Link, ...] = ()
    """Where more is found about the tables that were used."""
    services: tuple[ServiceDescriptor, ...] = ()
    """Services that take values of the rows; each names one of the columns."""
    query: Query | None = None
    """What was asked for."""
    limit: Limit | None = None
    """What cuts the answer if anything does: at first the row limit, in the end what did; None stands for MAXREC."""
    total_rows: int | None = None
    """Rows that the whole answer has; None when that is not known without counting."""
    rest: Rest = field(default_factory=Rest)
    """How to get what is left out."""

    @property
    def truncation(self) -> Truncation | None:
        """Why rows are left out; None as long as no rows are known to be.

        Every format tells :attr:`~vo_server.model.truncation.Truncation.message` to people and
        :attr:`~vo_server.model.truncation.Truncation.facts` to programs, as far as it can.
        """
        if not self.overflow:
            return None
        limit = self.limit or Limit(LimitKind.MAXREC, self.maxrec)
        is_hard = limit.kind in {LimitKind.HARD_ROWS, LimitKind.SIZE}
        hard = self.rest.hard_maxrec
        link = None if self.query is None or is_hard else self.rest.link(self.query, maxrec=hard)
        return Truncation(limit, total_rows=self.total_rows, hard_maxrec=hard, link=link)

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of every batch."""
        return arrow_schema(self.columns)

    def prefetch(self) -> None:
        """Wait for the first batch, so that a query that fails early fails here and not in the middle of a document.

        :meth:`close`, called from another thread, ends the wait.

        Raises
        ------
        EngineError, LimitError
            What the first step of reading ``batches`` raises.
        """
        first = next(self.batches, None)
        if first is not None:
            self.batches = chain([first], self.batches)

    def close(self) -> None:
        """Stop the query if it still runs and give back what it holds; may be called more than once."""
        self.on_close()


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the Arrow schema of rows with these columns; names may repeat."""
    import pyarrow as pa  # noqa: PLC0415 - late: a query can be checked without it

    return pa.schema([pa.field(column.name, column.datatype.arrow) for column in columns])
