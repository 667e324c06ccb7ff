"""Who asks: the one thing that limits, jobs and tables of users are kept by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ANONYMOUS", "Identity"]


@dataclass(frozen=True)
class Identity:
    """A caller as the service knows them.

    Roles and grants have their place here when there are any.
    """

    name: str | None = None
    """Name of the user, as :attr:`vo_server.model.job.Job.owner` has it; None for anybody."""

    @property
    def is_anonymous(self) -> bool:
        """Whether the caller has not said who they are."""
        return self.name is None


ANONYMOUS: Final = Identity()
"""Anybody."""
