"""Fixtures of this room."""

from tests.support.stores import place, store

__all__ = ["place", "store"]
