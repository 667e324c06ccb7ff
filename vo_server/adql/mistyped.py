"""What to say about characters that are no token of the language."""

from __future__ import annotations

import re
from typing import Final

from vo_server.adql.words import RESERVED
from vo_server.errors import Problem, ProblemKind, Span

__all__ = ["mistyped"]

_STRAIGHT: Final = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4\uff07", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02", '"'),
}
_DASHES: Final = frozenset("\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d")
_HINTS: Final = {
    "&": "conditions are joined by AND; for bits use a function of the service",
    "|": "conditions are joined by OR, strings by ||; for bits use a function of the service",
    "^": "use POWER(x, y)",
    "~": "for patterns use LIKE",
    "!": "not equal is written <> or !=, negation NOT",
    "`": 'names that need quotes are written "like this"',
    "\\": "there are no escapes: a quote inside a string is doubled, 'it''s'",
    "{": "there are no parameters; write the value itself",
    "}": "there are no parameters; write the value itself",
    ":": "there are no parameters; write the value itself",
    "?": "there are no parameters; write the value itself",
    "@": "there are no variables; write the value itself",
    "\u00d7": "multiplication is written *",
    "\u2264": "write <=",
    "\u2265": "write >=",
    "\u2260": "write <>",
}
_ODD_WORD: Final = re.compile(r"[\w$#@]+")
_RUN_TOGETHER: Final = re.compile(r"[A-Za-z0-9_.]+")


def mistyped(text: str, position: int, span: Span) -> Problem:
    """Return the problem of a text that cannot be cut into tokens at a position."""
    first = text[position]
    for describe in (_quote, _open_string, _number, _word):
        found = describe(text, position, span)
        if found is not None:
            return found
    if first in _DASHES:
        return _problem(f"a typographic dash {first}", span, first, "write the minus sign -")
    if text.startswith("&&", position):
        return _problem("&& is no operator", span, "&&", "conditions are joined by AND")
    return _problem(f"the character {first!r} has no meaning here", span, first, _HINTS.get(first))


def _problem(message: str, span: Span, token: str, hint: str | None) -> Problem:
    wider = Span(span.start, span.start + len(token), span.line, span.column)
    return Problem(ProblemKind.SYNTAX, message, wider, token, hint)


def _quote(text: str, position: int, span: Span) -> Problem | None:
    first = text[position]
    straight = _STRAIGHT.get(first)
    if straight is None:
        return None
    return _problem(
        f"a typographic quote {first}", span, first, f"write straight quotes: {straight} instead of {first}"
    )


def _open_string(text: str, position: int, span: Span) -> Problem | None:
    first = text[position]
    if first == "'":
        return _problem("a string that is never closed", span, "'", "a quote inside a string is doubled: 'it''s'")
    if first == '"':
        return _problem("a name in double quotes that is never closed", span, '"', 'a " inside a name is doubled')
    if text.startswith("/*", position):
        return _problem("a comment /* */", span, "/*", "comments are written -- to the end of the line")
    return None


def _number(text: str, position: int, span: Span) -> Problem | None:
    first = text[position]
    if not (first.isascii() and (first.isdigit() or first == ".")):
        return None
    run = _RUN_TOGETHER.match(text, position)
    together = run.group() if run else first
    if together[:2].lower() == "0x":
        return _problem("hexadecimal numbers are not part of ADQL", span, together, _decimal(together))
    return _problem(
        f"{together!r} runs together: a number and what follows it need a separator", span, together, _apart(together)
    )


def _decimal(together: str) -> str | None:
    try:
        return f"write {int(together, 16)}"
    except ValueError:
        return None


def _apart(together: str) -> str | None:
    split = re.match(r"([0-9.]+(?:[eE][0-9]+)?)([A-Za-z_].*)", together)
    if split is None:
        return None
    is_name = together.isidentifier() or together.replace("_", "a").isalnum()
    named = f', or "{together}" if it is a name' if is_name and split.group(2).upper() not in RESERVED else ""
    return f"write {split.group(1)} {split.group(2)}{named}"


def _word(text: str, position: int, span: Span) -> Problem | None:
    """Describe a name with characters that only a delimited identifier may have."""
    run = _ODD_WORD.match(text, position)
    if run is None or (run.group()[0] in "$#@" and len(run.group()) == 1):
        return None
    word = run.group()
    if word[0] == "@":
        return None
    what = "begins with an underscore" if word[0] == "_" else "holds a character that only a quoted name may hold"
    return _problem(f"the name {word} {what}", span, word, f'write "{word}"')
