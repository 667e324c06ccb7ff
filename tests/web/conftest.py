"""Fixtures of the tests that speak HTTP."""

from tests.support.keepers import anna, annas, rita, ritas
from tests.support.server import client, server, tap_service

__all__ = ["anna", "annas", "client", "rita", "ritas", "server", "tap_service"]
