"""Silence for libraries that warn of what they mend by themselves, in programs with threads."""

from __future__ import annotations

import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["quiet"]

_TURN: Final = threading.RLock()


@contextmanager
def quiet(*categories: type[Warning]) -> Iterator[None]:
    """Leave out warnings of some categories, one thread at a time.

    What is ignored is a list of the whole process: of two threads that change it and put it back, one takes away what
    the other relies on. astropy makes an unknown unit an error by such a change, so that without turns one was taken
    for known. All our calls that parse units are made in here.

    Parameters
    ----------
    categories
        Classes of warnings.
    """
    with _TURN, warnings.catch_warnings():
        for category in categories:
            warnings.simplefilter("ignore", category)
        yield
