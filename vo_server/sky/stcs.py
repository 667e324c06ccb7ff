"""Reads regions that are written as text: the STC-S of TAP 1.0 and the shapes of DALI.

Both begin with the name of a shape. STC-S goes on with words for the frame, the reference position and the flavour, and
nests regions in ``Union``, ``Intersection`` and ``Not``; DALI has only numbers. Nothing here needs numpy, so that a
query can be checked without it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vo_server.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PLAIN_WORDS", "RegionSyntaxError", "ShapeText", "read_region"]

_WORD: Final = re.compile(r"[()]|[^\s()]+")
_FRAMES: Final = {
    "ICRS": "ICRS", "UNKNOWNFRAME": "ICRS", "FK5": "FK5", "J2000": "FK5",
    "GALACTIC": "GALACTIC", "GALACTIC_II": "GALACTIC", "ECLIPTIC": "ECLIPTIC",
}  # fmt: skip
"""Frames that are plain rotations of ICRS (:mod:`vo_server.sky.frames`)."""

_NO_FRAMES: Final = frozenset({"FK4", "B1950"})
_IGNORED: Final = frozenset(
    {
        "BARYCENTER", "GEOCENTER", "HELIOCENTER", "LSR", "LSRK", "LSRD", "GALACTIC_CENTER", "LOCAL_GROUP_CENTER",
        "TOPOCENTER", "RELOCATABLE", "UNKNOWNREFPOS", "SPHERICAL2", "CARTESIAN2", "UNIT", "DEG",
    }
)  # fmt: skip
PLAIN_WORDS: Final = _IGNORED | {word for word, frame in _FRAMES.items() if frame in {"ICRS", "FK5"}}
"""Words behind the name of a shape that change nothing of its numbers, in upper case."""

_COUNTS: Final = {"position": 2, "circle": 3, "box": 4, "polygon": 0, "range": 4}
"""Numbers of each shape; 0 for an even number of at least six."""

_COMPOUNDS: Final = frozenset({"union", "intersection", "not"})
_MIN_POLYGON: Final = 6
_MAX_DEPTH: Final = 50


class RegionSyntaxError(UsageError):
    """A text that is no region."""

    code = "region-syntax"


@dataclass(frozen=True)
class ShapeText:
    """One shape of a text.

    A shape is a ``position``, ``circle``, ``box``, ``polygon`` or ``range`` with its numbers [deg], a ``union``,
    ``intersection`` or ``not`` with its parts, or a ``moc`` with its text.
    """

    kind: str
    numbers: tuple[float, ...] = ()
    parts: tuple[ShapeText, ...] = ()
    frame: str = "ICRS"
    """A key of :data:`vo_server.sky.frames.FRAMES`."""
    text: str = field(default="", compare=False)
    """What was read; the body of a ``moc``."""


def read_region(text: str) -> ShapeText:
    """Read one region.

    Parameters
    ----------
    text
        STC-S such as ``Circle ICRS 10 20 0.5`` or ``Union ICRS (Circle 1 2 3 Polygon 1 1 2 1 2 2)``; a shape of DALI
        such as ``circle 10 20 0.5``, ``range 359 1 -1 1`` or ``moc 3/1-4``; several shapes of DALI in a row, which are
        a union (``multishape``); or the ASCII form of a MOC by itself. The case of words does not matter.

    Raises
    ------
    RegionSyntaxError
        If it is none of these; says which word was not understood.

    References
    ----------
    TAP 1.0, section 6; DALI 1.2, section 3.
    """
    body = re.sub(r"^\s*moc\b", "", text, flags=re.IGNORECASE)
    if body != text or re.match(r"\s*\d+/", text):
        return ShapeText("moc", text=body.strip())
    reader = _Reader(text)
    shapes = [reader.shape("ICRS", 0)]
    while not reader.is_done:
        shapes.append(reader.shape("ICRS", 0))
    if len(shapes) == 1:
        return ShapeText(shapes[0].kind, shapes[0].numbers, shapes[0].parts, shapes[0].frame, text.strip())
    return ShapeText("union", parts=tuple(shapes), text=text.strip())


class _Reader:
    """The words of a text, one after the other."""

    def __init__(self, text: str) -> None:
        self._words = _WORD.findall(text)
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at >= len(self._words)

    def _peek(self) -> str:
        return "" if self.is_done else self._words[self._at]

    def shape(self, frame: str, depth: int) -> ShapeText:
        """Read one shape; those inside others have the frame of the outer one unless they name another."""
        if depth > _MAX_DEPTH:
            raise RegionSyntaxError(f"a region has more than {_MAX_DEPTH} regions inside each other")
        word = self._peek()
        kind = word.lower()
        if kind not in _COUNTS and kind not in _COMPOUNDS:
            given = f"'{word}'" if word else "the end"
            raise RegionSyntaxError(
                f"a region begins with the name of a shape, not with {given}",
                hint="write Circle, Polygon, Box, Position, Union, Intersection, Not, range or moc, such as "
                "'Circle ICRS 10 20 0.5'",
            )
        self._at += 1
        frame = self._frame(frame)
        if kind in _COMPOUNDS:
            return ShapeText(kind, parts=self._parts(kind, frame, depth), frame=frame)
        return ShapeText(kind, self._checked(kind, tuple(self._numbers())), frame=frame)

    def _frame(self, frame: str) -> str:
        """Read the words before the numbers."""
        while (word := self._peek().upper()) and not _is_number(word) and word not in {"(", ")"}:
            if word in _FRAMES:
                frame = _FRAMES[word]
            elif word in _NO_FRAMES:
                raise RegionSyntaxError(
                    f"regions in the frame {word} are not supported",
                    hint="give the coordinates in ICRS; FK4 positions hold the elliptic terms of aberration",
                )
            elif word not in _IGNORED:
                raise RegionSyntaxError(
                    f"'{self._peek()}' is neither a frame nor a number", hint=f"known frames are {', '.join(_FRAMES)}"
                )
            self._at += 1
        return frame

    def _numbers(self) -> Iterator[float]:
        while _is_number(self._peek()):
            yield float(self._peek())
            self._at += 1

    def _parts(self, kind: str, frame: str, depth: int) -> tuple[ShapeText, ...]:
        self._take("(", kind)
        parts = []
        while self._peek() not in {")", ""}:
            parts.append(self.shape(frame, depth + 1))
        self._take(")", kind)
        if not parts or (kind == "not" and len(parts) != 1):
            wanted = "exactly one region" if kind == "not" else "at least one region"
            raise RegionSyntaxError(f"{kind.capitalize()} takes {wanted} in its parentheses, not {len(parts)}")
        return tuple(parts)

    def _take(self, wanted: str, kind: str) -> None:
        if self._peek() != wanted:
            given = f"'{self._peek()}'" if self._peek() else "the end"
            raise RegionSyntaxError(
                f"'{wanted}' was expected after {kind.capitalize()}, not {given}",
                hint="write Union ICRS (Circle 1 2 3 Circle 4 5 6)",
            )
        self._at += 1

    def _checked(self, kind: str, numbers: tuple[float, ...]) -> tuple[float, ...]:
        count = _COUNTS[kind]
        if count and len(numbers) != count:
            raise RegionSyntaxError(f"{kind.capitalize()} takes {count} numbers, not {len(numbers)}")
        if not count and (len(numbers) < _MIN_POLYGON or len(numbers) % 2):
            raise RegionSyntaxError(
                f"{kind.capitalize()} takes a longitude and a latitude for each of at least three corners, not "
                f"{len(numbers)} numbers"
            )
        return numbers


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word)) and "_" not in word
    except ValueError:
        return False
