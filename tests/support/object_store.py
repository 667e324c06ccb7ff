"""An object store in memory: a file system of fsspec that keeps files as S3 does, with a fault switch.

A file is sent in parts and is there when it was committed; what is never committed can be counted.
"""

from __future__ import annotations

import io
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from fsspec.spec import AbstractBufferedFile

__all__ = ["ObjectStore"]


class ObjectStore(MemoryFileSystem):  # type: ignore[misc]
    """Objects by path, at URLs ``objects://...``; faults are switched on and off for all of them."""

    protocol: ClassVar[Any] = ("objects",)
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    uploads: ClassVar[set[str]] = set()
    """Uploads that were begun and neither committed nor given up."""
    refused_after_bytes: ClassVar[int | None] = None
    """Size of a file from which on its parts are refused; None when all are taken."""
    is_away: ClassVar[bool] = False
    """Whether nothing is answered."""

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(MemoryFileSystem._strip_protocol(path.replace("objects://", "memory://")))

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        if self.is_away:
            raise RuntimeError("the object store does not answer")  # drivers have errors of their own
        if mode == "rb":
            if path not in self.store:
                raise FileNotFoundError(path)
            return io.BytesIO(self.store[path].getvalue())
        return _Upload(self, path, mode, block_size=kwargs["block_size"], autocommit=kwargs["autocommit"])

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        if self.is_away:
            raise RuntimeError("the object store does not answer")
        return super().ls(path, detail=detail, **kwargs)


class _Upload(AbstractBufferedFile):  # type: ignore[misc]
    def _initiate_upload(self) -> None:
        self.parts = b""
        self.fs.uploads.add(self.path)

    def _upload_chunk(self, final: bool = False) -> bool:
        self.buffer.seek(0)
        part = self.buffer.read()
        most = self.fs.refused_after_bytes
        if most is not None and len(self.parts) + len(part) > most:
            raise RuntimeError("QuotaExceeded: the bucket is full")
        self.parts += part
        if final and self.autocommit:
            self.commit()
        return True

    def commit(self) -> None:
        self.fs.store[self.path] = MemoryFile(self.fs, self.path, self.parts)
        self.fs.uploads.discard(self.path)

    def discard(self) -> None:
        self.fs.uploads.discard(self.path)


fsspec.register_implementation("objects", ObjectStore, clobber=True)
