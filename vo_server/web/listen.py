"""Listen on a socket and serve an application in one process or several, until a signal ends it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import signal
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import uvicorn
from uvicorn.supervisors import Multiprocess

from vo_server.errors import ConfigurationError
from vo_server.web.middleware import REQUEST_ID
from vo_server.web.trailers import TrailerProtocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.types import ASGIApp

__all__ = ["serve_forever"]

GRACE_S: Final = 10
"""Time that running answers get to finish when the server is told to stop [s]; then they are cut off."""

START_S: Final = 60.0
"""Time that server processes get to start before nobody is told that they listen [s]."""

MAX_HEAD_BYTES: Final = 512 * 1024
"""Longest request line and headers together: a GET carries its query in there."""

_M_ARENA_MAX: Final = -8
"""``M_ARENA_MAX`` of glibc's ``malloc.h``."""

_ARENAS: Final = 2
"""Heaps of a process: more than one, so that threads do not wait for each other."""

_YOUNG_OBJECTS: Final = 10_000
"""New objects after which the garbage collector looks at them: about as many as one query makes."""

_OLDEST: Final = 2
"""Generation of the garbage collector that holds everything."""

LOG_FORMAT: Final = "%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s"


def serve_forever(
    make_app: Callable[[], ASGIApp], *, host: str, port: int, n_processes: int, announce: Callable[[str], None]
) -> None:
    """Serve until SIGTERM or SIGINT, then let running answers finish for a while.

    Parameters
    ----------
    make_app
        Makes the application; picklable when there are several processes.
    host, port
        Address to listen on; port 0 takes a free one.
    n_processes
        Server processes.
    announce
        Called with the URL of the socket, without a trailing slash, as soon as requests are answered.

    Raises
    ------
    ConfigurationError
        If the address cannot be listened on.
    """
    with _listen(host, port) as listening:
        config = uvicorn.Config(
            partial(_start, make_app),
            factory=True,
            lifespan="on",
            http=TrailerProtocol,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            workers=n_processes,
            log_config=None,
            access_log=False,  # Ours names the request and its RUNID.
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        told = partial(announce, _url(listening))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave)
        if n_processes > 1:
            _start_log()
            _Processes(config, [listening], told).run()
        else:
            _Alone(config, told).run([listening])


class _Alone(uvicorn.Server):
    """A server that tells when it answers."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        self._announce()


class _Processes(Multiprocess):
    """A supervisor that tells when all its processes answer."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], announce: Callable[[], None]) -> None:
        super().__init__(config, sockets)
        self._announce = announce

    def init_processes(self) -> None:
        """Start the processes, then tell."""
        super().init_processes()
        if all(process.wait_until_ready(START_S, self.should_exit) for process in self.processes):
            self._announce()


def _start(make_app: Callable[[], ASGIApp]) -> ASGIApp:
    """Begin in the process that serves."""
    _start_log()
    _give_memory_back()
    app = make_app()
    _spare_the_collector()
    return app


def _spare_the_collector() -> None:
    """Keep what lives as long as the process out of the sight of the garbage collector.

    Modules and tables are 150 000 objects; to look at all of them stops every thread for 0.1 s and more. What the first
    queries import and cache is added once, after the first full collection.
    """
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
    gc.collect()
    gc.freeze()
    gc.callbacks.append(_freeze_once)


def _freeze_once(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == _OLDEST:
        gc.callbacks.remove(_freeze_once)
        gc.freeze()


def _give_memory_back() -> None:
    """Make the allocators keep less of what was freed.

    Each of the threads that write answers would keep a heap of its own, twice: one of glibc, one of Arrow's pool. 50
    readers that stall held 540 MB with them, 400 MB without.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    with contextlib.suppress(OSError, AttributeError):  # Another libc has other habits.
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def _leave(number: int, frame: FrameType | None) -> None:
    """End the process: uvicorn has stopped in good order when it passes the signal on to here."""
    del number, frame
    sys.exit(0)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}, port {port}: {error.strerror}", hint="choose another --port; 0 takes a free one"
        ) from error
    listening.set_inheritable(True)
    return listening


def _url(listening: socket.socket) -> str:
    """Return a URL that reaches the socket from this machine."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not bound to
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _start_log() -> None:
    """Write the log to standard error, each line with the request that it belongs to."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    handler.addFilter(_name_request)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def _name_request(record: logging.LogRecord) -> bool:
    record.request_id = REQUEST_ID.get()
    return True
