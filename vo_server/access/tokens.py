"""Tokens: random, shown once, kept as a digest."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

__all__ = ["PREFIX", "digest_of", "new_token"]

PREFIX: Final = "vo_"
"""How every token begins, so that one that leaked into a public place can be found and told from other secrets."""

_RANDOM_BYTES: Final = 32


def new_token() -> str:
    """Return a token with 256 random bits, of characters that need no quoting anywhere."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest_of(token: str) -> str:
    """Return what is kept of a token.

    A plain SHA-256 will do: it is slow password hashes that passwords need, because people choose them. Nobody tries
    2**256 tokens, however quickly.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
