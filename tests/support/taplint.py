"""Run ``stilts taplint`` and read its report; it exits with 0 even when it found errors."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

_LINE = re.compile(r"(?P<level>[EWFIS])-(?P<stage>[A-Z0-9]{3})-(?P<code>[A-Z0-9]{4})(?:-(?P<count>\d+))? (?P<text>.*)")


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    level: str
    stage: str
    code: str
    text: str

    @property
    def key(self) -> str:
        return f"{self.level}-{self.stage}-{self.code}"


def taplint(stilts: str, tap_url: str, *options: str, timeout_s: float = 900.0) -> list[Finding]:
    """Return all findings; an empty or unfinished report fails."""
    done = subprocess.run(
        [stilts, "taplint", f"tapurl={tap_url}", "report=EWFIS", *options],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert "Totals:" in done.stdout, f"taplint did not finish:\n{done.stdout}\n{done.stderr}"
    found = [_LINE.match(line) for line in done.stdout.splitlines()]
    return [Finding(one["level"], one["stage"], one["code"], one["text"]) for one in found if one]
