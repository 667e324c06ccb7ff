"""Have STILTS read a table and write it in another format."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path


def convert(stilts: str, document: bytes, from_format: str, to_format: str) -> bytes:
    """Return the document as STILTS understood it, in one of its own output formats."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        source.write_bytes(document)
        done = subprocess.run(
            [stilts, "tpipe", f"in={source}", f"ifmt={from_format}", f"out={target}", f"ofmt={to_format}"],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert target.is_file(), done.stdout + done.stderr
        return target.read_bytes()
