"""How the service is: looked up in the background, so that those who ask never wait."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import anyio
from anyio import to_thread

if TYPE_CHECKING:
    from vo_server.services.health import HealthService

__all__ = ["HealthWatch"]

PERIOD_S: Final = 10.0
"""Time between two checks [s]."""

_log = logging.getLogger(__name__)


class HealthWatch:
    """The state of the service as it was found last.

    Parameters
    ----------
    service
        Finds out; blocks.
    period_s
        Time between two checks [s].
    """

    def __init__(self, service: HealthService, *, period_s: float = PERIOD_S) -> None:
        self._service = service
        self._period_s = period_s
        self.latest = service.check()

    async def watch(self) -> None:
        """Check again and again, until cancelled."""
        while True:
            await anyio.sleep(self._period_s)
            try:
                found = await to_thread.run_sync(self._service.check)
            except Exception:  # noqa: BLE001 - the application that this task belongs to must not end with it
                _log.exception("the state of the service cannot be looked up")
                continue
            if found.problems != self.latest.problems:
                _log.warning("availability changes: %s", ", ".join(found.problems) or "all is well")
            self.latest = found
