"""How far a load is: told to whoever wants to know."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """Is told how far a load is."""

    def begin(self, total: int | None) -> None:
        """Learn how many rows there will be; None when that is not known."""
        ...

    def advance(self, n_rows: int) -> None:
        """Learn that some more rows were loaded."""
        ...

    def say(self, what: str) -> None:
        """Learn what is being done now."""
        ...


class Silent:
    """Shows nothing."""

    def begin(self, total: int | None) -> None:
        """Do nothing."""

    def advance(self, n_rows: int) -> None:
        """Do nothing."""

    def say(self, what: str) -> None:
        """Do nothing."""
