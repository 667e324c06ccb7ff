"""A folder of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.errors import IngestError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LocalFolder"]


class LocalFolder:
    """A directory; a :class:`~ingest.hats.catalogue.Folder`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def read(self, path: str) -> bytes | None:
        """Return a small file in it; None when there is none."""
        try:
            return (self.path / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise IngestError(f"it cannot be read: {error.strerror}", file=f"{self.path / path}") from error

    def list(self, path: str) -> list[str]:
        """Return the paths of all files below a folder in it."""
        found = (file for file in (self.path / path).rglob("*") if file.is_file())
        return sorted(file.relative_to(self.path).as_posix() for file in found)

    def inner(self, path: str) -> LocalFolder:
        """Return a folder in it; one that is named with its collection may lie beside it."""
        inside = self.path / path
        return LocalFolder(inside if inside.is_dir() else self.path.parent / path)
