"""The image and compose files name files, scripts and settings that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docker.conftest import DOCKER
from vo_server.settings import Settings

ROOT = DOCKER.parent
IMAGES = sorted(DOCKER.glob("*.Dockerfile"))
COMPOSE = sorted(DOCKER.glob("compose*.yaml"))


def instructions(path: Path) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", path.read_text()))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


def copied(path: Path) -> list[str]:
    """Return the files of the tree that a Dockerfile copies."""
    return [
        source
        for name, words in instructions(path)
        if name == "COPY" and not words.startswith("--from")
        for source in words.split()[:-1]
    ]


def compose(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def is_sent(source: str) -> bool:
    """Tell whether .dockerignore lets a path of the tree through to the builder."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    return any(source == one or source.startswith(f"{one}/") for one in allowed)


def test_there_is_an_image_for_the_server_and_one_for_the_database() -> None:
    assert [path.name for path in IMAGES] == ["postgres.Dockerfile", "server.Dockerfile"]
    assert [path.name for path in COMPOSE] == ["compose.test.yaml", "compose.yaml"]


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.name)
def test_copied_files_are_in_the_tree_and_sent_to_the_builder(image: Path) -> None:
    for source in copied(image):
        assert (ROOT / source).exists(), source
        assert is_sent(source), source


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.name)
def test_scripts_that_an_image_runs_are_copied_into_it(image: Path) -> None:
    names = {Path(source).name for source in copied(image)}
    for name, words in instructions(image):
        if name in {"RUN", "ENTRYPOINT", "CMD", "HEALTHCHECK"}:
            for script in re.findall(r"[\w-]+\.sh", words):
                assert script in names, script


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.name)
def test_scripts_that_a_script_calls_are_copied_with_it(image: Path) -> None:
    names = {Path(source).name for source in copied(image)}
    for name in [one for one in names if one.endswith(".sh")]:
        for called in re.findall(r'"\$here/([\w-]+\.sh)"', (DOCKER / name).read_text()):
            assert called in names, f"{name} calls {called}"


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.name)
def test_images_run_as_a_user_of_their_own_and_tell_their_health(image: Path) -> None:
    given = dict(instructions(image))
    assert given["USER"] not in {"root", "0"}
    assert "HEALTHCHECK" in given
    assert "VOLUME" in given


def test_settings_of_the_server_image_are_known_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = dict(re.findall(r"(VO_\w+)=(\S+)", dict(instructions(DOCKER / "server.Dockerfile"))["ENV"]))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.database == "duckdb:////data"
    assert settings.server.host == "0.0.0.0"
    assert settings.uws.results_dir == Path("/data/results")


@pytest.mark.parametrize("file", COMPOSE, ids=lambda path: path.name)
def test_compose_files_build_from_files_that_exist(file: Path) -> None:
    for service in compose(file)["services"].values():
        context = (file.parent / service["build"]["context"]).resolve()
        assert context == ROOT
        assert (context / service["build"]["dockerfile"]).exists()


@pytest.mark.parametrize("file", COMPOSE, ids=lambda path: path.name)
def test_passwords_come_from_secrets_and_are_in_no_file(file: Path) -> None:
    found = compose(file)
    assert found["secrets"] == {"database_password": {"environment": "VO_DATABASE_PASSWORD"}}
    for name, service in found["services"].items():
        assert service["secrets"] == ["database_password"], name
        for variable, value in service["environment"].items():
            assert "PASSWORD" not in variable or variable.endswith("_FILE"), variable
            assert not re.search(r"://[^/@]*:[^/@]*@", value), value


@pytest.mark.parametrize("file", COMPOSE, ids=lambda path: path.name)
def test_ports_are_open_to_this_machine_only(file: Path) -> None:
    ports = [port for service in compose(file)["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_named_volumes_are_declared_and_lie_where_the_images_keep_their_data() -> None:
    found = compose(DOCKER / "compose.yaml")
    mounts = dict(volume.split(":") for service in found["services"].values() for volume in service["volumes"])
    assert set(mounts) == set(found["volumes"])
    kept = {dict(instructions(image))["VOLUME"] for image in IMAGES}
    assert set(mounts.values()) == kept


def test_variables_that_the_files_give_to_scripts_are_read_by_scripts() -> None:
    scripts = "".join(path.read_text() for path in DOCKER.glob("*.sh"))
    for file in COMPOSE:
        for service in compose(file)["services"].values():
            for variable in service["environment"]:
                assert variable in scripts or variable == "VO_DATABASE", variable


def test_no_file_of_the_set_up_names_a_package_index() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    chosen = [name for name in listed.stdout.split() if name.startswith(("docker/", ".ci/", "Makefile", "constraints"))]
    for name in [*chosen, "pyproject.toml"]:
        assert not re.search(
            r"index-url|extra-index|find-links|pypi",
            (ROOT / name).read_text().replace("--no-emit-index-url", "").replace("--no-emit-find-links", ""),
        ), name
