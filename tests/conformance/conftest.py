"""Fixtures of the tests that speak HTTP."""

from tests.support.server import client, server, tap_service

__all__ = ["client", "server", "tap_service"]
