"""The set-up scripts: what they skip, what they ask for, and what they say when they cannot help."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.conftest import DOCKER

HAS_APT = shutil.which("apt-get") is not None


def run(script: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DOCKER / script, *arguments],
        env=os.environ | environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def programs(directory: Path, *names: str) -> str:
    """Return a PATH with nothing but the named programs of this system."""
    directory.mkdir(exist_ok=True)
    for name in names:
        found = shutil.which(name)
        assert found is not None, name
        (directory / name).symlink_to(found)
    return str(directory)


def fake(directory: Path, name: str, script: str) -> None:
    """Put a small shell program into a directory."""
    (directory / name).write_text(f"#!/bin/bash\n{script}\n")
    (directory / name).chmod(0o755)


@pytest.mark.parametrize("script", sorted(path.name for path in DOCKER.glob("*.sh")))
def test_every_script_can_be_run_and_is_valid_bash(script: str) -> None:
    path = DOCKER / script
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env bash\n#")
    assert "set -euo pipefail" in path.read_text()
    subprocess.run(["bash", "-n", path], check=True)


@pytest.mark.skipif(not HAS_APT, reason="no apt-get")
def test_packages_that_are_there_are_not_installed_again(tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", "bash", "env", "dpkg-query")
    fake(tmp_path / "bin", "apt-get", f"echo called >{tmp_path}/calls")
    done = run("apt-install.sh", "bash", "coreutils", PATH=path)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "calls").exists()


@pytest.mark.skipif(not HAS_APT, reason="no apt-get")
def test_only_what_is_missing_is_installed(tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", "bash", "env", "dpkg-query", "id")
    fake(tmp_path / "bin", "apt-get", f'echo "$@" >>{tmp_path}/calls')
    fake(tmp_path / "bin", "sudo", 'while [[ $1 == --* ]]; do shift; done; exec "$@"')
    done = run("apt-install.sh", "bash", "no-such-package-1", "no-such-package-2", PATH=path)
    assert done.returncode == 0, done.stderr
    update, install = (tmp_path / "calls").read_text().splitlines()
    assert update.startswith("update")
    assert install.startswith("install --yes")
    assert install.endswith("no-such-package-1 no-such-package-2")


@pytest.mark.skipif(not HAS_APT, reason="no apt-get")
def test_without_root_and_sudo_the_command_to_run_is_named(tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", "bash", "env", "dpkg-query")
    fake(tmp_path / "bin", "apt-get", "exit 1")
    fake(tmp_path / "bin", "id", "echo 1000")
    done = run("apt-install.sh", "no-such-package", PATH=path)
    assert done.returncode == 1
    assert "apt-get install no-such-package" in done.stderr


def test_a_system_without_apt_is_told_which_dsn_to_give(tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", "bash", "env", "dirname", "cat")
    done = run("install-postgres.sh", PATH=path, VO_POSTGRES_BIN=str(tmp_path))
    assert done.returncode == 1
    assert "VO_TEST_POSTGRES=postgresql://user:password@host:port/database make test" in done.stderr


@pytest.mark.postgres
@pytest.mark.usefixtures("postgres_binaries")
def test_postgresql_that_is_there_is_not_installed_again(tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", "bash", "env", "dirname")
    fake(tmp_path / "bin", "apt-get", f"echo called >{tmp_path}/calls")
    assert run("install-postgres.sh", PATH=path).returncode == 0
    assert not (tmp_path / "calls").exists()


def make_wheel(directory: Path, name: str, version: str) -> None:
    """Write a wheel with one empty module."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


def pinned(name: str) -> str:
    """Return the version that constraints.txt names."""
    lines = (DOCKER.parent / "constraints.txt").read_text().splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{name}=="))


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_python_packages_get_the_pinned_versions(tmp_path: Path, installer: str) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if installer == "uv" and uv is None:
        pytest.skip("uv is not installed")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for version in (pinned("iniconfig"), "99.0"):
        make_wheel(wheels, "iniconfig", version)
    path = programs(tmp_path / "bin", "bash", "env", "dirname")
    if installer == "uv":
        (tmp_path / "bin" / "uv").symlink_to(str(uv))
    offline = {
        "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels),
        "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1",
    }  # fmt: skip
    done = run("install-python.sh", tmp_path / "venv", "iniconfig", PATH=path, PYTHON=sys.executable, **offline)
    assert done.returncode == 0, done.stderr
    version = "import importlib.metadata; print(importlib.metadata.version('iniconfig'))"
    found = subprocess.run([tmp_path / "venv/bin/python", "-c", version], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == pinned("iniconfig")


def test_an_interpreter_that_is_too_old_is_refused_with_a_next_step(tmp_path: Path) -> None:
    fake(tmp_path, "old-python", "exit 1")
    done = run("install-python.sh", tmp_path / "venv", "click", PYTHON=str(tmp_path / "old-python"))
    assert done.returncode == 1
    assert "Python 3.11 or later is needed" in done.stderr
    assert "PYTHON=" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_the_password_of_the_database_comes_from_the_secret(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret'\"$\n")
    show = [sys.executable, "-c", "import os; print(os.environ.get('PGPASSWORD'))"]
    assert run("serve.sh", *show, VO_DATABASE_PASSWORD_FILE=str(secret)).stdout == "s3cret'\"$\n"
    assert run("serve.sh", *show, VO_DATABASE_PASSWORD_FILE=str(tmp_path / "none")).returncode == 1


@pytest.fixture
def health_port() -> Iterator[int]:
    """A server that is healthy at /health and nowhere else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_health_check_follows_the_server(health_port: int) -> None:
    assert run("healthcheck.sh", str(health_port)).returncode == 0
    assert run("healthcheck.sh", VO_SERVER__PORT=str(health_port)).returncode == 0


def test_the_health_check_fails_when_nobody_answers() -> None:
    done = run("healthcheck.sh", "1")
    assert done.returncode == 1
    assert "http://127.0.0.1:1/health" in done.stderr
