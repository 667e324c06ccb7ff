"""What ``vo-server serve`` says before it serves."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.process import run_command


def test_a_new_directory_is_told_to_be_empty_with_how_to_publish(tmp_path: Path) -> None:
    with socket.socket() as taken:  # So that the command ends by itself, after its notes.
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run_command("serve", "--port", port, "--database", f"duckdb:///{tmp_path / 'data'}", check=False)
    assert done.returncode == 1
    assert f"note: nothing is published in {tmp_path / 'data' / 'catalogue.sqlite'} yet" in done.stderr
    assert "vo-server ingest load FILE" in done.stderr


@pytest.mark.parametrize(
    ("options", "is_warned"),
    [
        (["--host", "0.0.0.0"], True),
        (["--host", "0.0.0.0", "--public-url", "https://vo.example.org"], False),
        ([], False),
    ],
    ids=["all-addresses", "all-addresses-with-a-url", "this-machine"],
)
def test_listening_on_all_addresses_without_a_public_url_is_noted(
    tmp_path: Path, options: list[str], is_warned: bool
) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run_command(
            "serve", "--port", port, "--database", f"duckdb:///{tmp_path / 'data'}", *options, check=False
        )
    assert ("listening on all addresses" in done.stderr) is is_warned
    assert done.returncode == 1
