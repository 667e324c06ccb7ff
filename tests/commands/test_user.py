from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support.process import run_command
from vo_server.access.tokens import digest_of
from vo_server.commands.user import user
from vo_server.errors import MissingError, UsageError
from vo_server.store.open import open_store


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"duckdb:///{tmp_path}"


def call(url: str, *words: str) -> Result:
    return CliRunner().invoke(user, [*words, "--database", url], catch_exceptions=False)


def test_a_new_user_gets_a_token_that_is_shown_once_and_kept_nowhere(url: str, tmp_path: Path) -> None:
    added = call(url, "add", "rita", "--note", "rita@example.org")
    secret = added.stdout.strip()
    assert re.fullmatch(r"vo_[A-Za-z0-9_-]{43}", secret)
    assert "shown this once" in added.stderr
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()
    with sqlite3.connect(tmp_path / "catalogue.sqlite") as connection:
        assert connection.execute("SELECT user_name, digest FROM tokens").fetchall() == [("rita", digest_of(secret))]
    connection.close()


def test_users_and_their_tokens_are_listed(url: str) -> None:
    call(url, "add", "rita", "--note", "a\x1b[31mb")
    call(url, "token", "rita", "--days", "7", "--label", "laptop")
    header, line = call(url, "list").stdout.splitlines()
    assert header.split() == ["NAME", "CREATED", "TOKENS", "NOTE"]
    assert line.split()[0] == "rita"
    assert line.split()[2:] == ["2", "a?[31mb"]
    listed = call(url, "tokens", "rita").stdout.splitlines()
    assert listed[0].split() == ["ID", "CREATED", "EXPIRES", "LABEL"]
    assert {tuple(line.split()[2:])[-1] for line in listed[1:]} == {"laptop", "-"}
    assert sum("never" in line for line in listed) == 1


def test_a_token_is_revoked_by_its_id(url: str) -> None:
    secret = call(url, "add", "rita").stdout.strip()
    token_id = call(url, "tokens", "rita").stdout.splitlines()[1].split()[0]
    assert call(url, "revoke", token_id).stdout == f"token {token_id} of rita is revoked\n"
    store = open_store(url)
    assert store.users.find_token(digest_of(secret)) is None
    store.close()
    with pytest.raises(MissingError, match=f"no token {token_id}"):
        call(url, "revoke", token_id)


def test_a_user_is_removed(url: str) -> None:
    call(url, "add", "rita")
    assert (
        call(url, "remove", "rita").stdout
        == "rita is removed; a server removes 0 jobs and all tables of theirs within a minute\n"
    )
    assert len(call(url, "list").stdout.splitlines()) == 1


def test_a_second_user_of_a_name_is_refused(url: str) -> None:
    call(url, "add", "rita")
    with pytest.raises(UsageError, match="there is a user rita already"):
        call(url, "add", "rita")


def test_the_command_line_has_the_command(url: str) -> None:
    told = run_command("user", "add", "Rita", "--database", url, check=False)
    assert told.returncode == 2
    assert "'Rita' cannot be the name of a user" in told.stderr
