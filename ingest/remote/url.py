"""What a URL on the command line says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

__all__ = ["Url", "is_url"]

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.+", re.DOTALL)
_PART: Final = re.compile(r"(?P<url>.+)\[(?P<part>[^\[\]]+)\]", re.DOTALL)
_WEB: Final = frozenset({"http", "https"})


def is_url(text: str) -> bool:
    """Tell whether a word is a URL, and not a path."""
    return _URL.fullmatch(text) is not None


@dataclass(frozen=True)
class Url:
    """A URL, and the part of the file that is wanted: ``https://host/file.fits[2]``."""

    text: str
    part: str | None = None

    @classmethod
    def of(cls, word: str) -> Url:
        """Read the user's word."""
        found = _PART.fullmatch(word)
        return cls(word) if found is None else cls(found["url"], found["part"])

    @property
    def is_web(self) -> bool:
        """True for HTTP, which cannot list files."""
        return urlsplit(self.text).scheme.lower() in _WEB

    @property
    def shown(self) -> str:
        """The URL without what must not be in logs: passwords, and queries, which may be signatures."""
        parts = urlsplit(self.text)
        host = parts.netloc.rpartition("@")[2]
        query = "?…" if parts.query else ""
        part = "" if self.part is None else f"[{self.part}]"
        return f"{parts.scheme}://{host}{parts.path}{query}{part}"

    @property
    def file_name(self) -> str:
        """The last name in the path, or the host."""
        parts = urlsplit(self.text)
        return PurePosixPath(unquote(parts.path)).name or parts.netloc.rpartition("@")[2]

    @property
    def is_glob(self) -> bool:
        """True for a pattern of several files."""
        return "*" in urlsplit(self.text).path

    @property
    def may_be_folder(self) -> bool:
        """True when nothing says that it is a file: no ending, no query, no part."""
        return self.part is None and not urlsplit(self.text).query and "." not in self.file_name.lstrip(".")

    def below(self, path: str) -> Url:
        """Return the URL of a file in this folder."""
        return Url(f"{self.text.rstrip('/')}/{path}")

    def beside(self, path: str) -> Url:
        """Return the URL of a file beside this folder."""
        return Url(f"{self.text.rstrip('/').rpartition('/')[0]}/{path}")
