"""Fixtures of the tests that speak HTTP."""

from tests.support.server import client, server

__all__ = ["client", "server"]
