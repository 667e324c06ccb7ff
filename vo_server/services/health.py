"""Whether queries and jobs can be answered now."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vo_server.errors import VoError
from vo_server.store.tables import utc_now

__all__ = ["Health", "HealthService"]

logger = logging.getLogger(__name__)

_KEEP_S: Final = 2.0
"""Time for which an answer holds [s], so that probes cannot load the database."""


@dataclass(frozen=True)
class Health:
    """The state of the service at one moment."""

    is_available: bool
    up_since: datetime
    problems: tuple[str, ...] = ()
    """What does not work, in words that may be shown to anybody."""


class HealthService:
    """Asks each part of the service whether it works.

    Parameters
    ----------
    checks
        By the name of the part: a call that raises :class:`~vo_server.errors.VoError` unless it works, e.g.
        ``{"database": engine.check, "catalogue": store.catalogue.version, "results": results.check}``.
    """

    def __init__(self, *, checks: Mapping[str, Callable[[], object]]) -> None:
        self._checks = dict(checks)
        self._lock = threading.Lock()
        self._up_since = utc_now()
        self._known: tuple[float, Health] | None = None

    def check(self) -> Health:
        """Return whether the service works now; the answer may be two seconds old."""
        with self._lock:
            if self._known is None or time.monotonic() - self._known[0] > _KEEP_S:
                self._known = (time.monotonic(), self._ask())
            return self._known[1]

    def _ask(self) -> Health:
        problems = []
        for name, check in self._checks.items():
            try:
                check()
            except VoError as error:
                logger.warning("%s: %s", name, error)
                problems.append(f"the {name} cannot be used now")
        return Health(not problems, self._up_since, tuple(problems))
