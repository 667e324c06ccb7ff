"""Hashes of whole columns at once: the same value has the same 64 bits in every batch, file and process."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vo_server.sky.angle import IntArray

__all__ = ["Hashes", "hashes_of_numbers", "hashes_of_texts", "mixed"]

Hashes: TypeAlias = NDArray[np.uint64]

_WORD_BYTES: Final = 8
_LONG_BYTES: Final = 256
"""Longer texts are hashed one by one: there are few of them."""

_FIRST: Final = np.uint64(0xFF51AFD7ED558CCD)
_SECOND: Final = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT: Final = np.uint64(33)


def mixed(words: Hashes) -> Hashes:
    """Mix the bits of each word, one to one, in place.

    References
    ----------
    The finaliser of MurmurHash3 (A. Appleby, public domain).
    """
    shifted = words >> _SHIFT
    words ^= shifted
    words *= _FIRST
    np.right_shift(words, _SHIFT, out=shifted)
    words ^= shifted
    words *= _SECOND
    np.right_shift(words, _SHIFT, out=shifted)
    words ^= shifted
    return words


def hashes_of_numbers(values: NDArray[Any]) -> Hashes:
    """Return the hashes of numbers of one type, booleans included; 0.0 and -0.0 are the same.

    Parameters
    ----------
    values
        Shape (n,), without NaN.
    """
    if values.dtype.kind == "f":
        values = np.add(values, values.dtype.type(0.0))  # makes 0.0 of -0.0
    word = np.dtype(f"u{values.dtype.itemsize}")
    # A constant that no small number is: zero would stay zero.
    return mixed(values.view(word).astype(np.uint64) ^ _SECOND)


def hashes_of_texts(values: pa.Array) -> Hashes:
    """Return the hashes of texts.

    Parameters
    ----------
    values
        ``string`` array, shape (n,), without NULL.
    """
    starts, data = _buffers(values)
    lengths = np.diff(starts)
    found = mixed(lengths.astype(np.uint64) + _FIRST)
    words = np.lib.stride_tricks.as_strided(
        data[:_WORD_BYTES].view(np.uint64), (len(data) - _WORD_BYTES + 1,), (1,), writeable=False
    )
    is_long = lengths > _LONG_BYTES
    rows = np.flatnonzero(~is_long & (lengths > 0))
    done = 0
    while len(rows):
        rest = lengths[rows] - done
        n_unused = np.maximum(_WORD_BYTES - rest, 0).astype(np.uint64) * np.uint64(8)
        # Little-endian: the bytes of the next text are the high ones.
        word = (words[starts[rows] + done] << n_unused) >> n_unused
        found[rows] = mixed(found[rows] ^ word)
        done += _WORD_BYTES
        rows = rows[rest > _WORD_BYTES]
    for row in np.flatnonzero(is_long).tolist():
        digest = blake2b(data[starts[row] : starts[row + 1]].tobytes(), digest_size=_WORD_BYTES).digest()
        found[row] = np.frombuffer(digest, "<u8")[0]
    return found


def _buffers(values: pa.Array) -> tuple[IntArray, NDArray[np.uint8]]:
    """Return where each text starts, and all bytes with a word of nothing behind them."""
    _, offsets, data = values.buffers()
    starts = np.frombuffer(offsets, np.int32, len(values) + 1, 4 * values.offset).astype(np.int64)
    used = np.frombuffer(data, np.uint8)[starts[0] : starts[-1]] if data is not None else np.empty(0, np.uint8)
    return starts - starts[0], np.concatenate([used, np.zeros(_WORD_BYTES, np.uint8)])
