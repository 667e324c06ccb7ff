from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support.process import run_command
from vo_server.commands.table import table
from vo_server.commands.user import user
from vo_server.errors import ConflictError, ForbiddenError, MissingError, UploadError


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"duckdb:///{tmp_path / 'data'}"
    for name in ("rita", "anna"):
        CliRunner().invoke(user, ["add", name, "--database", found], catch_exceptions=False)
    return found


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "stars.csv"
    path.write_text("id,ra,dec\n1,10,20\n2,11,21\n")
    return str(path)


def call(url: str, *words: str) -> Result:
    return CliRunner().invoke(table, [*words, "--database", url], catch_exceptions=False)


def test_an_operator_makes_fills_shares_keeps_and_drops_tables_of_a_user(url: str, file: str) -> None:
    assert call(url, "create", "stars", file, "--user", "rita").stdout == "u_rita.stars is made: 2 rows\n"
    assert call(url, "load", "stars", file, "--user", "rita").stdout == "u_rita.stars has 4 rows now\n"
    assert call(url, "index", "stars", "ID", "--user", "rita").exit_code == 0
    shared = call(url, "share", "u_rita.stars", "--with", "anna", "--user", "rita")
    assert shared.stdout == "u_rita.stars is seen by anna\n"
    assert "is kept until" in call(url, "keep", "stars", "--days", "5", "--user", "rita").stdout
    header, line = call(url, "list").stdout.splitlines()
    assert header.split() == ["NAME", "OWNER", "ROWS", "BYTES", "EXPIRES", "SEEN", "BY"]
    assert line.split()[:3] == ["u_rita.stars", "rita", "4"]
    assert line.split()[-1] == "anna"
    assert call(url, "list", "--user", "anna").stdout.splitlines() == [header]
    assert call(url, "drop", "stars", "--user", "rita").stdout == "stars is removed\n"
    assert call(url, "list").stdout.splitlines() == [header]


def test_an_operator_acts_for_users_that_there_are_and_within_what_is_theirs(
    url: str, file: str, tmp_path: Path
) -> None:
    with pytest.raises(MissingError, match="no user otto"):
        call(url, "create", "stars", file, "--user", "otto")
    call(url, "create", "stars", file, "--user", "rita")
    with pytest.raises(ConflictError, match="there is a table"):
        call(url, "create", "stars", file, "--user", "rita")
    with pytest.raises(ForbiddenError, match="u_anna only"):
        call(url, "create", "u_rita.more", file, "--user", "anna")
    broken = tmp_path / "broken.csv"
    broken.write_text("id,ra,dec\n1,north,20\n")
    with pytest.raises(UploadError, match="row 1, column ra: 'north' is not"):
        call(url, "load", "stars", str(broken), "--user", "rita")


def test_a_removed_user_leaves_no_table_to_whoever_gets_the_name(url: str, file: str) -> None:
    call(url, "create", "stars", file, "--user", "rita")
    call(url, "create", "mine", file, "--user", "anna")
    call(url, "share", "mine", "--with", "rita", "--user", "anna")
    CliRunner().invoke(user, ["remove", "rita", "--database", url], catch_exceptions=False)
    CliRunner().invoke(user, ["add", "rita", "--database", url], catch_exceptions=False)
    assert len(call(url, "list", "--user", "rita").stdout.splitlines()) == 1
    with pytest.raises(MissingError):
        call(url, "drop", "stars", "--user", "rita")
    assert "its owner alone" in call(url, "list", "--user", "anna").stdout


def test_the_command_is_one_of_the_server(url: str) -> None:
    done = run_command("table", "list", "--database", url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("NAME")
