"""Read files of object stores and shared file systems through fsspec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import fsspec

from ingest.remote.faults import INSTALL_HINT, StatusError
from ingest.remote.files import Facts
from vo_server.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["StoredFile", "file_system"]

_BLOCK_BYTES: Final = 8 * 1024 * 1024
_VERSIONS: Final = ("ETag", "etag", "md5Hash", "generation", "version_id")
_TIMES: Final = ("LastModified", "last_modified", "updated", "mtime", "created")
"""Keys under which the file systems of fsspec tell them."""


class StoredFile:
    """A file at any URL that fsspec understands; a :class:`~ingest.remote.files.RemoteBytes`."""

    def __init__(self, fs: Any, path: str) -> None:
        self._fs = fs
        self._path = path

    def facts(self) -> Facts:
        """Ask what the file is now."""
        info = self._fs.info(self._path)
        if info.get("type") == "directory":
            raise IngestError("it is a folder, not a file", hint="name its files: a pattern such as folder/*.parquet")
        version = next((str(info[key]) for key in _VERSIONS if info.get(key)), None)
        time = next((str(info[key]) for key in _TIMES if info.get(key)), None)
        return Facts(int(info["size"]), version, time, has_ranges=True)

    def stream(self, start: int, facts: Facts) -> Iterator[bytes]:
        """Yield the bytes from a place on."""
        assert facts.size_bytes is not None
        while start < facts.size_bytes:
            block = self.range(start, min(start + _BLOCK_BYTES, facts.size_bytes), facts)
            yield block
            start += len(block)
        if self.facts() != facts:
            raise StatusError(412)

    def range(self, start: int, end: int, facts: Facts) -> bytes:
        """Return the bytes from ``start`` to before ``end``."""
        block: bytes = self._fs.cat_file(self._path, start=start, end=end)
        if len(block) != end - start:
            if self.facts() != facts:
                raise StatusError(412)
            raise EOFError(f"{len(block)} of {end - start} bytes were sent")
        return block


def file_system(url: str, *, shown: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it.

    Credentials are those of the environment; where there are none, S3 is asked without any, as public buckets want it.

    Raises
    ------
    IngestError
        If there is no driver for it.
    """
    options: dict[str, Any] = {"use_listings_cache": False}
    if url.lower().startswith(("s3://", "s3a://")) and not _has_aws_credentials():
        options["anon"] = True
    try:
        fs, path = fsspec.url_to_fs(url, **options)
    except (ImportError, ValueError) as error:
        raise IngestError(
            f"it cannot be read: {error}",
            file=shown,
            hint=f"{INSTALL_HINT}; other stores need the package of fsspec for them",
        ) from error
    return fs, str(path)


def _has_aws_credentials() -> bool:
    if fsspec.config.conf.get("s3", {}):
        return True  # the operator has said how
    try:
        from botocore.session import get_session  # noqa: PLC0415 - comes with s3fs, which may not be installed
    except ImportError:
        return True  # fsspec tells what is missing
    return get_session().get_credentials() is not None
