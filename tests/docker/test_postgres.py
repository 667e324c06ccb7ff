"""The scripts that make the PostgreSQL image also make the cluster of the tests; here they run for real."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.docker.conftest import DOCKER

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("postgres_binaries")]

PRINT_DSN = [sys.executable, "-c", "import os; print(os.environ['VO_TEST_POSTGRES'], flush=True)"]
PRINT_AND_WAIT = [sys.executable, "-c", f"{PRINT_DSN[2]}; import time; time.sleep(60)"]


def with_postgres(*command: str, dsn: str | None = None, tmp: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "VO_TEST_POSTGRES"}
    environment |= {"TMPDIR": str(tmp)} | ({} if dsn is None else {"VO_TEST_POSTGRES": dsn})
    return subprocess.run(
        [DOCKER / "with-postgres.sh", *command],
        env=environment, capture_output=True, text=True, timeout=600, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def wait_until(condition: Callable[[], bool], timeout_s: float = 30.0) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def open_tmp_path() -> Iterator[Path]:
    """A temporary directory that the user postgres can reach, which runs the cluster when we are root."""
    with tempfile.TemporaryDirectory(prefix="vo-docker-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@contextmanager
def serving(directory: Path, password: str) -> Iterator[str]:
    """A cluster served by the image's entry point; yields the DSN without the password."""
    port, password_file = free_port(), directory.parent / "password"
    password_file.write_text(password)
    options = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-c", "fsync=off"]
    with (directory.parent / "log").open("wb") as log:
        server = subprocess.Popen(
            [DOCKER / "serve-postgres.sh", directory, *options],
            env=os.environ | {"VO_POSTGRES_PASSWORD_FILE": str(password_file), "VO_POSTGRES_NO_SYNC": "1"},
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        assert wait_until(lambda: server.poll() is not None or _listens(port)), "neither ready nor gone"
        assert server.poll() is None, (directory.parent / "log").read_text()
        yield f"postgresql://vo@127.0.0.1:{port}/vo"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def connect(dsn: str, password: str) -> psycopg.Connection:
    """Connect, waiting while the server starts up."""
    for _ in range(100):
        try:
            return psycopg.connect(dsn, password=password, autocommit=True)
        except psycopg.OperationalError as error:
            if "starting up" not in str(error):
                raise
            time.sleep(0.05)
    raise AssertionError("still starting up")


def test_a_command_gets_a_database_with_q3c_that_is_gone_afterwards(open_tmp_path: Path) -> None:
    check = (
        "import os, psycopg\n"
        "with psycopg.connect(os.environ['VO_TEST_POSTGRES']) as c:\n"
        "    assert c.execute('SELECT q3c_ang2ipix(10, 20)').fetchone()[0] > 0\n"
        "    assert c.execute('SHOW server_version_num').fetchone()[0].startswith('15')\n"
        "print(os.environ['VO_TEST_POSTGRES'])"
    )
    done = with_postgres(sys.executable, "-c", check, tmp=open_tmp_path)
    assert done.returncode == 0, done.stderr
    assert not answers(done.stdout.strip())
    assert list(open_tmp_path.iterdir()) == []


def test_the_exit_status_is_that_of_the_command(open_tmp_path: Path) -> None:
    assert with_postgres("bash", "-c", "exit 7", tmp=open_tmp_path).returncode == 7
    assert list(open_tmp_path.iterdir()) == []


def test_a_database_that_is_given_is_used_and_nothing_is_started(open_tmp_path: Path) -> None:
    done = with_postgres(*PRINT_DSN, dsn="postgresql://somebody@elsewhere/else", tmp=open_tmp_path)
    assert done.stdout == "postgresql://somebody@elsewhere/else\n"
    assert list(open_tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
def test_the_database_ends_when_its_starter_is_stopped(open_tmp_path: Path, how: signal.Signals) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VO_TEST_POSTGRES"}
    starter = subprocess.Popen(
        [DOCKER / "with-postgres.sh", *PRINT_AND_WAIT],
        env=environment | {"TMPDIR": str(open_tmp_path)}, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert starter.stdout is not None
    dsn = starter.stdout.readline().strip()
    assert answers(dsn)
    if how is signal.SIGKILL:
        starter.kill()
    else:
        os.killpg(starter.pid, how)
    starter.wait(30)
    starter.stdout.close()
    assert wait_until(lambda: not answers(dsn))
    if how is signal.SIGKILL:
        os.killpg(starter.pid, signal.SIGKILL)


def test_data_survive_a_restart(open_tmp_path: Path) -> None:
    directory = open_tmp_path / "data"
    directory.mkdir()
    with serving(directory, "secret") as dsn, connect(dsn, "secret") as connection:
        connection.execute("CREATE TABLE kept (x integer)")
    with serving(directory, "secret") as dsn, connect(dsn, "secret") as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_first_start_that_was_killed_is_begun_again(open_tmp_path: Path) -> None:
    directory = open_tmp_path / "data"
    (directory / "cluster.part" / "base").mkdir(parents=True)
    with serving(directory, "secret") as dsn, connect(dsn, "secret") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not (directory / "cluster.part").exists()


def test_the_role_of_the_server_is_no_superuser_and_needs_its_password(open_tmp_path: Path) -> None:
    directory, password = open_tmp_path / "data", 'it\'s "quoted" \\ and long'
    directory.mkdir()
    with serving(directory, password) as dsn:
        with connect(dsn, password) as connection:
            roles = connection.execute("SELECT rolname, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = 'vo'")
            assert roles.fetchall() == [("vo", False, False)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("COPY (SELECT 1) TO PROGRAM 'true'")
        for wrong in ("", "wrong"):
            with pytest.raises(psycopg.OperationalError, match=r"password|no password supplied"):
                psycopg.connect(dsn, password=wrong)


def test_databases_that_are_made_later_have_q3c(open_tmp_path: Path) -> None:
    directory = open_tmp_path / "data"
    directory.mkdir()
    with serving(directory, "secret") as dsn:
        with connect(dsn, "secret") as connection:
            connection.execute("CREATE DATABASE later")
        with connect(dsn.replace("/vo", "/later").replace("//later@", "//vo@"), "secret") as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS q3c")
            assert connection.execute("SELECT q3c_dist(0, 0, 0, 1)").fetchone() == (1.0,)
