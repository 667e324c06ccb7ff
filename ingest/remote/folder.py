"""A folder elsewhere that may be a HATS catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.remote.faults import Patience, is_missing, told
from ingest.remote.stored import StoredFile, file_system
from ingest.remote.web import WebFile
from vo_server.errors import IngestError

if TYPE_CHECKING:
    from ingest.remote.files import RemoteBytes
    from ingest.remote.url import Url

__all__ = ["RemoteFolder", "bytes_at", "matching"]

_MOST_BYTES: Final = 256 * 1024**2
"""Size of a list of partitions that is read into memory."""


def bytes_at(url: Url) -> RemoteBytes:
    """Return how the bytes of a file are had."""
    if url.is_web:
        return WebFile(url.text)
    return StoredFile(*file_system(url.text, shown=url.shown))


def matching(url: Url) -> list[Url]:
    """Return the files that a pattern stands for, sorted.

    Raises
    ------
    IngestError
        If there are none, or they cannot be listed.
    """
    if url.is_web:
        raise IngestError("web servers cannot list files", file=url.shown, hint="name the files one by one")
    fs, path = file_system(url.text, shown=url.shown)
    try:
        found = sorted(Patience().call(lambda: fs.glob(path)))
    except Exception as error:
        raise told(error, file=url.shown) from error
    if not found:
        raise IngestError("there are no such files", file=url.shown)
    return [type(url)(fs.unstrip_protocol(one), url.part) for one in found]


class RemoteFolder:
    """A folder at a URL; a :class:`~ingest.hats.catalogue.Folder`."""

    def __init__(self, url: Url) -> None:
        self.url = url
        self.name = url.shown.rstrip("/")

    def read(self, path: str) -> bytes | None:
        """Return a small file in it; None when there is none."""
        url = self.url.below(path)
        remote, patience = bytes_at(url), Patience()
        try:
            facts = patience.call(remote.facts)
            _check_size(facts.size_bytes, url)
            return patience.call(lambda: b"".join(remote.stream(0, facts)))
        except Exception as error:
            if is_missing(error):
                return None
            raise told(error, file=url.shown) from error

    def list(self, path: str) -> list[str]:
        """Return the paths of all files below a folder in it."""
        if self.url.is_web:
            raise IngestError(
                "the catalogue has no partition_info.csv, and web servers cannot list files", file=self.name
            )
        fs, root = file_system(self.url.text, shown=self.name)
        try:
            found = Patience().call(lambda: fs.find(f"{root.rstrip('/')}/{path}"))
        except Exception as error:
            raise told(error, file=self.name) from error
        return sorted(one.removeprefix(f"{root.rstrip('/')}/") for one in found)

    def inner(self, path: str) -> RemoteFolder:
        """Return a folder in it."""
        return RemoteFolder(self.url.below(path))


def _check_size(size_bytes: int | None, url: Url) -> None:
    if size_bytes is not None and size_bytes > _MOST_BYTES:
        raise IngestError(f"{size_bytes} bytes are more than a list of partitions has", file=url.shown)
