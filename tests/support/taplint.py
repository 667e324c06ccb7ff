"""Run ``stilts taplint`` and read its report; it exits with 0 even when it found errors."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

_SECTION = re.compile(r"Section (?P<stage>[A-Z0-9]{3}): ")
_LINE = re.compile(r"(?P<level>[EWFIS])-(?P<stage>[A-Z0-9]{3})-(?P<code>[A-Z0-9]{4})(?:-(?P<count>\d+))? (?P<text>.*)")


ACCEPTED = {
    "F-LOC-NOTP": "there is no ObsLocTAP table: the service holds catalogues, not observing schedules",
    "W-CAP-CULF": "ADQL 2.1 section 4.1 wants feature URIs in lower case; STILTS 3.4.7 expects TAPRegExt",
}
"""What is left in the report, and why."""


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


@dataclass(frozen=True)
class Report:
    """What was tested, and what was found."""

    stages: frozenset[str]
    findings: tuple[Finding, ...]


def taplint(stilts: str, tap_url: str, *options: str, timeout_s: float = 900.0) -> Report:
    """Return the report; one that is empty or unfinished fails."""
    done = subprocess.run(
        [stilts, "taplint", f"tapurl={tap_url}", "report=EWFIS", *options],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert "Totals:" in done.stdout, f"taplint did not finish:\n{done.stdout}\n{done.stderr}"
    lines = done.stdout.splitlines()
    sections = [_SECTION.match(line) for line in lines]
    found = [_LINE.match(line) for line in lines]
    return Report(
        frozenset(one["stage"] for one in sections if one),
        tuple(Finding(one["level"], one["stage"], one["code"], one["text"]) for one in found if one),
    )
