"""The documents list the formulas that there are."""

from __future__ import annotations

import re
from pathlib import Path

from vo_server.load.formulas import FORMULAS

DOCUMENT = Path(__file__).parents[2] / "docs" / "ingest.md"


def test_every_formula_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    table = text[text.index("| formula | from | value |") : text.index("### Checks")]
    first = [line.split("|")[1] for line in table.splitlines()[2:] if line.startswith("|")]
    assert {name for cell in first for name in re.findall(r"`(\w+)`", cell)} == set(FORMULAS)
