"""What a run found: a table for people, JSON for machines."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from rich.table import Table as RichTable

from vo_server import __version__

if TYPE_CHECKING:
    from ingest.bench.service.result import Measured

__all__ = ["Report", "describe_machine", "number"]


def describe_machine() -> dict[str, Any]:
    """Describe this machine, and how busy it is with other things."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "n_cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": platform.python_version(),
        "load_at_start": os.getloadavg(),
    }


@dataclass
class Report:
    """All measurements of one run and the machine that they were made on."""

    n_rows: int
    repeat: int
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    machine: dict[str, Any] = field(default_factory=describe_machine)
    measured: dict[str, list[Measured]] = field(default_factory=dict)
    """By engine."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of the database of each engine."""

    def add(self, engine: str, one: Measured) -> None:
        """Take a measurement in."""
        self.measured.setdefault(engine, []).append(one)

    def to_table(self, engine: str) -> RichTable:
        """Return the measurements of one engine as a table."""
        about = f"{self.versions.get(engine, engine)}, {self.n_rows:,} rows, medians of {self.repeat}"
        table = RichTable("what", "unit", title=about)
        for name in ("median", "noise", "limit", "ratio", "wanted", ""):
            table.add_column(name, justify="right")
        for one in self.measured.get(engine, ()):
            table.add_row(
                one.what,
                one.unit,
                number(one.median),
                f"{one.spread:.0%}" if len(one.values) > 1 else "",
                "" if one.limit is None else f"{number(one.limit.value)} {one.limit.name}",
                "" if one.ratio is None else f"{one.ratio:.2f}",
                str(one.figure or ""),
                {None: "", True: "reached", False: "MISSED"}[one.is_reached],
            )
        return table

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        found = {
            "date": self.started.isoformat(timespec="seconds"),
            "code_version": __version__,
            "machine": self.machine,
            "load_at_end": os.getloadavg(),
            "n_rows": self.n_rows,
            "repeat": self.repeat,
            "versions": self.versions,
            "measured": {
                engine: [
                    {**asdict(one), "median": one.median, "ratio": one.ratio, "is_reached": one.is_reached}
                    for one in rows
                ]
                for engine, rows in self.measured.items()
            },
        }
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def number(value: float) -> str:
    """Write a number with as many digits as matter."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(names, platform.processor())
