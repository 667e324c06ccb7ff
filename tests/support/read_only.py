"""Run the command line as somebody who may read a directory and not write it, or not even read it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["access", "as_nobody_special"]


def as_nobody_special() -> list[str]:
    """Return what goes before a command so that permissions bind it; the superuser's do not."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("permissions do not bind the superuser, and setpriv is not installed")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]


@contextmanager
def access(top: Path, *, folder: int, file: int) -> Iterator[None]:
    """Give everything under a directory other modes for a while."""
    kept = {path: path.stat().st_mode for path in [top, *top.rglob("*")]}
    for path in reversed(kept):
        path.chmod(folder if path.is_dir() else file)
    try:
        yield
    finally:
        for path, mode in kept.items():
            path.chmod(mode)
