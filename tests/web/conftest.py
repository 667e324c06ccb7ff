"""Fixtures of the tests that speak HTTP."""

from tests.support.cones import cone_server, registry_server
from tests.support.keepers import anna, annas, rita, ritas
from tests.support.server import client, server, tap_service

__all__ = ["anna", "annas", "client", "cone_server", "registry_server", "rita", "ritas", "server", "tap_service"]
