from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from vo_server.errors import TooLargeError, UploadError
from vo_server.services.fetch import Fetcher

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Fetcher(5.0, 2, (ip_network("127.0.0.0/8"), ip_network("::1/128")))
PUBLIC_ONLY = Fetcher(5.0, 2)
CONTENT = b"x" * 700_000


class Elsewhere(BaseHTTPRequestHandler):
    """A server that behaves as its paths say."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].lstrip("/").split("/")
        with suppress(OSError):  # clients that have seen enough leave
            getattr(self, f"answer_{name[0]}")(*name[1:])

    def answer_file(self) -> None:
        self._head(200, {"Content-Length": str(len(CONTENT))})
        self.wfile.write(CONTENT)

    def answer_chunked(self) -> None:
        self._head(200, {"Transfer-Encoding": "chunked"})
        self.wfile.write(b"3\r\nabc\r\n0\r\n\r\n")

    def answer_cut(self) -> None:
        self._head(200, {"Content-Length": "100"})
        self.wfile.write(b"half")

    def answer_endless(self) -> None:
        self._head(200, {})
        while True:
            self.wfile.write(CONTENT)

    def answer_slow(self) -> None:
        self._head(200, {"Content-Length": "100000"})
        self._trickle()

    def answer_silent(self) -> None:
        self._trickle()  # not even a status line is finished

    def answer_again(self) -> None:
        self._head(302, {"Location": "/again", "Content-Length": "0"})

    def answer_to(self, *target: str) -> None:
        self._head(307, {"Location": unquote("/".join(target)).replace("COLON", ":"), "Content-Length": "0"})

    def answer_brotli(self) -> None:
        self._head(200, {"Content-Encoding": "br", "Content-Length": "0"})

    def answer_host(self) -> None:
        text = self.headers["Host"].encode()
        self._head(200, {"Content-Length": str(len(text))})
        self.wfile.write(text)

    def answer_nothing(self) -> None:
        self._head(404, {"Content-Length": "0"})

    def _trickle(self) -> None:
        for _ in range(200):
            self.wfile.write(b"H")
            time.sleep(0.05)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    with serving() as url:
        yield url


def fetched(url: str, *, fetcher: Fetcher = HERE, max_bytes: int = 10**6) -> bytes:
    return b"".join(fetcher.fetch(url, max_bytes=max_bytes))


def test_a_file_is_fetched(elsewhere: str) -> None:
    assert fetched(f"{elsewhere}/file") == CONTENT
    assert fetched(f"{elsewhere}/file?a=b c;d#part") == CONTENT
    assert fetched(f"{elsewhere}/chunked") == b"abc"


def test_the_host_is_named_as_in_the_url(elsewhere: str) -> None:
    port = elsewhere.rpartition(":")[2]
    assert fetched(f"http://LocalHost:{port}/host", fetcher=HERE) == f"localhost:{port}".encode()


def test_redirects_are_followed_up_to_a_limit(elsewhere: str) -> None:
    assert fetched(f"{elsewhere}/to//file") == CONTENT
    with pytest.raises(UploadError, match="redirected more than 2 times"):
        fetched(f"{elsewhere}/again")


@pytest.mark.parametrize(
    "target",
    ["httpCOLON//10.0.0.1/x", "httpCOLON//[COLONCOLON1]/x", "fileCOLON///etc/passwd", "ftpCOLON//example.org/x"],
)
def test_redirects_lead_nowhere_else(elsewhere: str, target: str) -> None:
    with pytest.raises(UploadError, match=r"not in the public Internet|not a URL with http"):
        fetched(f"{elsewhere}/to/{target}", fetcher=Fetcher(5.0, 2, (ip_network("127.0.0.0/8"),)))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fc00::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ],
)
def test_what_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(UploadError, match="not in the public Internet"):
        fetched(f"http://{host}:9/x", fetcher=PUBLIC_ONLY)


def test_public_addresses_are_reachable() -> None:
    for text in ("8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"):
        assert PUBLIC_ONLY.is_reachable(ip_address(text)), text


def test_a_name_that_changes_its_meaning_gains_nothing(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(elsewhere.rpartition(":")[2])
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def rebound(host: str, *arguments: Any, **options: Any) -> Any:
        if host != "rebinding.example":
            return resolve(host, *arguments, **options)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    assert fetched(f"http://rebinding.example:{port}/file") == CONTENT
    assert asked == ["rebinding.example"]


def test_a_file_over_the_limit_is_refused_before_it_is_read(elsewhere: str) -> None:
    with pytest.raises(TooLargeError, match="700000 bytes; the uploads of one query may have 1000"):
        fetched(f"{elsewhere}/file", max_bytes=1000)


def test_an_endless_file_is_the_callers_to_stop(elsewhere: str) -> None:
    stream = HERE.fetch(f"{elsewhere}/endless", max_bytes=1000)
    assert next(stream)
    stream.close()  # type: ignore[attr-defined]  # it is a generator


@pytest.mark.parametrize("path", ["slow", "silent"])
def test_a_slow_server_is_not_waited_for(elsewhere: str, path: str) -> None:
    start = time.monotonic()
    with pytest.raises(UploadError, match=r"longer than the limit of 0\.5 s"):
        fetched(f"{elsewhere}/{path}", fetcher=Fetcher(0.5, 2, HERE.allowed))
    assert time.monotonic() - start < 3


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("cut", "broke off 96 bytes before its end"),
        ("nothing", "answers 404 Not Found"),
        ("brotli", "unknown coding 'br'"),
    ],
)
def test_what_is_no_file_is_an_error(elsewhere: str, path: str, told: str) -> None:
    with pytest.raises(UploadError, match=told):
        fetched(f"{elsewhere}/{path}")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://", "not a URL with http"),
        ("http://user:secret@example.org/", "user name"),
        ("http://[::1/", "not a URL"),
        ("http://a:99999/", "not a URL"),
        ("http://127.0.0.1:1/", "cannot be fetched"),
        ("http://no-such-host.invalid/", "cannot be fetched"),
        ("http://" + "a" * 70 + ".org/", "not a URL"),
    ],
)
def test_a_url_that_leads_nowhere_is_an_error(url: str, told: str) -> None:
    with pytest.raises(UploadError, match=told):
        fetched(url)
