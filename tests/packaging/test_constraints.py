"""constraints.txt pins everything that the project asks for, and names no place to get it from."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.conftest import ROOT


def project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: dict[str, Any] = tomllib.load(file)["project"]
    return found


def asked_for() -> list[Requirement]:
    found = project()
    groups = [found["dependencies"], *found["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines]


def test_every_line_is_one_exact_pin() -> None:
    for pin in pins():
        assert [one.operator for one in pin.specifier] == ["=="], pin
        assert not pin.url, pin
    assert not re.search(r"https?:|file:|--", (ROOT / "constraints.txt").read_text())


@pytest.mark.parametrize("requirement", asked_for(), ids=lambda one: one.name)
def test_what_is_asked_for_is_pinned_within_its_bounds(requirement: Requirement) -> None:
    found = [pin for pin in pins() if canonicalize_name(pin.name) == canonicalize_name(requirement.name)]
    assert found
    for pin in found:
        (version,) = [one.version for one in pin.specifier]
        assert requirement.specifier.contains(version, prereleases=True)


def test_every_requirement_has_a_lower_bound() -> None:
    for requirement in asked_for():
        assert any(one.operator == ">=" for one in requirement.specifier), requirement


def test_what_only_training_needs_is_an_extra() -> None:
    core = {Requirement(line).name for line in project()["dependencies"]}
    assert not core & {"scikit-learn", "scipy", "xgboost", "xgboost-cpu"}
    # xgboost's own wheel brings hundreds of megabytes of NCCL.
    assert "xgboost" not in {canonicalize_name(pin.name) for pin in pins()}
    assert not any(pin.name.startswith("nvidia") for pin in pins())
