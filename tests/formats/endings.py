"""Results that end in each possible way, for the tests of all writers."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from tests.formats.samples import P, batch_of, column, failing
from vo_server.errors import EngineError
from vo_server.model.provenance import Link
from vo_server.model.query import Note, QueryResult

NUMBER = column("n", P.INT)
NOTES = (
    Note("QUERY", "SELECT n\nFROM t WHERE s = 'é'"),
    Note("publisher", "The Observatory"),
    Note("citation", "2020A&A...1..1X", "<the paper>", "meta.bib.bibcode"),
    Note("resource_version", "1"),
    Note("resource_version", "2"),
)

LINKS = (Link("https://example.org/doi", "The paper"),)


def numbers(*values: int | None) -> pa.RecordBatch:
    return batch_of([NUMBER], [list(values)])


def whole() -> QueryResult:
    return QueryResult((NUMBER,), iter([numbers(1, 2)]), maxrec=9, notes=NOTES, links=LINKS)


def cut() -> QueryResult:
    """A result of which nobody knows before its end that there are more rows."""
    result = QueryResult((NUMBER,), iter(()), maxrec=2, notes=NOTES, links=LINKS)

    def batches() -> Iterator[pa.RecordBatch]:
        yield numbers(1, 2)
        result.overflow = True

    result.batches = batches()
    return result


def cut_before() -> QueryResult:
    """The answer to MAXREC=0."""
    return QueryResult((NUMBER,), iter(()), maxrec=0, notes=NOTES, links=LINKS, overflow=True)


def broken() -> QueryResult:
    error = EngineError("the database went away")
    return QueryResult((NUMBER,), iter(failing([numbers(1, 2)], error)), maxrec=9, notes=NOTES, links=LINKS)
