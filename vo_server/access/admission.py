"""Whether a caller may have one job more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.errors import TooLargeError, TooManyError

if TYPE_CHECKING:
    from vo_server.model.limits import CallerLimits, Usage

__all__ = ["admit_job", "check_room"]

_SOON_S: Final = 10.0
"""When jobs that wait may have begun to run [s]."""

_LATER_S: Final = 600.0
"""When jobs may have been destroyed [s]."""

_DESTROY: Final = "destroy jobs whose results you have (DELETE the job, or let it expire sooner with DESTRUCTION)"


def admit_job(limits: CallerLimits, usage: Usage) -> None:
    """Let a caller who uses so much already have one job more.

    Raises
    ------
    TooManyError
        If a limit stands in the way; it names the limit, its value, and what to do.
    """
    if limits.waiting_jobs is not None and usage.waiting_jobs >= limits.waiting_jobs:
        raise TooManyError(
            f"{usage.waiting_jobs} of your jobs wait, and {limits.waiting_jobs} may (limit waiting-jobs); "
            "one more was asked for",
            hint="wait until some have run, or destroy those that were never started",
            limit="waiting-jobs",
            retry_after_s=_SOON_S,
        )
    if limits.kept_jobs is not None and usage.kept_jobs >= limits.kept_jobs:
        raise TooManyError(
            f"{usage.kept_jobs} of your jobs are kept, and {limits.kept_jobs} may be (limit kept-jobs); "
            "one more was asked for",
            hint=_DESTROY,
            limit="kept-jobs",
            retry_after_s=_LATER_S,
        )
    if limits.kept_bytes is not None and usage.kept_bytes >= limits.kept_bytes:
        raise TooManyError(
            f"the files of your jobs have {usage.kept_bytes} bytes, and {limits.kept_bytes} may be kept "
            "(limit kept-bytes); one more job was asked for",
            hint=_DESTROY,
            limit="kept-bytes",
            retry_after_s=_LATER_S,
        )


def check_room(limits: CallerLimits, usage: Usage, size_bytes: int) -> None:
    """Let a file of a job grow to a size.

    Raises
    ------
    TooLargeError
        If the files of the caller would take more than they may.
    """
    if limits.kept_bytes is not None and usage.kept_bytes + size_bytes > limits.kept_bytes:
        raise TooLargeError(
            f"the result has {size_bytes} bytes so far, your jobs keep {usage.kept_bytes} bytes of files already, and "
            f"{limits.kept_bytes} may be kept together (limit kept-bytes)",
            hint=f"{_DESTROY}, or ask for less",
            limit="kept-bytes",
        )
