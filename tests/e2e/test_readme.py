"""Every command of the README is run, as it is written there.

Nothing is changed but the port (8000), the names of directories and the address of the PostgreSQL database.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psycopg
import pytest
import pyvo
from astropy.table import Table

from tests.support.demo import Demo, running

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
N_OBJECTS = 200

SECTIONS = {"Two commands": 2, "Publish your own file": 4, "Query it": 4, "Recipes": 1, "On PostgreSQL": 1}
"""Blocks of commands in each section; the tests below run all of them."""


def blocks(section: str) -> list[tuple[str, str]]:
    """Return language and text of the blocks of commands in a section."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"(?ms)^## {section}$(.*?)(?=^## |\Z)", text)
    assert found is not None, section
    return re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", found.group(1))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Reader:
    """Somebody who types the commands one block after the other in one terminal."""

    directory: Path
    port: int
    dsn: str | None = None
    before: list[str] = field(default_factory=list)
    """What the terminal keeps: the activated environment, exported variables."""

    def type(self, text: str) -> str:
        """Run a block to its end and return what it writes."""
        script = self.script(text)
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.directory, env=self._environment(), capture_output=True, text=True,
            encoding="utf-8", timeout=600, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def script(self, text: str) -> str:
        """Return a block as it is typed, behind what the terminal keeps."""
        typed = text.replace("8000", str(self.port))
        if self.dsn is not None:
            typed = re.sub(r"postgresql://\S+", self.dsn, typed)
        kept = "\n".join(self.before)
        self.before += [line for line in typed.splitlines() if line.startswith((". ", "export "))]
        return f"set -e\nexport VO_SERVER__PORT={self.port}\n{kept}\n{typed}"

    def _environment(self) -> dict[str, str]:
        """Without anything of the test run that would help."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VO_")}
        paths = [path for path in os.environ["PATH"].split(":") if Path(path) != Path(sys.executable).parent]
        return kept | {"PATH": ":".join(paths)}


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """A reader in a directory with the environment that make made and a file to publish."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    random = np.random.default_rng(7)
    objects = Table(
        {
            "id": np.arange(N_OBJECTS, dtype=np.int64) + 2**60,
            "ra": 150.1 + random.uniform(-0.05, 0.05, N_OBJECTS),
            "dec": 32.2 + random.uniform(-0.05, 0.05, N_OBJECTS),
            "p_star": random.random(N_OBJECTS, dtype=np.float32),
        },
        units={"ra": "deg", "dec": "deg"},
    )
    objects.write(tmp_path / "objects.fits")
    return Reader(tmp_path, free_port())


@pytest.fixture
def made_by_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make as a newcomer runs it, not as a part of the make that runs this test.

    Skipped where the environment is not the one that make makes in the tree, so that a test never installs.
    """
    for name in ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "REQUIRE"):
        monkeypatch.delenv(name, raising=False)
    if Path(sys.prefix).resolve() != (ROOT / ".venv").resolve() or not (ROOT / ".venv/dev.stamp").exists():
        pytest.skip("this environment was not made by make")


@pytest.fixture
def fresh_dsn(postgres_dsn: str) -> Iterator[str]:
    """DSN of an empty database."""
    name = f"vo_readme_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    dsn = f"{postgres_dsn.rpartition('/')[0]}/{name}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS q3c")
    yield dsn
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def count(demo: Demo, table: str) -> int:
    found = pyvo.dal.TAPService(demo.url).search(f"SELECT COUNT(*) AS n FROM {table}")
    return int(found["n"][0])


def test_no_block_of_commands_is_left_out() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    languages = [language for language in re.findall(r"(?m)^```(\w+)$", text) if language != "text"]
    assert {section: len(blocks(section)) for section in SECTIONS} == SECTIONS
    assert len(languages) == sum(SECTIONS.values())
    assert set(languages) == {"sh", "python"}


@pytest.mark.usefixtures("made_by_make")
def test_make_demo_serves_the_mock_sky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    language, command = blocks("Two commands")[0]
    assert (language, command) == ("sh", "make demo\n")
    monkeypatch.setenv("DEMO", f"--rows 1000 --data {tmp_path / 'data'}")
    with running(["bash", "-c", command], tmp_path / "log", cwd=ROOT) as demo:
        assert count(demo, "mock.truth") == 1000
        (tmp_path / ".demo").symlink_to("data")
        (tmp_path / ".venv").symlink_to(sys.prefix)
        reader = Reader(tmp_path, free_port(), before=[blocks("Publish your own file")[0][1]])
        ((_, recipes),) = blocks("Recipes")
        told = reader.type(recipes)
        assert "bannjos/followup_qso " in told
        assert "name,ra,dec,epoch," in told


@pytest.mark.usefixtures("made_by_make")
def test_make_test_runs_all_checks_and_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    language, command = blocks("Two commands")[1]
    assert (language, command) == ("sh", "make test\n")
    # All tests would be this one again; the other steps are what they are.
    monkeypatch.setenv("TESTS", "tests/test_errors.py")
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for step in ("ruff check", "ruff format --check", "lint-imports", "mypy", "docker/with-postgres.sh"):
        assert step in done.stdout, step


@pytest.mark.stilts
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_file_is_published_served_and_queried(reader: Reader, stilts: str) -> None:
    del stilts
    activate, load, serve, describe = blocks("Publish your own file")
    for _, text in (activate, load):
        reader.type(text)
    with running(["bash", "-c", reader.script(serve[1])], reader.directory / "log", cwd=reader.directory) as server:
        assert server.url == f"http://127.0.0.1:{reader.port}/tap"
        assert count(server, "survey.objects") == N_OBJECTS
        reader.type(describe[1])
        (language, search), (_, tapquery), (_, cone), (_, local) = blocks("Query it")
        assert language == "python"
        (reader.directory / "search.py").write_text(search.replace("8000", str(reader.port)))
        table = reader.type("python search.py").splitlines()
        assert table[0].split() == ["id", "ra", "dec", "p_star"]
        identifiers = [int(line.split()[0]) for line in table if line.split()[0].isdigit()]
        assert len(identifiers) == 10
        assert set(identifiers) <= set(range(2**60, 2**60 + N_OBJECTS))
        assert reader.type(tapquery) == f"n\n{N_OBJECTS}\n"
        rows = reader.type(cone).splitlines()
        assert rows[0] == "ra,dec"
        assert len(rows) == N_OBJECTS + 1
        assert reader.type(local) == f"n\n{N_OBJECTS}\n"


@pytest.mark.postgres
def test_the_same_commands_work_on_postgresql(reader: Reader, fresh_dsn: str) -> None:
    reader.dsn = fresh_dsn
    reader.type(blocks("Publish your own file")[0][1])
    ((_, text),) = blocks("On PostgreSQL")
    assert text.splitlines()[-1] == "vo-server serve"
    with running(["bash", "-c", reader.script(text)], reader.directory / "log", cwd=reader.directory) as server:
        assert count(server, "survey.objects") == N_OBJECTS
    assert "all is well" in server.printed
    assert not (reader.directory / "vo-data").exists()
