"""Gives memory that nobody uses any more back to the system."""

from __future__ import annotations

import ctypes

import pyarrow as pa

__all__ = ["give_back_memory"]


def give_back_memory() -> None:
    """Give back what Arrow and the C library keep for later; without effect where they cannot.

    Both keep freed memory for the next allocation, for each thread. When batches have been read and a database in this
    process is to have its memory next, that would count twice.
    """
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of the GNU C library alone
    if trim is not None:
        trim(ctypes.c_size_t(0))
