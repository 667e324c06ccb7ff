"""The records of the registry: one for each table that is public, the service, its publisher, its authority, itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeAlias

from vo_server.adql.words import RESERVED
from vo_server.errors import MissingError, VoError
from vo_server.model.record import RecordState, table_ivoid
from vo_server.services.addresses import cone_url, moc_url
from vo_server.services.cone_parameters import MAX_RADIUS_DEG
from vo_server.services.cone_query import is_searchable
from vo_server.services.kept import KeptByCatalogue
from vo_server.sky.moc import moc_text
from vo_server.vo import voresource
from vo_server.vo.conesearch import ConeDescription
from vo_server.vo.oaipmh import write_dublin_core
from vo_server.vo.voresource import Coverage, Head
from vo_server.vo.xml import XmlWriter

if TYPE_CHECKING:
    from vo_server.model.record import Publisher
    from vo_server.model.table import Catalogue, Table
    from vo_server.services.catalogue import CatalogueService
    from vo_server.services.cone import ConeService
    from vo_server.store.registry import RegistryStore
    from vo_server.vo.tapregext import TapDescription

__all__ = ["Record", "RegistryService"]

_log = logging.getLogger(__name__)

_Body: TypeAlias = Callable[[XmlWriter, Head], None]

_COVERAGE_ORDER: Final = 5
"""Deepest order of the coverage in a record, of cells of two degrees; all of it is behind a link."""

_BEGINNING: Final = RecordState(datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC))
"""What a digest is made with: the time of a record is no part of it."""


@dataclass(frozen=True)
class Record:
    """A record as harvesters get it."""

    identifier: str
    state: RecordState
    head: Head | None
    """None for a deleted one."""
    body: _Body | None = None

    def write(self, writer: XmlWriter) -> None:
        """Write it as VOResource."""
        assert self.head is not None
        assert self.body is not None
        self.body(writer, self.head)

    def write_dublin_core(self, writer: XmlWriter) -> None:
        """Write it in Dublin Core."""
        head = self.head
        assert head is not None
        origin, publisher = head.origin, head.publisher
        creators = origin.creator if origin is not None and origin.creator else (publisher.name,)
        write_dublin_core(
            writer,
            [
                ("title", head.title),
                *(("creator", name) for name in creators),
                *(("subject", subject) for subject in publisher.subjects),
                ("description", head.description),
                ("publisher", publisher.name),
                ("date", None if origin is None else origin.publication_date),
                *(("type", kind) for kind in head.types),
                ("identifier", head.identifier),
                ("source", None if origin is None else origin.article),
                *(("relation", other) for _, other in head.relations),
                ("rights", None if origin is None else origin.rights or origin.rights_uri),
            ],
        )


class RegistryService:
    """Makes the records of everything that is public.

    Parameters
    ----------
    publisher
        Who publishes.
    tap
        What the TAP service can do, without its URL.
    max_rows
        Row limit of a cone search.
    catalogue, cones
        What is published, and how it is searched by place.
    times
        Keeps when records changed.
    page_records
        Most records in one answer.
    """

    def __init__(
        self,
        *,
        publisher: Publisher,
        tap: TapDescription,
        max_rows: int,
        catalogue: CatalogueService,
        cones: ConeService,
        times: RegistryStore,
        page_records: int,
    ) -> None:
        self.publisher = publisher
        self.page_records = page_records
        self._tap = replace(tap, base_url=f"{publisher.url}/tap")
        self._max_rows = max_rows
        self._catalogue = catalogue
        self._cones = cones
        self._times = times
        self._records = KeptByCatalogue(self._make)

    @property
    def url(self) -> str:
        """Address of OAI-PMH."""
        return f"{self.publisher.url}/oai"

    def records(self) -> tuple[Record, ...]:
        """Return all records, the deleted ones too, those that changed first first."""
        return self._records.of(self._catalogue.load())

    def _make(self, catalogue: Catalogue) -> tuple[Record, ...]:
        made = {head.identifier: (head, body, shown) for head, body, shown in self._all(catalogue)}
        digests = {name: _digest(head, shown) for name, (head, _, shown) in made.items()}
        states = self._times.update(digests, version=catalogue.version)
        records = [
            Record(name, state, replace(made[name][0], state=state), made[name][1])
            if name in made
            else Record(name, replace(state, is_deleted=True), None)
            for name, state in states.items()
        ]
        return tuple(sorted(records, key=lambda record: (record.state.updated, record.identifier)))

    def _all(self, catalogue: Catalogue) -> list[tuple[Head, _Body, _Body]]:
        """Return heads, what writes each record, and what writes the part of it that counts as a change."""
        publisher = self.publisher

        def head(identifier: str, title: str, description: str, **more: object) -> Head:
            return Head(identifier, title, description, _BEGINNING, publisher, **more)  # type: ignore[arg-type]

        def registry(writer: XmlWriter, head: Head) -> None:
            voresource.write_registry(writer, head, url=self.url, max_records=self.page_records)

        public = _public(catalogue)

        def service(writer: XmlWriter, head: Head) -> None:
            voresource.write_service(writer, head, tap=self._tap, catalogue=public, reserved=RESERVED)

        own: list[tuple[Head, _Body]] = [
            (
                head(publisher.authority, f"Authority of {publisher.name}", f"Identifiers of {publisher.name}"),
                voresource.write_authority,
            ),
            (
                head(publisher.organisation_ivoid, publisher.name, f"{publisher.name}, publisher of {publisher.title}"),
                voresource.write_organisation,
            ),
            (
                head(
                    publisher.registry_ivoid,
                    f"Publishing registry of {publisher.name}",
                    f"Tells registries what {publisher.title} publishes",
                    types=("Registry",),
                ),
                registry,
            ),
            (
                head(
                    publisher.ivoid.lower(),
                    publisher.title,
                    publisher.description,
                    short_name=publisher.title,
                    types=("Catalog",),
                ),
                service,
            ),
        ]
        tables = [self._table(table, catalogue) for table in public.tables if table.location is not None]
        return [*((one, body, body) for one, body in own), *tables]

    def _table(self, table: Table, catalogue: Catalogue) -> tuple[Head, _Body, _Body]:
        origin, publisher = table.provenance, self.publisher
        relations = [("IsServedBy", publisher.ivoid.lower())]
        if origin is not None and origin.data_ivoid is not None:
            relations.append(("IsPartOf", origin.data_ivoid))
        schema = next(one for one in catalogue.schemas if one.name == table.schema)
        head = Head(
            table_ivoid(publisher.ivoid, table.full_name),
            table.title or f"{table.full_name} of {publisher.title}",
            table.description or schema.description or f"The table {table.full_name}",
            _BEGINNING,
            publisher,
            short_name=table.name,
            origin=origin,
            version=(origin.resource_version if origin is not None else None) or table.release,
            types=("Catalog",),
            relations=tuple(relations),
        )

        def write(writer: XmlWriter, head: Head, *, with_example: bool) -> None:
            voresource.write_table(
                writer,
                head,
                tap_url=self._tap.base_url,
                cone=self._cone(table, with_example=with_example) if is_searchable(table) else None,
                coverage=self._coverage(table),
                schema=replace(schema, tables=(table,)),
                table=table,
                reserved=RESERVED,
            )

        return (
            head,
            lambda writer, head: write(writer, head, with_example=True),
            # The example is some row, which another process may choose otherwise.
            lambda writer, head: write(writer, head, with_example=False),
        )

    def _coverage(self, table: Table) -> Coverage | None:
        try:
            counts = self._catalogue.sky(table)
        except MissingError:
            return None
        text = moc_text(counts, order=min(counts.order, _COVERAGE_ORDER))
        return Coverage(text, moc_url(self.publisher.url, table))

    def _cone(self, table: Table, *, with_example: bool) -> ConeDescription:
        return ConeDescription(
            url=cone_url(self.publisher.url, table),
            description=table.title or table.description,
            max_radius_deg=MAX_RADIUS_DEG,
            max_rows=self._max_rows,
            example=self._example(table) if with_example else None,
        )

    def _example(self, table: Table) -> tuple[float, float] | None:
        """Return a place with rows; one table that cannot be read now does not keep all records from harvesters."""
        try:
            return self._cones.place(table)
        except VoError as error:
            _log.warning("the record of %s has no test query: %s", table.full_name, error)
            return None


def _public(catalogue: Catalogue) -> Catalogue:
    """Return what is published for everybody, without tables of users, though everybody may see some."""
    schemas = [
        replace(schema, tables=tuple(table for table in schema.tables if table.owner is None))
        for schema in catalogue.schemas
    ]
    return replace(catalogue, schemas=tuple(schema for schema in schemas if schema.tables))


def _digest(head: Head, body: _Body) -> str:
    writer = XmlWriter()
    body(writer, head)
    return blake2b(writer.to_bytes(), digest_size=16).hexdigest()
