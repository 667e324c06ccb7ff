"""Get a file from a URL that a stranger has given, without being led to places that only this machine can reach.

The name in a URL is resolved once, its addresses are checked, and the connection is made to a checked address: a name
that changes its meaning between check and use gains nothing. The same holds for each redirect. Proxies of the
environment are not used.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from vo_server import __version__
from vo_server.errors import TooLargeError, UploadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Fetcher", "Network"]

T = TypeVar("T")
Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

_PORTS: Final = {"http": 80, "https": 443}
_CHUNK_BYTES: Final = 256 * 1024
_CONNECT_S: Final = 10.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CODINGS: Final = frozenset({"", "identity", "gzip", "x-gzip", "zstd"})
"""What the readers unpack; they tell it by the first bytes."""

_SHOWN: Final = 200
"""Characters of a URL in messages."""

_QUERY_SAFE: Final = "%/:@!$&'()*+,;=?~"

_NAT64: Final = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Fetcher:
    """Gets files.

    Parameters
    ----------
    timeout_s
        Longest time for one file, redirects included [s].
    max_redirects
        Most redirects that are followed.
    allowed
        Networks that may be reached although they are not part of the public Internet.
    """

    timeout_s: float
    max_redirects: int
    allowed: Sequence[Network] = ()

    def fetch(self, url: str, *, max_bytes: int) -> Iterator[bytes]:
        """Yield the bytes behind a URL, packed if the server has packed them.

        Raises
        ------
        UploadError
            If there is no such file, it must not be reached, breaks off or takes too long.
        TooLargeError
            If it has more bytes than allowed; as soon as that is known.
        """
        deadline_s = time.monotonic() + self.timeout_s
        for _ in range(self.max_redirects + 1):
            with closing(_Exchange(url, self, deadline_s)) as exchange:
                if exchange.redirect is None:
                    yield from exchange.content(max_bytes)
                    return
                url = exchange.redirect
        raise UploadError(
            f"the URL of the upload is redirected more than {self.max_redirects} times", hint="give the final URL"
        )

    def is_reachable(self, address: Address) -> bool:
        """Tell whether an address is public, or in a network that the operator allows."""
        if any(address in network for network in self.allowed):
            return True
        inner = _inner(address)
        if inner is not None:
            return self.is_reachable(inner)
        return address.is_global and not address.is_multicast


class _Exchange:
    """One request and its answer."""

    def __init__(self, url: str, fetcher: Fetcher, deadline_s: float) -> None:
        self._shown = url if len(url) <= _SHOWN else f"{url[:_SHOWN]}…"
        self._fetcher = fetcher
        self._deadline_s = deadline_s
        self._closing = ExitStack()
        self._is_late = threading.Event()
        try:
            self._response = self._translated(lambda: self._ask(_parts(url, self._shown)))
            self._check_status()
        except BaseException:
            self.close()
            raise
        location = self._response.headers.get("Location")
        is_redirect = self._response.status in _REDIRECTS and location
        self.redirect = urljoin(url, location) if is_redirect else None
        """Where the file is instead."""

    def content(self, max_bytes: int) -> Iterator[bytes]:
        """Yield the body."""
        length = self._response.length
        if length is not None and length > max_bytes:
            raise TooLargeError(
                f"{self._shown} has {length} bytes; the uploads of one query may have {max_bytes} together",
                hint="send fewer rows, or only the columns that the query needs",
            )
        while piece := self._translated(lambda: self._response.read1(_CHUNK_BYTES)):
            yield piece
        if self._response.length:
            raise UploadError(f"{self._shown} broke off {self._response.length} bytes before its end")

    def close(self) -> None:
        """Close the connection."""
        self._closing.close()

    def _translated(self, step: Callable[[], T]) -> T:
        try:
            result = step()
        except (OSError, http.client.HTTPException) as error:
            if self._is_late.is_set():
                raise self._late() from error
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise UploadError(
                f"{self._shown} cannot be fetched: {reason or type(error).__name__}",
                hint="is the URL right, and can it be reached from everywhere? Else send the table with the query",
            ) from error
        if self._is_late.is_set():
            raise self._late()
        return result

    def _late(self) -> UploadError:
        return UploadError(
            f"{self._shown} took longer than the limit of {self._fetcher.timeout_s:g} s",
            hint="send the table with the query instead",
        )

    def _ask(self, parts: SplitResult) -> http.client.HTTPResponse:
        """Connect to a checked address and send the request."""
        assert parts.hostname is not None
        port = parts.port or _PORTS[parts.scheme]
        stream = self._connected(parts.hostname, port)
        # However slowly the other side sends: at the deadline the connection ends.
        watch = threading.Timer(max(0.0, self._deadline_s - time.monotonic()), self._end, [stream])
        watch.daemon = True
        watch.start()
        self._closing.callback(watch.cancel)
        if parts.scheme == "https":
            stream = ssl.create_default_context().wrap_socket(stream, server_hostname=parts.hostname)
            self._closing.callback(stream.close)
        connection = http.client.HTTPConnection(parts.hostname, port)
        connection.sock = stream
        self._closing.callback(connection.close)
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname.encode("idna").decode("ascii")
        headers = {
            "Host": host if port == _PORTS[parts.scheme] else f"{host}:{port}",
            "User-Agent": f"vo-server/{__version__}",
            "Accept": "application/x-votable+xml, */*;q=0.5",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        connection.request("GET", _path(parts), headers=headers)
        response = connection.getresponse()
        self._closing.callback(response.close)
        return response

    def _connected(self, host: str, port: int) -> socket.socket:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # An address with a zone (fe80::1%eth0) is one of this machine's neighbours, and not global in any case.
        good = [place for *_, place in found if self._fetcher.is_reachable(ip_address(str(place[0])))]
        if not good:
            raise UploadError(
                f"{self._shown} is not in the public Internet, and this service fetches nothing from elsewhere",
                hint="send the table with the query, or ask the operators of the service to allow the address",
            )
        failure: OSError | None = None
        for place in good:
            left_s = self._deadline_s - time.monotonic()
            try:
                stream = socket.create_connection((str(place[0]), port), timeout=max(0.1, min(_CONNECT_S, left_s)))
            except OSError as error:
                failure = error
            else:
                stream.settimeout(max(0.1, left_s))
                self._closing.callback(stream.close)
                return stream
        assert failure is not None
        raise failure

    def _end(self, stream: socket.socket) -> None:
        self._is_late.set()
        try:
            stream.shutdown(socket.SHUT_RDWR)
        except OSError:  # it is closed already
            return

    def _check_status(self) -> None:
        status, headers = self._response.status, self._response.headers
        is_redirect = status in _REDIRECTS and headers.get("Location")
        if status != HTTPStatus.OK and not is_redirect:
            raise UploadError(f"{self._shown} answers {status} {self._response.reason}", hint="is the URL right?")
        coding = headers.get("Content-Encoding", "").strip().lower()
        if coding not in _CODINGS and not is_redirect:
            raise UploadError(f"{self._shown} sends the file in the unknown coding {coding[:40]!r}")


def _parts(url: str, shown: str) -> SplitResult:
    """Split a URL, refusing those that mean something else than a file on a server."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError as error:  # and UnicodeError, which is one
        raise UploadError(f"{shown} is not a URL: {error}") from error
    if not is_good:
        raise UploadError(f"{shown} is not a URL with http or https and a host", hint="redirects count as well")
    if "@" in parts.netloc:
        raise UploadError(f"{parts.hostname}: a URL of an upload must not have a user name or password in it")
    return parts


def _path(parts: SplitResult) -> str:
    """Return what the request asks for; what is encoded already stays so."""
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    return f"{path}?{quote(parts.query, safe=_QUERY_SAFE)}" if parts.query else path


def _inner(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo is not None else None)
