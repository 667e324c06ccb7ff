"""Fields of COPY in binary, written one after the other, as the manual says it; and values that are hard to write."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from typing import Any, Final

from tests.engine.samples import INF, LONG_MAX, LONG_MIN, NAN

__all__ = ["HARD", "START_OF_POSTGRES", "TEXT", "TIMESTAMP", "encoded_row"]

_FORMATS: Final = {16: "?", 20: "q", 21: "h", 23: "i", 700: "f", 701: "d"}
TIMESTAMP: Final = 1114
TEXT: Final = 25
START_OF_POSTGRES: Final = datetime.fromisoformat("2000-01-01")

HARD: Final[dict[int, list[Any]]] = {
    16: [True, False],
    20: [LONG_MIN, LONG_MAX, 0, -1, 0x64FFFFFFFF],
    21: [-(2**15), 2**15 - 1, -1],
    23: [-(2**31), 2**31 - 1, -1],
    700: [NAN, INF, -INF, -0.0, 1.5],
    701: [NAN, INF, -INF, -0.0, 5e-324, 0.1],
    TIMESTAMP: [datetime.fromisoformat("0001-01-01"), datetime.fromisoformat("9999-12-31T23:59:59.999999")],
    TEXT: ["", "\uffff", "Å 🌌 名", "x" * 300],
}


def _encoded(oid: int, value: Any) -> bytes:
    if value is None:
        return struct.pack(">i", -1)
    if oid == TEXT:
        field = str(value).encode()
    elif oid == TIMESTAMP:
        field = struct.pack(">q", (value - START_OF_POSTGRES) // timedelta(microseconds=1))
    else:
        field = struct.pack(f">{_FORMATS[oid]}", value)
    return struct.pack(">i", len(field)) + field


def encoded_row(oids: list[int], row: list[Any]) -> bytes:
    """Return a row as it is in COPY."""
    return struct.pack(">h", len(row)) + b"".join(_encoded(oid, value) for oid, value in zip(oids, row, strict=True))
