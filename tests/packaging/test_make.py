"""What make and continuous integration would do, asked in a copy of the tree without doing it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The files that the set-up depends on."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("docker", ".ci"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def mark_installed(tree: Path) -> None:
    (tree / ".venv").mkdir()
    for name in ("core", "dev"):
        (tree / f".venv/{name}.stamp").touch()


def make(tree: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_alone_lists_the_targets(tree: Path) -> None:
    listed = make(tree)
    for target in ("demo", "test", "lint", "format", "clean"):
        assert f"\n{target} " in f"\n{listed}", target


def test_the_first_demo_installs_the_core_only(tree: Path) -> None:
    planned = make(tree, "--dry-run", "demo")
    assert "docker/install-python.sh .venv --editable .\n" in planned
    assert "[dev]" not in planned
    assert planned.splitlines()[-1].strip() == ".venv/bin/vo-server demo"


def test_a_second_demo_installs_nothing(tree: Path) -> None:
    mark_installed(tree)
    assert make(tree, "--dry-run", "demo").strip() == ".venv/bin/vo-server demo"


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_what_is_installed_installs_again(tree: Path, changed: str) -> None:
    mark_installed(tree)
    later = (tree / ".venv/core.stamp").stat().st_mtime + 10
    os.utime(tree / changed, (later, later))
    assert "docker/install-python.sh" in make(tree, "--dry-run", "demo")


def test_the_tests_check_style_layers_and_types_and_skip_nothing(tree: Path) -> None:
    mark_installed(tree)
    planned = make(tree, "--dry-run", "test")
    for step in ("ruff check", "ruff format --check", "lint-imports", "mypy", "docker/install-postgres.sh"):
        assert step in planned, step
    last = " ".join(planned.replace("\\\n", " ").splitlines()[-1].split())
    assert "docker/with-postgres.sh .venv/bin/python -m pytest -n 2 --dist loadfile --require postgres" in last
    assert "--require stilts" in last


def test_clean_removes_what_was_made_and_nothing_else(tree: Path) -> None:
    kept = {path for path in tree.rglob("*") if path.is_file()}
    mark_installed(tree)
    (tree / ".demo").mkdir()
    (tree / "ingest/__pycache__").mkdir(parents=True)
    make(tree, "clean")
    assert {path for path in tree.rglob("*") if path.is_file()} == kept
    assert not (tree / ".venv").exists()
    assert not (tree / ".demo").exists()


@pytest.mark.parametrize("has_catalogues", [True, False], ids=["with catalogues", "without catalogues"])
def test_continuous_integration_lets_nothing_be_skipped(tree: Path, tmp_path: Path, has_catalogues: bool) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "make").write_text(f'#!/bin/bash\nprintf "%s\\n" "$PWD" "$@" >{tmp_path}/called\nexit 5\n')
    (programs / "make").chmod(0o755)
    folder = tmp_path / "catalogues"
    if has_catalogues:
        folder.mkdir()
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "VO_TEST_CATALOGUES": str(folder)}
    done = subprocess.run([tree / ".ci/run"], cwd="/", env=environment, check=False, timeout=600)
    assert done.returncode == 5
    directory, target, required = (tmp_path / "called").read_text().splitlines()
    assert (directory, target) == (str(tree), "test")
    assert "--require postgres --require stilts" in required
    assert ("--require catalogues" in required) == has_catalogues
