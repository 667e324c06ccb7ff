"""Where the parts of a HATS catalogue lie in its folder, and what its properties are called."""

from __future__ import annotations

import re
from typing import Final

from vo_server.errors import IngestError

__all__ = [
    "COLLECTION",
    "COMMON_METADATA",
    "DATASET",
    "METADATA",
    "PARTITIONS",
    "PROPERTIES",
    "partition_path",
    "read_properties",
    "write_properties",
]

PROPERTIES: Final = ("hats.properties", "properties")
"""Names of the file of properties, the newer one first; catalogues have either or both."""
COLLECTION: Final = "collection.properties"
"""The file that makes a folder a collection: a catalogue with its margins and indexes beside it."""
PARTITIONS: Final = "partition_info.csv"
DATASET: Final = "dataset"
METADATA: Final = "_metadata"
COMMON_METADATA: Final = "_common_metadata"

_PER_DIRECTORY: Final = 10_000
_LINE: Final = re.compile(r"(?P<key>(?:\\.|[^\\=:\s])+)\s*[=:\s]\s*(?P<value>.*)")


def partition_path(order: int, number: int, suffix: str = ".parquet") -> str:
    """Return the path of a partition inside the folder ``dataset``."""
    return f"Norder={order}/Dir={number // _PER_DIRECTORY * _PER_DIRECTORY}/Npix={number}{suffix}"


def read_properties(text: str, *, file: str) -> dict[str, str]:
    """Read a file of properties: lines ``key=value``, and comments.

    Raises
    ------
    IngestError
        If a line is neither.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#!":
            continue
        pair = _LINE.fullmatch(stripped)
        if pair is None:
            raise IngestError(
                f"line {number} is not key=value: {stripped[:60]!r}",
                file=file,
                hint="is it the file of properties of a HATS catalogue?",
            )
        found[_plain(pair["key"])] = _plain(pair["value"])
    return found


def write_properties(values: dict[str, str], *, title: str) -> str:
    """Return a file of properties; empty values are left out."""
    lines = [f"{key}={_escaped(value)}" for key, value in values.items() if value]
    return "\n".join([f"#{title}", *lines, ""])


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\")
