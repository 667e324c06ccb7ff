"""The one place where the house is put together: settings in, services out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vo_server import __version__
from vo_server.access.authentication import Authenticator
from vo_server.engine.open import open_engine
from vo_server.engine.shares import BatchShares
from vo_server.model.limits import CallerLimits, LimitTable, Queues, Share
from vo_server.model.query import Note
from vo_server.model.record import Publisher
from vo_server.resources import recipe_files
from vo_server.services.catalogue import CatalogueService
from vo_server.services.cone import ConeService
from vo_server.services.cone_query import NEW_UCDS, SCS_UCDS
from vo_server.services.datalink import DatalinkService
from vo_server.services.fetch import Fetcher
from vo_server.services.job_estimates import JobEstimates
from vo_server.services.job_limits import JobLimits
from vo_server.services.jobs import JobService
from vo_server.services.query import QueryLimits, QueryService
from vo_server.services.recipe_files import read_recipes
from vo_server.services.recipes import RecipeService
from vo_server.services.save import ResultSaver
from vo_server.services.targets import TargetService
from vo_server.services.upload_memory import UploadMemory
from vo_server.services.uploads import UploadLimits, UploadService
from vo_server.services.user_tables import UserTableLimits, UserTableService
from vo_server.store.open import Store, directory_of, open_store
from vo_server.store.results import ResultStore
from vo_server.store.user_tables import Quota

if TYPE_CHECKING:
    from vo_server.engine.base import Engine
    from vo_server.settings import CallerSettings, Settings

__all__ = ["ProcessContext", "limit_table", "publisher_of", "results_place"]

_BATCHES_HELD: Final = 23
"""Batches' worth of memory that one answer holds when its client stalls: what the driver has ahead, the batch itself,
the text made of it, which is three times as long, and what the allocators keep. Measured."""


@dataclass(frozen=True)
class ProcessContext:
    """All that one process shares: connections, caches, services."""

    settings: Settings
    engine: Engine
    store: Store
    results: ResultStore
    queries: QueryService
    uploads: UploadService
    jobs: JobService
    job_estimates: JobEstimates
    catalogue: CatalogueService
    cones: ConeService
    datalinks: DatalinkService
    recipes: RecipeService
    targets: TargetService
    authenticator: Authenticator
    user_tables: UserTableService
    limits: LimitTable
    """What each class of callers may use."""
    share: Share
    """How jobs share the workers."""

    @classmethod
    def create(cls, settings: Settings, *, make_store: bool = True) -> ProcessContext:
        """Connect and make the services.

        Parameters
        ----------
        settings
            All settings.
        make_store
            False to refuse a database in which nothing was ever published, instead of preparing it.

        Raises
        ------
        ConfigurationError
            If the database cannot be reached or a directory cannot be written.
        CatalogueError
            If the catalogue was made by a newer version.
        """
        store = open_store(settings.database, store_schema=settings.postgres.store_schema, create=make_store)
        try:
            engine = open_engine(
                settings.database,
                memory_bytes=settings.duckdb.memory_bytes,
                threads=settings.duckdb.threads,
                max_attached=settings.duckdb.max_attached,
                pool_size=settings.postgres.pool_size,
                data_schema=settings.postgres.data_schema,
                shares=_batch_shares(settings),
            )
        except BaseException:
            store.close()
            raise
        results = ResultStore(results_place(settings))
        user_tables = UserTableService(engine=engine, store=store, limits=_user_table_limits(settings))
        limits = limit_table(settings)
        queries = QueryService(
            engine=engine,
            catalogue=store.catalogue,
            limits=_query_limits(settings),
            callers=limits,
            origin=_origin(settings),
            saver=ResultSaver(tables=user_tables),
        )
        uploads = UploadService(
            limits=_upload_limits(settings),
            fetcher=_fetcher(settings),
            callers=limits,
            memory=UploadMemory(settings.uploads.memory_bytes),
        )
        catalogue = CatalogueService(catalogue=store.catalogue, statistics=store.statistics)
        return cls(
            settings=settings,
            engine=engine,
            store=store,
            results=results,
            queries=queries,
            uploads=uploads,
            job_estimates=JobEstimates(queries=queries, uploads=uploads, jobs=store.jobs, results=results),
            jobs=JobService(jobs=store.jobs, results=results, limits=_job_limits(settings), callers=limits),
            catalogue=catalogue,
            cones=ConeService(
                catalogue=catalogue,
                queries=queries,
                ucds=SCS_UCDS if settings.cone.ucds == "ucd1" else NEW_UCDS,
            ),
            datalinks=DatalinkService(catalogue=catalogue, queries=queries),
            recipes=RecipeService(read=lambda: read_recipes(recipe_files()), catalogue=catalogue, queries=queries),
            targets=TargetService(queries=queries),
            authenticator=Authenticator(store.users),
            user_tables=user_tables,
            limits=limits,
            share=_share(settings),
        )

    def close(self) -> None:
        """Close all connections."""
        self.engine.close()
        self.store.close()


def results_place(settings: Settings) -> Path | str:
    """Return where results go: as set, or beside the embedded catalogue, or in the working directory."""
    uws = settings.uws
    return uws.results_url or uws.results_dir or (directory_of(settings.database) or Path("vo-results")) / "results"


def _batch_shares(settings: Settings) -> BatchShares:
    """Return sizes of batches with which all answers that may run at once stay within their memory."""
    return BatchShares(settings.server.stream_bytes // _BATCHES_HELD, most_answers=settings.tap.max_concurrent)


def _query_limits(settings: Settings) -> QueryLimits:
    tap = settings.tap
    return QueryLimits(
        default_maxrec=tap.default_maxrec,
        hard_maxrec=tap.hard_maxrec,
        max_query_bytes=tap.max_query_bytes,
        max_result_bytes=tap.max_result_bytes,
    )


def _upload_limits(settings: Settings) -> UploadLimits:
    uploads = settings.uploads
    return UploadLimits(max_bytes=uploads.max_bytes, max_rows=uploads.max_rows, max_tables=uploads.max_tables)


def _fetcher(settings: Settings) -> Fetcher:
    uploads = settings.uploads
    return Fetcher(uploads.url_timeout_s, uploads.url_redirects, uploads.url_networks)


def _job_limits(settings: Settings) -> JobLimits:
    uws = settings.uws
    return JobLimits(
        default_duration_s=uws.default_duration_s,
        hard_duration_s=uws.hard_duration_s,
        default_retention_s=uws.default_retention_s,
        hard_retention_s=uws.hard_retention_s,
        max_wait_s=uws.max_wait_s,
    )


def _user_table_limits(settings: Settings) -> UserTableLimits:
    tables = settings.user_tables
    return UserTableLimits(
        quota=Quota(tables.max_tables, tables.max_rows, tables.max_bytes),
        default_lifetime_s=tables.default_lifetime_s,
        max_lifetime_s=tables.max_lifetime_s,
        max_body_bytes=tables.max_body_bytes,
    )


def limit_table(settings: Settings) -> LimitTable:
    """Return the limits of every class: its own, within those of the service."""
    operator = CallerLimits(
        name="operator",
        default_rows=min(settings.tap.default_maxrec, settings.tap.hard_maxrec),
        rows=settings.tap.hard_maxrec,
        result_bytes=settings.tap.max_result_bytes,
        sync_s=settings.tap.sync_timeout_s,
        default_job_s=min(settings.uws.default_duration_s, settings.uws.hard_duration_s),
        job_s=settings.uws.hard_duration_s,
        # What no request body can bring may not be promised.
        upload_bytes=min(settings.uploads.max_bytes, settings.server.max_body_bytes or settings.uploads.max_bytes),
    )
    return LimitTable(
        anonymous=_narrowed(operator, settings.anonymous, "anonymous"),
        user=_narrowed(operator, settings.users, "user"),
        operator=operator,
    )


def _narrowed(service: CallerLimits, own: CallerSettings, name: str) -> CallerLimits:
    rows = min(own.max_rows or service.rows, service.rows)
    job_s = min(own.max_duration_s or service.job_s, service.job_s)
    return CallerLimits(
        name=name,
        default_rows=min(service.default_rows, rows),
        rows=rows,
        result_bytes=min(own.max_result_bytes or service.result_bytes, service.result_bytes),
        sync_s=min(own.sync_timeout_s or service.sync_s, service.sync_s),
        default_job_s=min(service.default_job_s, job_s),
        job_s=job_s,
        upload_bytes=min(own.max_upload_bytes or service.upload_bytes, service.upload_bytes),
        sync_queries=own.sync_queries,
        running_jobs=own.running_jobs,
        waiting_jobs=own.waiting_jobs,
        kept_jobs=own.kept_jobs,
        kept_bytes=own.kept_bytes,
    )


def _share(settings: Settings) -> Share:
    return Share(
        Queues(settings.uws.short_duration_s, settings.uws.max_long_jobs),
        anonymous_jobs=settings.anonymous.running_jobs,
        user_jobs=settings.users.running_jobs,
    )


def publisher_of(settings: Settings) -> Publisher:
    """Return who publishes; :func:`vo_server.settings.missing_for_registry` tells before what is not known."""
    server, registry = settings.server, settings.registry
    assert server.ivoid is not None
    assert server.publisher is not None
    assert server.contact is not None
    assert server.public_url is not None
    return Publisher(
        ivoid=server.ivoid.lower(),
        name=server.publisher,
        contact_email=server.contact,
        url=str(server.public_url).rstrip("/"),
        title=server.title,
        description=registry.description or f"{server.title}: tables of the sky, to be queried in ADQL.",
        contact_name=registry.contact_name or server.publisher,
        subjects=registry.subjects,
    )


def _origin(settings: Settings) -> tuple[Note, ...]:
    """Return what every answer says of the service (Data Origin note)."""
    said = (
        ("server_software", f"vo-server/{__version__}"),
        ("service_protocol", "ivo://ivoa.net/std/TAP"),
        ("service_ivoid", settings.server.ivoid),
        ("publisher", settings.server.publisher),
        ("contact", settings.server.contact),
    )
    return tuple(Note(name, value) for name, value in said if value is not None)
