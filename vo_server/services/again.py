"""Queries whose table got another release while they started."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeVar

from vo_server.errors import ReplacedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["with_newest"]

logger = logging.getLogger(__name__)

_ATTEMPTS: Final = 3
"""Releases are dropped one at a time, by people; what happens three times in a row has another reason."""

T = TypeVar("T")


def with_newest(start: Callable[[], T]) -> T:
    """Compile and start a query; do so again when a release that it reads was dropped in between.

    The catalogue names no such release any more: compiled again, the query reads the one that is current now.

    Parameters
    ----------
    start
        Does both, until there are rows or there is none; afterwards no release is taken from a query.

    Raises
    ------
    ReplacedError
        If it happens again and again.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return start()
        except ReplacedError:
            logger.info("a release was dropped while a query of it started; it starts again")
    return start()
