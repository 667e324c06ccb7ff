"""A relay between a client and a server, which breaks connections off where a test wants it."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

__all__ = ["How", "Relay", "relay_to"]

How = Literal["reset", "end"]
"""As a server that is killed with bytes unread, or one that ends in the middle."""

_RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)
_PIECE_BYTES: Final = 65536
_PAUSE_S: Final = 0.1


class Relay:
    """Passes bytes on, both ways, for any number of connections.

    Parameters
    ----------
    host, port
        The server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._sent: bytes | None = None
        self._n_answered: int | None = None
        self._how: How = "reset"
        self._is_closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def break_at(self, sent: bytes, *, how: How) -> None:
        """Break the next connection on which a client sends these bytes; the server does not get them."""
        with self._lock:
            self._sent, self._how = sent, how

    def break_after(self, n_bytes: int, *, how: How) -> None:
        """Break the connection on which servers will have sent so many bytes more."""
        with self._lock:
            self._n_answered, self._how = n_bytes, how

    @property
    def is_armed(self) -> bool:
        """Whether what was to be broken is still to come."""
        with self._lock:
            return self._sent is not None or self._n_answered is not None

    def close(self) -> None:
        """End all connections and take no more."""
        self._is_closed = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # The listener is closed.
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        """Serve one connection, in one thread: a socket that another one waits for could not be reset."""
        with contextlib.suppress(OSError), client, socket.create_connection(self._server) as server:
            while not self._is_closed:
                readable, _, _ = select.select((client, server), (), (), _PAUSE_S)
                for end in readable:
                    piece = end.recv(_PIECE_BYTES)
                    if not piece:
                        return
                    is_asked = end is client
                    if not is_asked:
                        client.sendall(piece)
                    if self._is_reached(piece) if is_asked else self._is_passed(len(piece)):
                        if self._how == "reset":
                            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
                        return
                    if is_asked:
                        server.sendall(piece)

    def _is_reached(self, piece: bytes) -> bool:
        with self._lock:
            if self._sent is None or self._sent not in piece:
                return False
            self._sent = None
            return True

    def _is_passed(self, n_bytes: int) -> bool:
        with self._lock:
            if self._n_answered is None:
                return False
            self._n_answered -= n_bytes
            if self._n_answered > 0:
                return False
            self._n_answered = None
            return True


@contextmanager
def relay_to(host: str, port: int) -> Iterator[Relay]:
    """Give a relay to a server that is gone afterwards."""
    relay = Relay(host, port)
    try:
        yield relay
    finally:
        relay.close()
