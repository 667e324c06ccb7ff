"""Fixtures that every part of the suite may ask for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require",
        action="append",
        default=[],
        choices=["postgres", "stilts", "catalogues"],
        help="Fail, instead of skipping, tests that need this and do not find it.",
    )


def _missing(config: pytest.Config, what: str, reason: str) -> None:
    if what in config.getoption("--require"):
        pytest.fail(f"--require {what}: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_dsn(pytestconfig: pytest.Config) -> str:
    """DSN of a PostgreSQL database in which tests may create and drop anything; Q3C is installable there."""
    dsn = os.environ.get("VO_TEST_POSTGRES", "")
    if not dsn:
        _missing(pytestconfig, "postgres", "VO_TEST_POSTGRES is not set (postgresql://user@host:port/database)")
    return dsn


@pytest.fixture(scope="session")
def stilts(pytestconfig: pytest.Config) -> str:
    """Path of the stilts command."""
    found = shutil.which("stilts")
    if found is None:
        _missing(pytestconfig, "stilts", "stilts is not installed")
    return str(found)


@pytest.fixture(scope="session")
def catalogues_dir(pytestconfig: pytest.Config) -> Path:
    """Folder of real catalogues, one folder each; not part of the project, their licences differ."""
    folder = Path(os.environ.get("VO_TEST_CATALOGUES", ROOT.parent / "shared" / "data"))
    if not (folder / "hipparcos2").is_dir():
        _missing(pytestconfig, "catalogues", f"no real catalogues in {folder}")
    return folder
