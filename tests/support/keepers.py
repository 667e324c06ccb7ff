"""Users of the running server, each with a client, and the shortest ways to ask and to make tables: fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.answers import csv_rows
from tests.support.users import add_user, as_user

if TYPE_CHECKING:
    from tests.support.service import Service

__all__ = ["ROWS", "anna", "annas", "ask", "made", "rita", "ritas"]

ROWS = b"id\tra\tdec\tnote\n1\t10.5\t-3.25\tfirst\n2\t11.5\t4.0\t\n9007199254740993\t12.5\t5.0\tthird\n"


@pytest.fixture
def rita(server: Service) -> tuple[str, str]:
    """Name and token of a user."""
    return add_user(server)


@pytest.fixture
def ritas(server: Service, rita: tuple[str, str]) -> Iterator[httpx.Client]:
    """Speak to the server as that user."""
    with as_user(server, rita[1]) as client:
        yield client


@pytest.fixture
def anna(server: Service) -> tuple[str, str]:
    """Name and token of another user."""
    return add_user(server)


@pytest.fixture
def annas(server: Service, anna: tuple[str, str]) -> Iterator[httpx.Client]:
    """Speak to the server as the other user."""
    with as_user(server, anna[1]) as client:
        yield client


def ask(client: httpx.Client, query: str) -> list[list[str]]:
    answer = client.post("sync", data={"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": "csv"})
    assert answer.status_code == 200, answer.text
    return csv_rows(answer)[1:]


def made(client: httpx.Client, name: str, rows: bytes = ROWS, kind: str = "text/tab-separated-values") -> None:
    answer = client.put(f"tables/{name}", content=rows, headers={"Content-Type": kind})
    assert answer.status_code == 201, answer.text
