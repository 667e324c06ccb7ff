"""Simple Cone Search (SCS 1.03, and the draft of 1.1): the rows of a table around a place."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vo_server.errors import MissingError
from vo_server.model.datalink import ServiceDescriptor
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.query import Query
from vo_server.services.addresses import datalink_url
from vo_server.services.cone_query import SCS_UCDS, cone_query, is_searchable, place_query
from vo_server.services.origin import links_of_answer
from vo_server.services.recent import Recent
from vo_server.services.related import has_related_data
from vo_server.store.tap_schema import published_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from vo_server.model.cone import ConeRequest
    from vo_server.model.query import Note, QueryResult
    from vo_server.model.table import Table
    from vo_server.model.truncation import Rest
    from vo_server.services.catalogue import CatalogueService
    from vo_server.services.query import QueryService

__all__ = ["SCS_STANDARD_ID", "ConeService"]

SCS_STANDARD_ID: Final = "ivo://ivoa.net/std/ConeSearch"

_PLACE_S: Final = 10.0
"""Longest time for finding some row [s]."""

_MAX_PLACES: Final = 1000
"""Releases of which the place of some row is kept; that of one more is found in milliseconds."""

_PROTOCOL_NOTES: Final = frozenset({"standardID", "service_protocol"})
"""INFO elements that name the protocol of an answer."""


class ConeService:
    """Answers cone searches, each as a query of its caller.

    Parameters
    ----------
    catalogue
        Finds tables by the names that they have in addresses.
    queries
        Runs the queries.
    ucds
        UCDs of identifier, right ascension and declination in the answers.
    """

    def __init__(
        self, *, catalogue: CatalogueService, queries: QueryService, ucds: tuple[str, str, str] = SCS_UCDS
    ) -> None:
        self._ucds = ucds
        self._catalogue = catalogue
        self._queries = queries
        self._places: Recent[str, tuple[tuple[float, float] | None]] = Recent(_MAX_PLACES)

    def table(self, name: str, caller: Identity = ANONYMOUS) -> Table:
        """Return the table that is searched.

        Raises
        ------
        MissingError
            If there is no such table that the caller may see, or it has no positions.
        """
        table = self._catalogue.table(name, caller)
        if not is_searchable(table):
            raise MissingError(
                f"the table {published_name(table)} cannot be searched by place: it has no positions",
                hint="ask for its rows through TAP",
            )
        return table

    def run(
        self,
        name: str,
        cone: ConeRequest,
        *,
        timeout_s: float,
        rest: Rest | None = None,
        request_url: str | None = None,
        root_url: str | None = None,
        caller: Identity = ANONYMOUS,
    ) -> QueryResult:
        """Start a search.

        Parameters
        ----------
        name
            Name of the table, as in its address.
        cone
            Where to look.
        timeout_s, rest, request_url, root_url, caller
            As for :meth:`vo_server.services.query.QueryService.run`.

        Returns
        -------
        QueryResult
            Rows in no order; three of the columns have the UCDs of SCS, and the query that was run is told as a note.

        Raises
        ------
        MissingError
            If there is no such table that the caller may see, or it has no positions.
        EngineError, LimitError
            If the engine refuses to start; later failures come out of the stream.
        """
        table = self.table(name, caller)
        asked = cone_query(table, cone, ucds=self._ucds)
        query = Query(asked.adql, maxrec=cone.maxrec, response_format=cone.response_format)
        catalogue = self._catalogue.load(caller)  # before there is a query that somebody would have to close
        result = self._queries.run(query, timeout_s=timeout_s, rest=rest, request_url=request_url, caller=caller)
        result.links = tuple(links_of_answer((table,), catalogue, root_url))
        if root_url is not None and has_related_data(table, catalogue):
            told = f"What belongs to a row of {table.full_name}"
            service = ServiceDescriptor(datalink_url(root_url, table), asked.identifier, description=told)
            result.services = (service,)
        result.columns = asked.described(result.columns)
        result.notes = tuple(_as_cone(note) for note in result.notes)
        return result

    def place(self, table: Table, caller: Identity = ANONYMOUS) -> tuple[float, float] | None:
        """Return the ICRS position of some row of a table [deg]; None when there is none.

        The first one that the engine finds; it is kept by release, of those that were asked for last.
        """
        assert table.position is not None
        # Tables of the server itself have no positions: there is a release.
        key = str(table.location)
        known = self._places.get(key)
        if known is None:
            query = Query(place_query(table), maxrec=1)
            with closing(self._queries.run(query, timeout_s=_PLACE_S, caller=caller)) as result:
                known = (_first_place(result.batches),)
            self._places.put(key, known)
        return known[0]


def _first_place(batches: Iterator[pa.RecordBatch]) -> tuple[float, float] | None:
    for batch in batches:
        ra_deg, dec_deg = (column[0].as_py() for column in batch.columns)
        return float(ra_deg) % 360.0, float(dec_deg)
    return None


def _as_cone(note: Note) -> Note:
    return replace(note, value=SCS_STANDARD_ID) if note.name in _PROTOCOL_NOTES else note
