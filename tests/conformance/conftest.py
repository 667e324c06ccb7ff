"""Fixtures of the tests that speak HTTP."""

from tests.support.cones import cone_server, registry_server
from tests.support.server import client, server, tap_service

__all__ = ["client", "cone_server", "registry_server", "server", "tap_service"]
