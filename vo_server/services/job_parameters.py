"""The parameters of jobs: which of them steer the job, and what is kept of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["cleaned", "without_controls"]

_CONTROLS: Final = frozenset({"ACTION", "DESTRUCTION", "EXECUTIONDURATION", "PHASE", "WAIT"})
"""Parameters that steer a job and are not part of it."""


def cleaned(parameters: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return parameters with their names in upper case, refusing what a database cannot store as text.

    Raises
    ------
    ParameterError
        If there is such a value.
    """
    for name, value in parameters:
        if not _is_storable(name + value):
            raise ParameterError(name.upper(), value, "text in UTF-8 without NUL characters")
    return tuple((name.upper(), value) for name, value in parameters)


def without_controls(parameters: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the parameters, with names in upper case, that are part of a job."""
    return tuple((name, value) for name, value in parameters if name not in _CONTROLS)


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return "\x00" not in text
