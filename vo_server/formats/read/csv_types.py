"""Guess the type of a column of text from all of its values, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.formats.read.cast import cast
from vo_server.model.datatype import DataType, Primitive

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DMS", "HMS", "TypeGuess"]

HMS: Final = r"^\s*\d{1,2}[:h ]\s*\d{1,2}[:m ]\s*\d{1,2}(\.\d*)?s?\s*$"
"""Right ascension in hours, minutes and seconds."""

DMS: Final = r"^\s*[+-]?\d{1,2}[:d° ]\s*\d{1,2}[:m' ]\s*\d{1,2}(\.\d*)?[s\"]?\s*$"
"""Declination in degrees, minutes and seconds of arc."""

_LEADING_ZERO: Final = r"^\s*[+-]?0[0-9]"
_WHOLE: Final = r"^\s*[+-]?[0-9]+\s*$"
_TRUTH: Final = r"(?i)^\s*(true|false)\s*$"
_NAN_NOTE: Final = (
    "has the text 'nan' in {} rows, which stays a text; list it in null_values of a schema file to make it NULL"
)
_INT_LIMIT: Final = 2**31
_FEW: Final = 5
_FEW_SHARE, _HOPELESS_SHARE = 0.01, 0.05
"""Of the values of a column; with more odd ones it is no column of numbers, and they are not counted any more."""
_NAN: Final = pa.array(["nan", "NaN", "NAN", "-nan"])


def _all_match(pattern: str) -> Callable[[pa.Array], bool]:
    return lambda text: bool(pc.all(pc.match_substring_regex(text, pattern)).as_py())


def _is_castable(primitive: Primitive) -> Callable[[pa.Array], bool]:
    datatype = DataType(primitive)
    return lambda text: cast(text, datatype)[1] is None


def _is_integer(text: pa.Array) -> bool:
    if len(_pointless(text)) < len(text) or pc.any(pc.match_substring_regex(text, _LEADING_ZERO)).as_py():
        return False
    return _all_match(_WHOLE)(text) and _is_castable(Primitive.LONG)(text)


def _is_float(text: pa.Array) -> bool:
    if not _is_castable(Primitive.DOUBLE)(text):
        return False
    # 007 is a name, and so is an integer that int64 cannot hold; 00.7 is still a number.
    whole = _whole(text)
    if len(whole) and pc.any(pc.match_substring_regex(whole, _LEADING_ZERO)).as_py():
        return False
    return len(whole) == 0 or _is_castable(Primitive.LONG)(whole)


def _has_huge(text: pa.Array) -> bool:
    whole = _whole(text)
    return len(whole) > 0 and not _is_castable(Primitive.LONG)(whole)


def _pointless(text: pa.Array) -> pa.Array:
    """Return the texts without a decimal point; a search for one letter is much cheaper than a pattern."""
    return pc.filter(text, pc.invert(pc.match_substring(text, ".")))


def _whole(text: pa.Array) -> pa.Array:
    """Return the texts that are whole numbers."""
    candidates = _pointless(text)
    return pc.filter(candidates, pc.match_substring_regex(candidates, _WHOLE))


_TIMESTAMP: Final = DataType(Primitive.CHAR, "*", "timestamp")

_TESTS: Final[dict[str, Callable[[pa.Array], bool]]] = {
    "integer": _is_integer,
    "float": _is_float,
    "truth": _all_match(_TRUTH),
    "timestamp": lambda text: cast(text, _TIMESTAMP)[1] is None,
    "hms": _all_match(HMS),
    "dms": _all_match(DMS),
}


@dataclass
class TypeGuess:
    """What the values seen so far allow a column to be."""

    null_texts: frozenset[str]
    possible: dict[str, None] = field(default_factory=lambda: dict.fromkeys(_TESTS))
    n_values: int = 0
    n_nan_texts: int = 0
    """Texts like ``nan``, which are NULL if the column has numbers."""
    largest: int = 0
    is_ascii: bool = True
    has_huge: bool = False
    """True when an integer is too large for int64."""
    n_rows: int = 0
    n_odd: int = 0
    """Values that are not numbers; counted until there are too many."""
    first_odd: tuple[int, str] | None = None
    """Index of its row, and the value."""

    def see(self, text: pa.Array) -> None:
        """Look at the values of one batch."""
        marks = pa.array(["", *self.null_texts], pa.string())
        has_blanks = pc.any(pc.match_substring(text, " ")).as_py()
        is_nothing = pc.is_in(pc.utf8_trim_whitespace(text) if has_blanks else text, value_set=marks)
        is_null = pc.or_(is_nothing, pc.is_null(text))
        values = pc.filter(text, pc.invert(is_null))
        self.n_nan_texts += pc.sum(pc.is_in(text, value_set=_NAN)).as_py() or 0
        self.is_ascii = self.is_ascii and _is_ascii(text)
        n_before, self.n_rows = self.n_rows, self.n_rows + len(text)
        if len(values) == 0:
            return
        self.n_values += len(values)
        for kind in tuple(self.possible):
            if kind == "float" and "integer" in self.possible:
                # What is an integer is a float as well.
                continue
            if not _TESTS[kind](values):
                del self.possible[kind]
        if "float" not in self.possible:
            self._count_odd(values, is_null, n_before)
        if "integer" not in self.possible and not self.has_huge:
            self.has_huge = "float" not in self.possible and _has_huge(values)
        if "integer" in self.possible:
            span = pc.min_max(cast(values, DataType(Primitive.LONG))[0]).as_py()
            self.largest = max(self.largest, abs(span["min"]), abs(span["max"]))

    def _count_odd(self, values: pa.Array, is_null: pa.Array, n_before: int) -> None:
        """Count the values that are not numbers and remember the first."""
        if self.n_odd > max(_FEW, _HOPELESS_SHARE * self.n_values):
            return
        bad = cast(values, DataType(Primitive.DOUBLE))[1]
        if bad is None:
            return
        self.n_odd += int(bad.sum())
        if self.first_odd is None:
            place = int(np.argmax(bad))
            rows = np.flatnonzero(~is_null.to_numpy(zero_copy_only=False))
            self.first_odd = n_before + int(rows[place]), values[place].as_py()

    @property
    def is_nearly_numbers(self) -> bool:
        """True for a text column whose values are numbers but for a few."""
        is_few = self.n_odd <= max(_FEW, _FEW_SHARE * self.n_values) and 3 * self.n_odd <= self.n_values
        return self.kind == "text" and self.first_odd is not None and is_few

    @property
    def kind(self) -> str:
        """The narrowest kind that holds all values; ``text`` when no other does."""
        if self.n_values == 0:
            return "text"
        return next(iter(self.possible), "text")

    def datatype(self) -> DataType:
        """Return the type to publish the column with."""
        if self.kind == "integer":
            return DataType(Primitive.INT if self.largest < _INT_LIMIT else Primitive.LONG)
        if self.kind == "float":
            return DataType(Primitive.DOUBLE)
        if self.kind == "truth":
            return DataType(Primitive.BOOLEAN)
        if self.kind == "timestamp":
            return _TIMESTAMP
        xtype = self.kind if self.kind in ("hms", "dms") else None
        return DataType(Primitive.CHAR if self.is_ascii else Primitive.UNICODE_CHAR, "*", xtype)

    def notes(self) -> list[str]:
        """Return what the publisher should know about the guess."""
        if self.n_values == 0:
            return []
        if self.kind == "text" and self.n_nan_texts:
            return [_NAN_NOTE.format(self.n_nan_texts)]
        if self.kind == "text" and self.has_huge:
            return ["has integers that do not fit 64 bits with a sign and is published as text"]
        return []


def _is_ascii(text: pa.Array) -> bool:
    data = text.buffers()[2]
    if data is None or len(text) == 0:
        return True
    offsets = np.frombuffer(text.buffers()[1], np.int32)
    first, last = int(offsets[text.offset]), int(offsets[text.offset + len(text)])
    return first == last or int(np.frombuffer(data, np.uint8)[first:last].max()) < 128  # noqa: PLR2004 - ASCII
