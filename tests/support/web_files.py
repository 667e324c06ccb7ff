"""A web server with files, real ranges and real faults: statuses, transfers that break off, files that change."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["WebFiles", "serving"]

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class WebFiles:
    """Files by their paths, the faults of the server, and what was asked of it."""

    base: str
    files: dict[str, bytes] = field(default_factory=dict)
    has_ranges: bool = True
    has_etags: bool = True
    tells_size: bool = True
    statuses: list[int] = field(default_factory=list)
    """Answers of the next requests, instead of the files."""
    cut_after_bytes: list[int] = field(default_factory=list)
    """After how many bytes the next long answers break off: those that go on to the end of a file."""
    cuts_ranges: bool = False
    """Whether answers of ranges that have an end break off as well."""
    then: dict[str, bytes] = field(default_factory=dict)
    """Files that take the place of others after the next answer that breaks off."""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Paths and ranges of the requests."""

    def url(self, path: str) -> str:
        """Return the URL of a file."""
        return f"{self.base}/{path}"


class _Handler(BaseHTTPRequestHandler):
    site: WebFiles

    def do_GET(self) -> None:
        path, wanted = unquote(urlsplit(self.path).path).lstrip("/"), self.headers.get("Range")
        self.site.asked.append((path, wanted))
        if self.site.statuses:
            self._status(self.site.statuses.pop(0))
            return
        content = self.site.files.get(path)
        if content is None:
            self._status(404)
            return
        self._send(content, wanted)

    def _send(self, content: bytes, wanted: str | None) -> None:
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        found = _RANGE.fullmatch(wanted or "") if self.site.has_ranges else None
        if found is not None and self.headers.get("If-Range", etag) != etag:
            found = None
        first, last = 0, len(content) - 1
        if found is not None:
            first, last = int(found[1]), min(last, int(found[2]) if found[2] else last)
        part = content[first : last + 1]
        self.send_response(200 if found is None else 206)
        if found is not None:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        if self.site.tells_size:
            self.send_header("Content-Length", str(len(part)))
        if self.site.has_etags:
            self.send_header("ETag", etag)
        for name, value in self.site.headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        may_cut = self.site.cuts_ranges or wanted is None or wanted.endswith("-")
        if may_cut and self.site.cut_after_bytes and len(part) > self.site.cut_after_bytes[0]:
            self._write(part[: self.site.cut_after_bytes.pop(0)])
            self.site.files |= self.site.then
            with suppress(OSError):  # the client may have gone
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._write(part)

    def _write(self, part: bytes) -> None:
        with suppress(OSError):  # the client may have seen enough
            self.wfile.write(part)
            self.wfile.flush()

    def _status(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[WebFiles]:
    """Serve files on a port of this machine while the block runs."""

    class Handler(_Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = Handler.site = WebFiles(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
