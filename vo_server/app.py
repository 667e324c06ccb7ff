"""The application: routes, middleware, and the life of the process behind them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import CancelScope, create_task_group, to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Router

from vo_server import __version__
from vo_server.adql.features import declared_features
from vo_server.errors import MissingError
from vo_server.factory import ProcessContext, limit_table, publisher_of
from vo_server.formats.registry import OUTPUT_FORMATS
from vo_server.services.harvest import HarvestService
from vo_server.services.health import HealthService
from vo_server.services.registry import RegistryService
from vo_server.settings import missing_for_registry
from vo_server.store.registry import RegistryStore
from vo_server.vo.tapregext import Limit, TapDescription
from vo_server.web import access, datalink, estimate, examples, limits, oai, scs, statistics, tables, tap, uws, vosi
from vo_server.web.access import IdentityMiddleware
from vo_server.web.budget import ByteBudget
from vo_server.web.compress import CompressionMiddleware
from vo_server.web.deps import Site
from vo_server.web.errors import HANDLERS
from vo_server.web.gate import Gate
from vo_server.web.health import HealthWatch
from vo_server.web.middleware import FailsafeMiddleware, PreflightMiddleware, RequestMiddleware
from vo_server.web.pages import landing
from vo_server.worker.staff import Staff

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vo_server.settings import Settings

__all__ = ["create_app"]


def create_app(settings: Settings) -> Starlette:
    """Make the application; it opens the database when it is started and closes it when it is stopped.

    Parameters
    ----------
    settings
        All settings; nothing else is read.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        context = await to_thread.run_sync(ProcessContext.create, settings)
        try:
            app.state.site = here = await to_thread.run_sync(_site, settings, context)
            async with create_task_group() as group, _working(context):
                group.start_soon(here.health.watch)
                group.start_soon(context.jobs.watch.run)
                yield
                await here.gate.stop_all()
                group.cancel_scope.cancel()
        finally:
            await to_thread.run_sync(context.close)

    # Redirects to a path without its slash would go to an address that a proxy may not have.
    routes = [*tap.ROUTES, *estimate.ROUTES, *uws.ROUTES, *tables.ROUTES, *vosi.ROUTES, *examples.ROUTES]
    below_tap = Router(routes, redirect_slashes=False)
    app = Starlette(
        routes=[
            *landing.ROUTES,
            *vosi.ROOT_ROUTES,
            *access.ROUTES,
            *limits.ROUTES,
            *scs.ROUTES,
            *datalink.ROUTES,
            *oai.ROUTES,
            *examples.API_ROUTES,
            *statistics.ROUTES,
            Mount("/tap", below_tap),
        ],
        middleware=[
            Middleware(RequestMiddleware, product=f"vo-server/{__version__}"),
            Middleware(PreflightMiddleware),
            Middleware(FailsafeMiddleware),
            Middleware(IdentityMiddleware),
            Middleware(CompressionMiddleware),
        ],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


@asynccontextmanager
async def _working(context: ProcessContext) -> AsyncIterator[None]:
    """Run jobs, and remove what has had its time, beside the requests; a read-only store has no jobs."""
    if context.store.database.is_read_only:
        yield
        return
    staff = Staff.of(context)
    staff.start()
    try:
        yield
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(staff.stop)


def _site(settings: Settings, context: ProcessContext) -> Site:
    checks = {"database": context.engine.check, "catalogue": context.store.catalogue.version}
    # A query of the longest kind with every byte percent-encoded, and the parameters beside it.
    max_form_bytes = 3 * settings.tap.max_query_bytes + 64 * 1024
    return Site(
        context=context,
        gate=Gate(settings.tap.max_concurrent),
        budget=ByteBudget(settings.server.stream_bytes),
        health=HealthWatch(HealthService(checks=checks)),
        description=_description(settings, context.engine.name),
        public_url=_public_url(settings),
        max_body_bytes=settings.server.max_body_bytes or settings.uploads.max_bytes + max_form_bytes,
        max_form_bytes=max_form_bytes,
        sync_timeout_s=settings.tap.sync_timeout_s,
        title=settings.server.title,
        contact=settings.server.contact,
        registry=_registry(settings, context),
    )


def _registry(settings: Settings, context: ProcessContext) -> HarvestService | MissingError:
    """Return what answers harvesters, or what they are told as long as it is not known who publishes."""
    missing = missing_for_registry(settings)
    if missing:
        return MissingError("this service has no records for the VO registry", hint=f"set {', '.join(missing)}")
    registry = RegistryService(
        publisher=publisher_of(settings),
        tap=_description(settings, context.engine.name),
        max_rows=context.limits.anonymous.rows,
        catalogue=context.catalogue,
        cones=context.cones,
        times=RegistryStore(context.store.database),
        page_records=settings.registry.page_records,
    )
    return HarvestService(registry=registry)


def _public_url(settings: Settings) -> str | None:
    public_url = settings.server.public_url
    return None if public_url is None else str(public_url).rstrip("/")


def _description(settings: Settings, engine: str) -> TapDescription:
    """Return what TAPRegExt tells of the service; the URL follows with each request."""
    upload_bytes = limit_table(settings).operator.upload_bytes
    return TapDescription(
        base_url="",
        features=declared_features(engine),
        output_formats=OUTPUT_FORMATS,
        title=settings.server.title,
        retention_s=Limit(settings.uws.default_retention_s, settings.uws.hard_retention_s),
        duration_s=Limit(settings.uws.default_duration_s, settings.uws.hard_duration_s),
        output_rows=Limit(settings.tap.default_maxrec, settings.tap.hard_maxrec),
        security_methods=("ivo://ivoa.net/sso#BasicAA",),
        upload_methods=("inline", "http", "https"),
        upload_bytes=Limit(upload_bytes, upload_bytes),
        has_examples=True,
        feature_uri_style=settings.tap.feature_uri_style,
    )
