"""What an engine is to the rest of the house: a generator of SQL, a way to run it as Arrow, a loader.

Nothing above this package knows which engine answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa

    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.engine.question import Question
    from vo_server.model.plan import Plan
    from vo_server.model.table import Table

__all__ = [
    "BATCH_BYTES",
    "STAGING_KEPT_S",
    "Engine",
    "LoadReport",
    "Loader",
    "PartWriter",
    "RunningQuery",
    "StagedPart",
]

BATCH_BYTES: Final = 4 * 1024**2
"""Size that batches aim at where memory allows [bytes]: large enough that the cost per batch does not
count, small enough that the first one comes soon."""


class RunningQuery(Protocol):
    """A query that an engine is answering: an iterator of Arrow batches that can be stopped.

    Batches have exactly the schema ``arrow_schema(query.columns)``; casts from what the driver gives are done
    inside the engine. Errors of the driver come out as :class:`~vo_server.errors.EngineError`,
    :class:`~vo_server.errors.QueryTimeoutError` or :class:`~vo_server.errors.QueryCancelledError`.
    """

    @property
    def ahead_bytes(self) -> int:
        """Memory of the rows that came from the database and were not asked for yet [bytes]."""
        ...

    @property
    def progress(self) -> float | None:
        """Share of the work that is done, in [0, 1], as the database estimates it; None when it does not tell.

        Safe from any thread. Known only after :meth:`watch`.
        """
        ...

    def watch(self) -> None:
        """Have the progress known, which costs a little; called before the first batch is asked for."""
        ...

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...

    def __next__(self) -> pa.RecordBatch: ...

    def cancel(self) -> None:
        """Stop the query; safe from any thread, at any time, more than once."""
        ...

    def close(self) -> None:
        """Cancel what still runs and give back connection and files; safe more than once."""
        ...


STAGING_KEPT_S: Final = 3 * 86_400.0
"""How long rows that are staged under a key wait for their load to be resumed [s]."""


@dataclass(frozen=True)
class LoadReport:
    """What a loader has made, before anybody can see it."""

    location: str
    """Value for ``Table.location`` of the release."""
    n_rows: int
    """As counted in the database."""
    size_bytes: int


@dataclass(frozen=True)
class StagedPart:
    """A part of a load whose rows are staged completely."""

    number: int
    """Which one it is among the parts of the load."""
    key: str
    """What it is to the one who loads: most often the checksum of a file."""
    note: str
    """What the one who loads wants to know of it when the load is resumed."""


class PartWriter(Protocol):
    """Writes the rows of one part of a load: all of them are staged, or none.

    Used as a context manager; leaving without :meth:`commit` forgets the rows.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch with exactly the schema ``arrow_schema(table.columns)``, hidden columns included."""
        ...

    def end(self) -> None:
        """Tell that no rows follow, so that they are made safe while the note for :meth:`commit` is written."""
        ...

    def commit(self, key: str, note: str) -> None:
        """Make the rows staged, and with them what :class:`StagedPart` keeps."""
        ...


class Loader(Protocol):
    """Writes one release of a table to a place that nobody sees until its location is published.

    Used as a context manager. Rows are staged part by part, then :meth:`finish` makes the release of them. Leaving
    without :meth:`finish`, or by an exception, removes what was written; what is staged under a key stays then, for a
    load with the same key to go on with. After a crash the leftovers are found and removed by :meth:`Engine.sweep`.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def staged(self) -> tuple[StagedPart, ...]:
        """Return the parts that are staged: at first those of an earlier load with the same key."""
        ...

    def discard(self, part: StagedPart) -> None:
        """Remove the rows of a staged part."""
        ...

    def part(self) -> PartWriter:
        """Begin a part; several may be written side by side, each by its own thread."""
        ...

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch to a part of its own that :meth:`finish` commits: for a load in one part."""
        ...

    def finish(self) -> LoadReport:
        """Make the release: sort by ``_healpix_29`` where the table has it, build indexes, make it durable."""
        ...


@runtime_checkable
class Engine(Protocol):
    """A database that holds releases and answers queries."""

    name: str
    """Key of SQL templates: ``duckdb`` or ``postgres``."""

    @property
    def work_folder(self) -> Path | None:
        """Where there is room for files of work in progress; None where only the system knows."""
        ...

    def translate(self, query: ResolvedQuery, *, limit: int | None = None) -> str:
        """Write the query in the engine's SQL, with at most ``limit`` rows.

        Raises
        ------
        AdqlError
            Of kind ``unsupported``, with the position, for what this engine cannot do (yet).
        """
        ...

    def run(
        self,
        query: ResolvedQuery,
        *,
        limit: int | None,
        timeout_s: float,
        inline: Mapping[str, pa.Table] | None = None,
        becomes_text: bool = False,
    ) -> RunningQuery:
        """Start a query.

        Parameters
        ----------
        query
            Names resolved against one catalogue; tables with a location are read from it.
        limit
            Most rows to give.
        timeout_s
            Time until the last row is produced [s]; time that a slow reader takes does not count.
        inline
            Rows of the tables without a location, by full name (TAP_SCHEMA, uploads).
        becomes_text
            Whether its rows will be written as text, for which Python's lock is needed all the time: rows are better
            read without it then.
        """
        ...

    def explain(
        self,
        query: ResolvedQuery,
        *,
        limit: int | None,
        timeout_s: float,
        inline: Mapping[str, pa.Table] | None = None,
    ) -> Plan:
        """Tell how a query would be answered and how many rows that is likely to give, without answering it.

        Parameters
        ----------
        query, limit, inline
            As for :meth:`run`.
        timeout_s
            Longest time that planning may take [s].

        Raises
        ------
        EngineError, LimitError
            If the database cannot plan it.
        """
        ...

    def loader(
        self,
        table: Table,
        *,
        version: str,
        key: str | None = None,
        known: Callable[[], frozenset[str]] | None = None,
    ) -> Loader:
        """Begin to load a release of a table.

        Parameters
        ----------
        table, version
            What is loaded.
        key
            Of the staging place: letters, digits and ``_``, 32 at most. A load with the same key finds what an earlier
            one has staged. None for a load that nobody resumes.
        known
            Gives the locations that the catalogue names. A release of this version that is not among them, and
            not being loaded, is a leftover and is removed; when None it is an error.
        """
        ...

    def read(self, table: Table) -> Iterator[pa.RecordBatch]:
        """Read all rows of a release with all columns, in stored order (for export and comparison)."""
        ...

    def ask(self, question: Question, *, timeout_s: float) -> RunningQuery:
        """Ask whole releases something that ADQL has no words for.

        Parameters
        ----------
        question
            Writes the SQL; it reads releases that were loaded, published or not.
        timeout_s
            As for :meth:`run`.
        """
        ...

    def drop(self, location: str) -> None:
        """Remove the rows of a release that is no longer in the catalogue; running queries keep theirs."""
        ...

    def sweep(self, known: Callable[[], frozenset[str]], *, with_staging: bool = False) -> list[str]:
        """Remove leftovers of killed loads, sparing known locations and loads that still run; return what went.

        Parameters
        ----------
        known
            Gives the locations that the catalogue names; asked again of each leftover once nobody else has it, because
            its load may have published it meanwhile.
        with_staging
            Also remove rows that are staged under a key, which else wait some days for their load to be resumed.
        """
        ...

    def use_reserve(self) -> bool:
        """Let queries have the memory that is kept for those that need much; False when they have it already."""
        ...

    def check(self) -> None:
        """Raise ConfigurationError or EngineError, with a hint, unless the engine can answer now."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
