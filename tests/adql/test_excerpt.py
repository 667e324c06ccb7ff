"""The place of a mistake in its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_server.adql.excerpt import excerpt
from vo_server.errors import Span


def shown(marked: str) -> list[str]:
    """Return the excerpt of a text for the part between » and «."""
    start = marked.index("»")
    text = marked.replace("»", "").replace("«", "")
    line = text.count("\n", 0, start) + 1
    return excerpt(text, Span(start, marked.index("«") - 1, line, 1)).splitlines()


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("SELECT »rra« FROM t", ["SELECT rra FROM t", "       ^^^"]),
        ("SELECT a\n  FROM »tt« x\nWHERE", ["  FROM tt x", "       ^^"]),
        ("SELECT a\r\nFROM »tt«\r\nWHERE", ["FROM tt", "     ^^"]),
        ("SELECT\t»rra«\tFROM t", ["SELECT rra FROM t", "       ^^^"]),
        ("SELECT »(a\n + b)« FROM t", ["SELECT (a", "       ^^"]),
        ("SELECT a FROM t »«", ["SELECT a FROM t", "                ^"]),
        ("SELECT '星', »b« FROM t", ["SELECT '星', b FROM t", "             ^"]),
        ("SELECT 'e\u0301', »b«", ["SELECT 'e\u0301', b", "            ^"]),
        ("SELECT '\x1b[31m', »b«", ["SELECT '?[31m', b", "                ^"]),
        ("»«", []),
        ("a\n»\n«b", []),
    ],
)
def test_carets_stand_below_the_mistake(marked: str, expected: list[str]) -> None:
    assert shown(marked) == expected


def test_a_long_line_is_cut_on_both_sides() -> None:
    line, carets = shown("x, " * 1000 + "»wrong«" + ", y" * 1000)
    assert len(line) < 120
    assert line.startswith("...")
    assert line.endswith("...")
    assert carets.index("^") == line.index("wrong")
    assert carets.count("^") == 5


def test_a_long_mistake_is_cut() -> None:
    line, carets = shown("SELECT »" + "x + " * 1000 + "y« FROM t")
    assert len(line) < 120
    assert len(carets) <= len(line)


@given(st.text(st.sampled_from("ab \t\r\n'星\u0301\u2028\x00"), max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_every_place_of_every_text_can_be_shown(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    lines = excerpt(text, Span(start, min(len(text), start + length), 1, 1)).split("\n")
    assert len(lines) == 2 or lines == [""]
    assert all(line.isprintable() or "\u0301" in line for line in lines)
