"""The package as others use it: what the documentation says is run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import vo_server.adql

DOCS = Path(__file__).parents[2] / "docs" / "adql.md"


def test_the_examples_of_the_documentation_work() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 8
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(DOCS), "exec"), names)


@pytest.mark.parametrize("name", vo_server.adql.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(vo_server.adql, name) is not None
    assert name in dir(vo_server.adql)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = vo_server.adql.nothing


def test_the_package_imports_nothing_until_it_is_used() -> None:
    code = "import sys, vo_server.adql; print([name for name in sys.modules if name.startswith('vo_server.adql.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
