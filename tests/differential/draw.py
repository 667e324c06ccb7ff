"""Random choices that are written down, so that a query can be made again from them, and made smaller."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["Draw", "Usage"]

T = TypeVar("T")


class Usage:
    """How often each option of a kind was taken; rare ones are preferred, so that a few hundred queries see all."""

    def __init__(self) -> None:
        self._counts: dict[Hashable, int] = {}

    def count(self, key: Hashable) -> int:
        return self._counts.get(key, 0)

    def take(self, key: Hashable) -> None:
        self._counts[key] = self.count(key) + 1


class Draw:
    """Choices of one query.

    Every choice is a whole number below a bound, and 0 stands for the simplest option: a list of smaller numbers
    gives a simpler query. Behind the end of a list that is replayed there are only zeros.

    Parameters
    ----------
    source
        A random generator, or the choices of another query.
    usage
        What was taken so far; only asked where ``source`` is random.
    """

    def __init__(self, source: Random | Sequence[int], usage: Usage | None = None) -> None:
        self._random = source if isinstance(source, Random) else None
        self._replayed = () if isinstance(source, Random) else tuple(source)
        self._usage = usage or Usage()
        self._n_names = 0
        self.choices: list[int] = []

    def below(self, bound: int) -> int:
        """Return a number from 0 to ``bound - 1``."""
        if self._random is not None:
            chosen = self._random.randrange(bound)
        else:
            at = len(self.choices)
            chosen = self._replayed[at] % bound if at < len(self._replayed) else 0
        self.choices.append(chosen)
        return chosen

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """Return True in so many of a hundred cases; False is the simpler one."""
        return self.below(100) >= 100 - percent

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, the simplest of which stands first."""
        return options[self.below(len(options))]

    def pick_rare(self, keys: Sequence[Hashable]) -> int:
        """Return the place of an option, seldom taken ones first."""
        if self._random is None:
            return self.below(len(keys))
        fewest = min(self._usage.count(key) for key in keys)
        rare = [at for at, key in enumerate(keys) if self._usage.count(key) <= fewest + 1]
        at = self._random.choice(rare)
        self._usage.take(keys[at])
        self.choices.append(at)
        return at

    def name(self, stem: str) -> str:
        """Return a name that this query does not have yet."""
        self._n_names += 1
        return f"{stem}{self._n_names}"
