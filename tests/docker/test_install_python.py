"""The installer is quiet when it succeeds and says all when it does not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("status", [0, 3])
def test_what_pip_says_is_shown_only_when_it_fails(tmp_path: Path, status: int) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    for python in (tools / "python3", tmp_path / "venv" / "bin" / "python"):
        python.parent.mkdir(parents=True, exist_ok=True)
        body = f"echo WARNING: noise >&2; exit {status}" if python.parent != tools else "exit 0"
        python.write_text(f"#!{tools / 'bash'}\n{body}\n")
        python.chmod(0o755)
    done = subprocess.run(
        ["bash", ROOT / "docker" / "install-python.sh", tmp_path / "venv", "something"],
        env={"PATH": str(tools), "TMPDIR": str(tmp_path), "HOME": os.environ.get("HOME", "")},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert (done.returncode == 0) is (status == 0)
    assert ("noise" in done.stderr) is (status != 0)
    assert done.stderr.startswith(f"install-python: installing into {tmp_path / 'venv'}")
    assert done.stdout == ""
