"""Keeps what was made of the last blocks: several tables start from the same."""

from __future__ import annotations

from collections import OrderedDict
from functools import wraps
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.mock.sky import Block

__all__ = ["kept"]

_N_KEPT: Final = 16
"""Enough for all blocks of the demo's default size; a large sky makes them again for every table."""

T = TypeVar("T")


def kept(make: Callable[[Block], T]) -> Callable[[Block], T]:
    """Return a function of whole blocks, not of parts of them, that remembers its last results."""
    made: OrderedDict[tuple[int, int, int], T] = OrderedDict()

    @wraps(make)
    def remembered(block: Block) -> T:
        key = (block.seed, block.number, block.n_objects)
        if key not in made:
            made[key] = make(block)
            while len(made) > _N_KEPT:
                made.popitem(last=False)
        return made[key]

    return remembered
