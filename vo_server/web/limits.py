"""What holds for the caller and what is left: ``/api/limits``, and the limits in the capabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vo_server.model.job import Phase
from vo_server.model.limits import Usage
from vo_server.vo.tapregext import Limit
from vo_server.vo.uws import utc_text
from vo_server.web.deps import client_of, identity, limits_of, site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from vo_server.model.limits import CallerLimits, Queues
    from vo_server.model.user_table import UserTable
    from vo_server.services.user_tables import UserTableLimits
    from vo_server.vo.tapregext import TapDescription

__all__ = ["ROUTES", "described_for"]


async def limits(request: Request) -> Response:
    """Tell the limits of the caller by the names that errors give them, and the queues of jobs."""
    here, caller, allowed = site(request), identity(request), limits_of(request)
    context = here.context
    client, queues = client_of(request.scope), context.share.queues

    def look() -> tuple[Usage, dict[str, dict[Phase, int]], tuple[UserTable, ...]]:
        jobs = context.jobs
        return jobs.usage(client), jobs.queue_lengths(queues), context.user_tables.list(caller)

    usage, lengths, kept = await to_thread.run_sync(look)
    kept_limits = context.user_tables.limits if caller.name is not None else None
    told = {
        "caller": {"name": caller.name, "class": allowed.name},
        "limits": {**_limits(allowed, usage), **_limits_of_tables(kept_limits, kept)},
        "queues": _queues(queues, lengths, allowed.job_s),
    }
    return JSONResponse(told, headers={"Cache-Control": "no-store"})


def described_for(description: TapDescription, allowed: CallerLimits) -> TapDescription:
    """Return what TAPRegExt tells a caller: limits may depend on who asks."""
    has_uploads = description.upload_bytes is not None
    return replace(
        description,
        duration_s=Limit(allowed.default_job_s, allowed.job_s),
        output_rows=Limit(allowed.default_rows, allowed.rows),
        upload_bytes=Limit(allowed.upload_bytes, allowed.upload_bytes) if has_uploads else None,
    )


def _limits(allowed: CallerLimits, usage: Usage) -> dict[str, dict[str, Any]]:
    """Return the limits by their names; ``left`` where something is used up, ``default`` where callers may choose."""
    return {
        "rows": {"limit": allowed.rows, "default": allowed.default_rows, "unit": "row"},
        "result-bytes": {"limit": allowed.result_bytes, "unit": "byte"},
        "sync-seconds": {"limit": allowed.sync_s, "unit": "s"},
        "sync-queries": {"limit": allowed.sync_queries},
        "job-seconds": {"limit": allowed.job_s, "default": allowed.default_job_s, "unit": "s"},
        "upload-bytes": {"limit": allowed.upload_bytes, "unit": "byte"},
        "running-jobs": _counted(allowed.running_jobs, usage.running_jobs),
        "waiting-jobs": _counted(allowed.waiting_jobs, usage.waiting_jobs),
        "kept-jobs": _counted(allowed.kept_jobs, usage.kept_jobs),
        "kept-bytes": {**_counted(allowed.kept_bytes, usage.kept_bytes), "unit": "byte"},
    }


def _limits_of_tables(allowed: UserTableLimits | None, kept: Sequence[UserTable]) -> dict[str, dict[str, Any]]:
    """Return what somebody may keep of tables; None for who may keep none."""
    if allowed is None:
        return {"user-tables": _counted(0, 0)}
    quota = allowed.quota
    first = min((table.expires for table in kept), default=None)
    return {
        "user-tables": _counted(quota.max_tables, len(kept)),
        "user-table-rows": {**_counted(quota.max_rows, sum(table.n_rows for table in kept)), "unit": "row"},
        "user-table-bytes": {**_counted(quota.max_bytes, sum(table.size_bytes for table in kept)), "unit": "byte"},
        "user-table-seconds": {
            "limit": allowed.max_lifetime_s,
            "default": allowed.default_lifetime_s,
            "unit": "s",
            "next-expiry": None if first is None else utc_text(first),
        },
    }


def _counted(limit: int | None, used: int) -> dict[str, Any]:
    return {"limit": limit, "used": used, "left": None if limit is None else max(0, limit - used)}


def _queues(queues: Queues, lengths: dict[str, dict[Phase, int]], longest_s: int) -> dict[str, dict[str, Any]]:
    return {
        "short": _queue(lengths["short"], min(queues.short_s, longest_s), None),
        "long": _queue(lengths["long"], longest_s, queues.max_long_jobs),
    }


def _queue(length: dict[Phase, int], longest_s: int, most: int | None) -> dict[str, Any]:
    return {
        "job-seconds": longest_s,
        "max-running": most,
        "waiting": length[Phase.QUEUED],
        "running": length[Phase.EXECUTING],
    }


ROUTES = [Route("/api/limits", limits)]
