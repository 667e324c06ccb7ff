"""Users of a running service."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import httpx

from vo_server.access.tokens import digest_of, new_token

if TYPE_CHECKING:
    from tests.support.service import Service

__all__ = ["add_user", "as_user", "give_token"]


def add_user(service: Service) -> tuple[str, str]:
    """Add a user with a name that nobody has; return the name and a token."""
    name = f"user_{secrets.token_hex(4)}"
    service.context.store.users.add(name)
    return name, give_token(service, name)


def give_token(service: Service, name: str) -> str:
    """Make a token for a user as the command line does."""
    secret = new_token()
    service.context.store.users.add_token(name, digest_of(secret))
    return secret


def as_user(service: Service, token: str) -> httpx.Client:
    """Speak to a service with a token; paths are below ``/tap/``."""
    return httpx.Client(base_url=f"{service.tap}/", timeout=30, headers={"Authorization": f"Bearer {token}"})
