"""Who asks: the one thing that limits, jobs and tables of users are kept by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ANONYMOUS", "OPERATOR", "Identity"]


@dataclass(frozen=True)
class Identity:
    """A caller as the service knows them.

    Roles and grants have their place here when there are any.
    """

    name: str | None = None
    """Name of the user, as :attr:`vo_server.model.job.Job.owner` has it; None for anybody."""
    is_operator: bool = False
    """Whether it is who has the database at hand; never somebody who comes through HTTP."""

    @property
    def is_anonymous(self) -> bool:
        """Whether the caller has not said who they are."""
        return self.name is None


ANONYMOUS: Final = Identity()
"""Anybody."""

OPERATOR: Final = Identity(is_operator=True)
"""Whoever works at the command line of the service."""
