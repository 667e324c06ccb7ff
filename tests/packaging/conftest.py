"""The wheel, built once, and a place where it is installed far from the checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    directory = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = directory.glob("*.whl")
    return found


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel, and a directory to work in."""

    bin: Path
    work: Path

    def run(
        self, *command: str | Path, stdin: str = "", status: int = 0, timeout_s: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, away from the checkout, and check its exit status."""
        name, *arguments = command
        done = subprocess.run(
            [self.bin / name, *arguments], cwd=self.work, input=stdin, env={"PATH": str(self.bin), "LANG": "C.UTF-8"},
            capture_output=True, text=True, encoding="utf-8", timeout=timeout_s, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment that has the wheel and, by a path file, the libraries of this one, but not the checkout."""
    directory = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory / "venv"], check=True)
    python = directory / "venv/bin/python"
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([python, "-c", purelib], capture_output=True, text=True, check=True)
    (Path(found.stdout.strip()) / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--disable-pip-version-check", "--ignore-installed", wheel], check=True)
    work = directory / "work"
    work.mkdir()
    return Installed(directory / "venv/bin", work)
