"""A recipe: a stored selection with what it selects, its parameters, and how good it is known to be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from vo_server.errors import ParameterError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "PLACEHOLDER",
    "Expected",
    "Parameter",
    "ParameterKind",
    "Published",
    "Recipe",
    "Targets",
    "Value",
    "placeholders",
]

Value: TypeAlias = float | int | str

PLACEHOLDER: Final = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)")
"""``:threshold``; not what follows another colon, as in ``MAG_PSFCOR[jplus::rSDSS]``."""

_PIECE: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*""")
"""What may hold a colon that is none of ours: texts, delimited names and comments."""


class ParameterKind(StrEnum):
    """What values a parameter takes."""

    DOUBLE = "double"
    INTEGER = "integer"
    TEXT = "text"


@dataclass(frozen=True)
class Parameter:
    """Something in a recipe that its user may choose."""

    name: str
    kind: ParameterKind
    default: Value
    description: str
    unit: str | None = None
    """In VOUnits; None for numbers without one and for texts."""
    least: float | None = None
    most: float | None = None
    """Bounds of a number, both allowed."""
    choices: tuple[Value, ...] = ()
    """The only values allowed; empty when any within the bounds will do."""

    @property
    def expected(self) -> str:
        """What values are accepted, in words."""
        if self.choices:
            return "one of " + ", ".join(str(one) for one in self.choices)
        words = {
            ParameterKind.DOUBLE: "a number",
            ParameterKind.INTEGER: "a whole number",
            ParameterKind.TEXT: "a text",
        }[self.kind]
        if self.least is not None and self.most is not None:
            words += f" from {self.least:g} to {self.most:g}"
        elif self.least is not None:
            words += f" not below {self.least:g}"
        elif self.most is not None:
            words += f" not above {self.most:g}"
        return words + (f" [{self.unit}]" if self.unit else "")

    def read(self, given: str) -> Value:
        """Return the value that a text stands for.

        Raises
        ------
        ParameterError
            If it stands for none, or for one that is not allowed.
        """
        try:
            value: Value = _READ[self.kind](given)
        except ValueError as error:
            raise ParameterError(self.name, given, self.expected) from error
        if not self.allows(value):
            raise ParameterError(self.name, given, self.expected)
        return value

    def allows(self, value: Value) -> bool:
        """Tell whether a value is within the bounds, or one of the choices."""
        if self.choices:
            return value in self.choices
        if isinstance(value, str):
            return True
        if not math.isfinite(value):
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def literal(self, value: Value) -> str:
        """Return a value as ADQL writes it."""
        if isinstance(value, str):
            return "'" + value.replace("'", "''") + "'"
        return repr(value)


_READ: Final = {ParameterKind.DOUBLE: float, ParameterKind.INTEGER: int, ParameterKind.TEXT: str}


@dataclass(frozen=True)
class Published:
    """A number that the authors give for a selection."""

    value: str
    """As printed, such as ``404070 rows`` or ``98 % pure``."""
    source: str
    note: str | None = None

    @property
    def words(self) -> str:
        """What is told of it."""
        return f"Published: {self.value} ({self.source})." + (f" {self.note}" if self.note else "")


@dataclass(frozen=True)
class Expected:
    """How a selection of one class is judged by a table of truth, and what is expected of it."""

    class_name: str
    """Which class is selected, as the table of truth writes it."""
    table: str
    """Full name of the table that is selected from; completeness is that of the objects in it."""
    key: Mapping[str, str]
    """Columns of the table of truth by those of the selection that name the same object."""
    truth: str
    """Full name of the table of truth."""
    purity: float
    """Share of the selected objects that are of the class, 0 to 1."""
    completeness: float
    """Share of the objects of the class in the table that are selected, 0 to 1."""


@dataclass(frozen=True)
class Targets:
    """Which columns of a selection make a list of targets for a telescope."""

    name: str
    ra: str
    dec: str
    """ICRS [deg]."""
    magnitude: str | None = None
    probability: str | None = None
    priority: str | None = None
    """Larger comes first; the probability when None."""
    pm_ra: str | None = None
    """Proper motion in right ascension, times cos(dec) [mas/yr]."""
    pm_dec: str | None = None
    epoch: float | None = None
    """Of the positions [Julian year]; None where they are taken to stay."""


@dataclass(frozen=True)
class Recipe:
    """A stored selection."""

    name: str
    """``<catalogue>/<name>``, as its file is called."""
    title: str
    selects: str
    """What it selects, in a few sentences."""
    adql: str
    """With placeholders such as ``:threshold`` for its parameters."""
    source: str
    """Which paper or document it comes from."""
    parameters: tuple[Parameter, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    """What the most important columns of its answer mean."""
    published: tuple[Published, ...] = ()
    expected: Expected | None = None
    targets: Targets | None = None
    aliases: tuple[str, ...] = ()
    """Other names under which it is known."""

    @property
    def quality_words(self) -> tuple[str, ...]:
        """What is expected of it, in words; empty where that cannot be known."""
        if self.expected is None:
            return ()
        one = self.expected
        words = (
            f"Of the selected objects {100 * one.purity:.1f} % are expected to be {one.class_name}, and "
            f"{100 * one.completeness:.1f} % of the {one.class_name} in {one.table} to be selected, by {one.truth}."
        )
        return (words,)

    def values(self, given: Mapping[str, str]) -> dict[str, Value]:
        """Return the value of each parameter: what is given, and the default of the others.

        Raises
        ------
        UsageError
            If a name is not that of a parameter.
        ParameterError
            If a value is not allowed.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                there_are = f"its parameters are {', '.join(known)}" if known else "it has no parameters"
                raise UsageError(f"recipe {self.name} has no parameter {name!r}", hint=there_are)
        return {
            name: parameter.read(given[name]) if name in given else parameter.default
            for name, parameter in known.items()
        }

    def query(self, given: Mapping[str, str] | None = None) -> str:
        """Return the query with values in the place of its parameters.

        Raises
        ------
        UsageError, ParameterError
            As :meth:`values` does.
        """
        values = self.values(given or {})
        literals = {one.name: one.literal(values[one.name]) for one in self.parameters}
        return "".join(
            piece if is_kept else PLACEHOLDER.sub(lambda found: literals[found[1]], piece)
            for piece, is_kept in _pieces(self.adql)
        )


def placeholders(adql: str) -> set[str]:
    """Return the names of the parameters that a text has places for."""
    return {name for piece, is_kept in _pieces(adql) if not is_kept for name in PLACEHOLDER.findall(piece)}


def _pieces(adql: str) -> Iterator[tuple[str, bool]]:
    """Yield a text in pieces, each with whether it stays as it is."""
    end = 0
    for found in _PIECE.finditer(adql):
        yield adql[end : found.start()], False
        yield found[0], True
        end = found.end()
    yield adql[end:], False
