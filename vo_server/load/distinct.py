"""How many different values a column has, and how often each occurs while they are few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.load.hashing import Hashes, hashes_of_numbers, hashes_of_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DistinctValues", "numbers_of", "without_null"]

MOST_VALUES: Final = 1000
"""Up to so many different values each is counted."""

MOST_BYTES: Final = 1024**2
"""Up to so many bytes of different texts each is counted."""

_FIRST_LOOK: Final = 4 * MOST_VALUES
"""Of a long batch so many values are looked at first: to count a whole one with many values is slow."""

N_HASHES: Final = 4096
"""Hashes kept beyond that: the number of values is exact up to here, then good to 1.6 % (one standard deviation)."""


_NO_BOUND: Final = np.uint64(2**64 - 1)


class DistinctValues:
    """Counts each value while there are few different ones; afterwards keeps the smallest hashes.

    References
    ----------
    Bar-Yossef et al. 2002, Counting distinct elements in a data stream (the k minimum values).
    """

    def __init__(self) -> None:
        self.counts: dict[Any, int] | None = {}
        """How often each value occurs; None when there are too many of them."""
        self._hashes: Hashes = np.empty(0, np.uint64)
        self.bound = _NO_BOUND
        """Larger hashes are not kept, all others are."""
        self._waiting: list[Hashes] = []
        self._n_waiting = 0

    def see(self, values: pa.Array) -> pa.Array:
        """Take values of one type without NULL and NaN: numbers, booleans, instants or texts.

        Returns
        -------
        Array
            The different ones of them where they were told apart, otherwise all.
        """
        if self.counts is not None:
            return self._count(values)
        self._take(hashes(values))
        return values

    def merge(self, other: DistinctValues, kind: pa.DataType) -> None:
        """Add the values, of a type, that were seen elsewhere."""
        if self.counts is not None and other.counts is not None:
            for value, count in other.counts.items():
                self.counts[value] = self.counts.get(value, 0) + count
            self._give_up_if_too_many(kind)
            return
        self._give_up(kind)
        if other.counts is None:
            kept = other.hashes()
            self.bound = min(self.bound, other.bound)
            self._take(kept)
        else:
            self._take(hashes(pa.array(list(other.counts), _stored(kind)).cast(kind)))

    def leave_out_above(self, bound: np.uint64) -> None:
        """Begin without counts, and with fewer hashes: larger ones are not wanted by whoever merges these values."""
        self.counts, self.bound = None, bound

    def number(self) -> tuple[int, bool]:
        """Return how many different values there are, and whether that is exact."""
        if self.counts is not None:
            return len(self.counts), True
        kept = self.hashes()
        if self.bound == _NO_BOUND:
            return len(kept), True
        n_below = N_HASHES - 1 if len(kept) == N_HASHES else len(kept)
        return round(n_below * 2.0**64 / (float(self.bound) + 1.0)), False

    def hashes(self) -> Hashes:
        """Return the smallest hashes, sorted; none while values are counted."""
        if self._waiting:
            found = _different(np.concatenate([self._hashes, *self._waiting]))[:N_HASHES]
            self._hashes, self._waiting, self._n_waiting = found, [], 0
            if len(found) == N_HASHES:
                self.bound = min(self.bound, found[-1])
        if len(self._hashes) and self._hashes[-1] > self.bound:  # parts that began with fewer hashes were merged
            self._hashes = self._hashes[self._hashes <= self.bound]
        return self._hashes

    def restore(self, found: Hashes, bound: int) -> None:
        """Go on from hashes that :meth:`hashes` has told, and their bound."""
        self.leave_out_above(np.uint64(bound))
        self._take(found)

    def _count(self, values: pa.Array) -> pa.Array:
        assert self.counts is not None
        if len(values) > _FIRST_LOOK and len(pc.unique(values[:_FIRST_LOOK])) > MOST_VALUES:
            self._give_up(values.type)
            self._take(hashes(values))
            return values
        counted = pc.value_counts(values)
        different = counted.field("values")
        if len(different) > MOST_VALUES:
            self._give_up(values.type)
            self._take(hashes(different))
            return different
        for value, count in zip(_plain(different), counted.field("counts").to_pylist(), strict=True):
            self.counts[value] = self.counts.get(value, 0) + count
        self._give_up_if_too_many(values.type)
        return different

    def _give_up_if_too_many(self, kind: pa.DataType) -> None:
        assert self.counts is not None
        n_bytes = sum(map(len, self.counts)) if pa.types.is_string(kind) else 0
        if len(self.counts) > MOST_VALUES or n_bytes > MOST_BYTES:
            self._give_up(kind)

    def _give_up(self, kind: pa.DataType) -> None:
        """Keep the hashes of what was counted, and no values any more."""
        if self.counts is None:
            return
        counted, self.counts = self.counts, None
        if counted:
            self._take(hashes(pa.array(list(counted), _stored(kind)).cast(kind)))

    def _take(self, found: Hashes) -> None:
        found = found[found <= self.bound]
        if len(found):
            self._waiting.append(found)
            self._n_waiting += len(found)
        if self._n_waiting > 4 * N_HASHES:
            self.hashes()


def hashes(values: pa.Array) -> Hashes:
    """Return the hashes of values without NULL and NaN."""
    if pa.types.is_string(values.type):
        return hashes_of_texts(values)
    return hashes_of_numbers(numbers_of(values))


def numbers_of(values: pa.Array) -> NDArray[Any]:
    """Return values without NULL as numbers of numpy; instants as microseconds since 1970."""
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    return np.asarray(values.to_numpy(zero_copy_only=False))


def without_null(values: pa.Array) -> pa.Array:
    """Return the values that are not NULL."""
    if not values.null_count:
        return values
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return values.drop_null()
    # For numbers numpy takes half the time.
    validity, data = values.buffers()
    first, n_values = values.offset, len(values)
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), count=first + n_values, bitorder="little")
    numbers = np.frombuffer(data, values.type.to_pandas_dtype(), first + n_values)
    return pa.array(numbers[first:][bits[first:].view(np.bool_)])


def _different(found: Hashes) -> Hashes:
    """Return different hashes, sorted; three times as fast as ``numpy.unique``, which does not sort first."""
    found = np.sort(found)
    is_first = np.ones(len(found), np.bool_)
    np.not_equal(found[1:], found[:-1], out=is_first[1:])
    different: Hashes = found[is_first]
    return different


def _stored(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if pa.types.is_timestamp(kind) else kind


def _plain(values: pa.Array) -> list[Any]:
    """Return values as Python has them; instants as microseconds, -0.0 as 0.0."""
    plain = values.cast(_stored(values.type)).to_pylist()
    return [value + 0.0 for value in plain] if pa.types.is_floating(values.type) else plain
