"""Fixtures of the tests of scripts and images."""

from __future__ import annotations

from pathlib import Path

import pytest

DOCKER = Path(__file__).resolve().parents[2] / "docker"


@pytest.fixture(scope="session")
def postgres_binaries(pytestconfig: pytest.Config) -> Path:
    """Directory of PostgreSQL's programs, as docker/install-postgres.sh leaves them."""
    directory = Path("/usr/lib/postgresql/15/bin")
    if not (directory / "postgres").exists() or not Path("/usr/share/postgresql/15/extension/q3c.control").exists():
        reason = "PostgreSQL 15 with Q3C is not installed (docker/install-postgres.sh)"
        if "postgres" in pytestconfig.getoption("--require"):
            pytest.fail(f"--require postgres: {reason}", pytrace=False)
        pytest.skip(reason)
    return directory
