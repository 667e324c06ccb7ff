"""Files of jobs at any URL that fsspec understands: object stores, shared file systems.

Object stores (s3, gs, abfs) show a file when it was committed and not before. Where a file system shows it earlier
nobody finds it either: its name is in the database only when the run has ended well.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import fsspec

from vo_server.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from vo_server.store.files import Sink

__all__ = ["RemoteFiles"]

_BLOCK_BYTES: Final = 5 * 1024 * 1024
"""Bytes that are written or read ahead at once; the smallest part that S3 takes."""


class RemoteFiles:
    """A place at a URL with one folder per job; see :class:`vo_server.store.files.Files`.

    Parameters
    ----------
    url
        ``s3://bucket/path``, ``gs://...``, ``memory://...``; how to log in is the business of fsspec (its
        configuration files, ``FSSPEC_*``, ``AWS_*``, ...).

    Raises
    ------
    ConfigurationError
        If no file system is known for the URL.
    """

    def __init__(self, url: str) -> None:
        try:
            # What other processes write must be seen, and listings are rare.
            self._fs, self._root = fsspec.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise ConfigurationError(
                f"results cannot be kept at {url}: {error}", hint="install the package of fsspec for it, e.g. s3fs"
            ) from error
        self._url = url

    def __str__(self) -> str:
        return self._url

    @contextmanager
    def create(self, folder: str, name: str) -> Iterator[Sink]:
        """Give a file to write; it is committed at the end, or discarded."""
        path = self._path(folder, name)
        with _faults():
            self._fs.makedirs(self._path(folder), exist_ok=True)
            file = self._fs.open(path, "wb", block_size=_BLOCK_BYTES, autocommit=False)
        sink = _Sink(file)
        try:
            yield sink
            with _faults():
                file.close()
                file.commit()
            self._require_size(path, sink.size_bytes)
        except BaseException:
            self._undo(file, folder, name)
            raise

    def open(self, folder: str, name: str) -> BinaryIO:
        """Open a file; whether it stays readable when it is removed meanwhile depends on the place."""
        with _faults():
            file = self._fs.open(self._path(folder, name), "rb", block_size=_BLOCK_BYTES, cache_type="readahead")
        return cast("BinaryIO", file)

    def delete(self, folder: str, name: str) -> None:
        """Remove a file, if it is there."""
        with _faults(), suppress(FileNotFoundError):
            self._fs.rm_file(self._path(folder, name))

    def delete_folder(self, folder: str) -> None:
        """Remove a folder with all its files, if it is there."""
        with _faults(), suppress(FileNotFoundError):
            self._fs.rm(self._path(folder), recursive=True)

    def sweep(self, known: Collection[str], *, before: float) -> tuple[str, ...]:
        """Remove folders that are not known; the place itself forgets what was never committed."""
        with _faults():
            folders = [_last(path) for path in self._listed()]
            gone = tuple(name for name in sorted(folders) if name not in known and self._changed(name) < before)
        for name in gone:
            self.delete_folder(name)
        return gone

    def check(self) -> None:
        """Try whether files can be written."""
        name = f"check-{secrets.token_hex(4)}"
        with self.create(name, name) as file:
            file.write(memoryview(b"x"))
        self.delete_folder(name)

    def _path(self, *parts: str) -> str:
        return "/".join((self._root.rstrip("/"), *parts))

    def _require_size(self, path: str, size_bytes: int) -> None:
        with _faults():
            kept_bytes = self._fs.size(path)
        if kept_bytes != size_bytes:
            raise OSError(f"{self._url} kept {kept_bytes} of {size_bytes} bytes")

    def _listed(self) -> list[str]:
        try:
            found: list[str] = self._fs.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        return found

    def _changed(self, folder: str) -> float:
        """Return when the youngest file of a folder was written [s since 1970]; 0 for an empty one."""
        with suppress(FileNotFoundError):
            files = self._fs.find(self._path(folder))
            return max((float(self._fs.modified(file).timestamp()) for file in files), default=0.0)
        return 0.0

    def _undo(self, file: Any, folder: str, name: str) -> None:
        """Leave nothing of a file that was not written to its end; the first failure is the one to be told."""
        with suppress(Exception):
            file.forced = True  # fsspec's buffered files would write the rest when they are closed
            file.close()
        with suppress(Exception):
            file.discard()
        with suppress(OSError):
            self.delete(folder, name)


class _Sink:
    """A file that is being written, whose failures are all OSErrors."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.size_bytes = 0

    def write(self, data: memoryview, /) -> int:
        with _faults():
            written = int(self._file.write(data))
        self.size_bytes += written
        return written


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


@contextmanager
def _faults() -> Iterator[None]:
    """Tell failures of any driver as OSError; each has errors of its own."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
