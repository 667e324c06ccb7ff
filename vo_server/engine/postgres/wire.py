"""What the fields of a row look like in COPY in binary: one table for those who read rows and those who write them.

A row is the number of its fields (int16) and the fields, each with its length before it (int32; -1 for NULL, which has
no bytes). All numbers are big-endian.

References
----------
PostgreSQL manual, COPY, "Binary Format"; the bytes of a field are those that the ``typsend`` function of its type
writes, and ``typreceive`` reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

__all__ = ["COUNT", "FIXED", "HEADER_BYTES", "LENGTH", "SIGNATURE", "TRAILER", "Fixed"]

SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
HEADER_BYTES: Final = len(SIGNATURE) + 8
"""Behind the signature are flags and the length of an extension; both are zero in all versions of PostgreSQL."""
TRAILER: Final = b"\xff\xff"
"""What follows the last row: -1 where the number of fields would be."""

COUNT: Final = np.dtype(">i2")
LENGTH: Final = np.dtype(">i4")

_DAYS: Final = 10_957
_MICROSECONDS: Final = _DAYS * 86_400_000_000
"""From 1970, where Arrow counts from, to 2000, where PostgreSQL does."""


@dataclass(frozen=True)
class Fixed:
    """A type whose values all have the same number of bytes."""

    wire: np.dtype[Any]
    arrow: pa.DataType
    offset: int = 0
    """What is added to get Arrow's value."""


FIXED: Final = {
    16: Fixed(np.dtype("u1"), pa.bool_()),
    20: Fixed(np.dtype(">i8"), pa.int64()),
    21: Fixed(np.dtype(">i2"), pa.int16()),
    23: Fixed(np.dtype(">i4"), pa.int32()),
    700: Fixed(np.dtype(">f4"), pa.float32()),
    701: Fixed(np.dtype(">f8"), pa.float64()),
    1082: Fixed(np.dtype(">i4"), pa.date32(), _DAYS),
    1114: Fixed(np.dtype(">i8"), pa.timestamp("us"), _MICROSECONDS),
}
"""By the OIDs of ``pg_type``, which are the same in every database: bool, int8, int2, int4, float4, float8, date and
timestamp."""
