"""Conditions of three truth values over rows, with a fourth one for what is too near to a boundary to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tests.support.gnomonic import Answer

__all__ = ["Truth"]

Truths = NDArray[np.bool_]


@dataclass(frozen=True)
class Truth:
    """What a condition is in each row; neither true nor false is unknown."""

    is_true: Truths
    is_false: Truths
    is_near: Truths

    @classmethod
    def of(cls, answer: Answer, is_null: Truths) -> Truth:
        return cls(answer.is_true & ~is_null, ~answer.is_true & ~is_null, answer.is_near & ~is_null)

    def __and__(self, other: Truth) -> Truth:
        # What is surely false makes the whole false, however near the other side is.
        is_settled = (self.is_false & ~self.is_near) | (other.is_false & ~other.is_near)
        return Truth(
            self.is_true & other.is_true, self.is_false | other.is_false, (self.is_near | other.is_near) & ~is_settled
        )

    def __or__(self, other: Truth) -> Truth:
        return ~(~self & ~other)

    def __invert__(self) -> Truth:
        return Truth(self.is_false, self.is_true, self.is_near)

    def exists(self, n_groups: int) -> Truth:
        """Return for each of so many groups of equal length whether there is a row that meets the condition."""
        shape = (n_groups, -1)
        is_found: Truths = np.any((self.is_true & ~self.is_near).reshape(shape), axis=1)
        is_near: Truths = np.any(self.is_near.reshape(shape), axis=1) & ~is_found
        return Truth(is_found, ~is_found, is_near)
