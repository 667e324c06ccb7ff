"""Keeps what was made of the last blocks: several tables start from the same."""

from __future__ import annotations

from collections import OrderedDict
from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.mock.sky import Block

__all__ = ["kept"]

_N_KEPT: Final = 4
"""More than the blocks of which tables are made at a time, each by a thread of its own."""

T = TypeVar("T")


def kept(make: Callable[[Block], T]) -> Callable[[Block], T]:
    """Return a function of whole blocks, not of parts of them, that remembers its last results."""
    made: OrderedDict[tuple[int, int, int], T] = OrderedDict()
    guard = Lock()

    @wraps(make)
    def remembered(block: Block) -> T:
        key = (block.seed, block.number, block.n_objects)
        with guard:
            if key in made:
                return made[key]
        result = make(block)
        with guard:
            made[key] = result
            while len(made) > _N_KEPT:
                made.popitem(last=False)
        return result

    return remembered
