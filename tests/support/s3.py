"""A server that speaks S3, as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

__all__ = ["S3", "s3_server"]


@dataclass(frozen=True)
class S3:
    """Where it is."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What tells clients of it, with credentials."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def put(self, path: str, content: bytes = b"", *, is_public: bool = False) -> None:
        """Store an object at ``bucket/key``, or make a bucket; all may read what is public."""
        signed = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        headers = {
            "Authorization": signed,
            "Content-Type": "application/octet-stream",
            "x-amz-acl": "public-read" if is_public else "private",
        }
        request = Request(f"{self.url}/{path}", content, headers, method="PUT")
        with urlopen(request, timeout=30):
            pass


@contextmanager
def s3_server() -> Iterator[S3]:
    """Run the server while the block runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process)
        yield S3(url)
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urlopen(url, timeout=5).close()
        except HTTPError:
            return
        except (URLError, ConnectionError, TimeoutError):
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server does not come up"
            time.sleep(0.1)
        else:
            return
