"""What came of each file of a load, as a table for people, JSON or CSV for machines."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from vo_server.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.model.release import SourceFile

__all__ = ["check_report", "print_files", "write_report"]

_COLUMNS: Final = ("name", "size_bytes", "sha256", "n_rows", "n_bad_rows", "seconds", "state", "error")
_SHOWN_DIGITS: Final = 12


def check_report(path: Path) -> None:
    """Refuse, before any work, a file that a report cannot be written to.

    Raises
    ------
    UsageError
        If the name ends neither with .json nor with .csv, or its folder is not there.
    """
    if path.suffix.lower() not in {".json", ".csv"}:
        raise UsageError(f"{path} is no name of a report", hint="end it with .json or .csv")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.parent} for the report", hint="make it, or name another")


def write_report(path: Path, files: Sequence[SourceFile]) -> None:
    """Write one object or row for each file, with all that is known of it."""
    rows = [{name: asdict(file)[name] for name in _COLUMNS} for file in files]
    if path.suffix.lower() == ".json":
        path.write_text(json.dumps({"files": rows}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def print_files(files: Sequence[SourceFile]) -> None:
    """Show the files on standard output; of checksums the first digits."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("file", overflow="fold")
    for name in ("bytes", "rows", "bad rows", "seconds"):
        shown.add_column(name, justify="right")
    for name in ("sha256", "state"):
        shown.add_column(name)
    for file in files:
        shown.add_row(
            file.name,
            str(file.size_bytes),
            str(file.n_rows),
            str(file.n_bad_rows),
            "" if file.seconds is None else f"{file.seconds:.1f}",
            file.sha256[:_SHOWN_DIGITS],
            str(file.state),
        )
    console = Console()
    # A file, or a pipe, has no width: what reads it wants whole lines.
    Console(width=None if console.is_terminal else 200, markup=False, highlight=False).print(shown)
