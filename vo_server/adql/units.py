"""Units as VOUnits writes them: just enough algebra for products, quotients and powers.

Only the form of a unit is known here, not its size: ``km.m**-1`` stays what it is. What cannot be read, or cannot be
written as a valid VOUnit, is no unit at all; nothing is guessed.

References
----------
VOUnits 1.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

__all__ = ["DIMENSIONLESS", "Unit", "are_convertible", "are_equal", "read_unit"]

MAX_POWER: Final = 20
_DENOMINATORS: Final = frozenset({1, 2, 4})

_POWER: Final = r"(?:\*\*|\^)\s?(?:[+-]?[0-9]{1,2}|\([+-]?[0-9]{1,2}(?:/[1-9]|\.[0-9]{1,4})?\))"
_FACTOR: Final = rf"(?:[A-Za-z]{{1,20}}(?:{_POWER})?)"
_PRODUCT: Final = rf"{_FACTOR}(?:[.* ]{_FACTOR}){{0,15}}"
_UNIT: Final = re.compile(
    rf"(?:(?P<scale>10(?:\*\*|\^)[+-]?[0-9]{{1,2}}|10?)[. ]?)?(?P<above>{_PRODUCT})?"
    rf"(?:/(?:(?P<below>{_FACTOR})|\((?P<inside>{_PRODUCT})\)))?"
)
_EACH: Final = re.compile(r"([A-Za-z]+)(?:(?:\*\*|\^)\s?\(?([^)A-Za-z.* /]*(?:[./][0-9]+)?)\)?)?")

_DIMENSIONS: Final = {
    "length": "m Angstrom angstrom AU au pc lyr",
    "time": "s min h d a yr",
    "angle": "rad deg arcmin arcsec mas",
    "solid angle": "sr",
    "mass": "g u solMass",
    "energy": "J erg eV Ry",
    "power": "W solLum",
    "frequency": "Hz",
    "flux density": "Jy",
    "magnitude": "mag",
    "temperature": "K",
    "number": "ct count ph photon pix pixel bin beam chan voxel bit byte",
    "other": "A cd mol N Pa C V Ohm S F Wb T H lm lx Bq Gy Sv kat R G barn D dB solRad",
}
_BASES: Final = {symbol: kind for kind, symbols in _DIMENSIONS.items() for symbol in symbols.split()}
_WITHOUT_PREFIX: Final = frozenset({"min", "h", "d", "AU", "au", "deg", "arcmin", "mas", "Angstrom", "angstrom"})
_PREFIXES: Final = ("da", "d", "c", "m", "u", "n", "p", "f", "a", "z", "y", "h", "k", "M", "G", "T", "P", "E", "Z", "Y")
_SAME: Final = {
    "angstrom": "Angstrom", "yr": "a", "pixel": "pix", "photon": "ph", "count": "ct", "au": "AU", "marcsec": "mas",
}  # fmt: skip
"""Names of one unit."""


@dataclass(frozen=True)
class Unit:
    """A product of powers of units, times a power of ten."""

    powers: tuple[tuple[str, Fraction], ...] = ()
    """Symbols in the order in which they came, none twice, none with the power 0."""
    exponent: int = 0
    """Power of ten in front."""

    def times(self, other: Unit, sign: int = 1) -> Unit:
        """Return the product with another unit, or the quotient for a sign of -1."""
        powers = dict(self.powers)
        for symbol, power in other.powers:
            powers[symbol] = powers.get(symbol, Fraction()) + sign * power
        left = tuple((symbol, power) for symbol, power in powers.items() if power)
        return Unit(left, self.exponent + sign * other.exponent)

    def to_power(self, power: Fraction) -> Unit | None:
        """Return a power; None when a power of ten would not stay one."""
        exponent = self.exponent * power
        if exponent.denominator != 1:
            return None
        return Unit(tuple((symbol, one * power) for symbol, one in self.powers if power), int(exponent))

    @property
    def text(self) -> str | None:
        """The unit as VOUnits writes it; None for no unit and for one that cannot be written."""
        pieces = []
        for symbol, power in self.powers:
            if abs(power) > MAX_POWER or power.denominator not in _DENOMINATORS:
                return None
            # Readers take the slash of **(1/2) for a second quotient.
            whole = str(power) if power.denominator == 1 else f"({float(power)})"
            pieces.append(symbol if power == 1 else f"{symbol}**{whole}")
        if not pieces:
            return None
        return (f"10**{self.exponent}" if self.exponent else "") + ".".join(pieces)

    @property
    def normal(self) -> tuple[frozenset[tuple[str, Fraction]], int]:
        """What is the same for equal units, whatever their symbols are called."""
        return frozenset(self._with({symbol: _SAME.get(symbol, symbol) for symbol, _ in self.powers})), self.exponent

    @property
    def dimension(self) -> frozenset[tuple[str, Fraction]]:
        """What is the same for units that can be converted into each other, as far as it can be told from names."""
        return frozenset(self._with({symbol: _kind(symbol) or symbol for symbol, _ in self.powers}))

    def _with(self, names: dict[str, str]) -> tuple[tuple[str, Fraction], ...]:
        same = DIMENSIONLESS
        for symbol, power in self.powers:
            same = same.times(Unit(((names[symbol], power),)))
        return same.powers


DIMENSIONLESS: Final = Unit()
"""The unit of a number that only counts or compares."""


@lru_cache(maxsize=4096)
def read_unit(text: str) -> Unit | None:
    """Read a unit; None when it is not understood."""
    found = _UNIT.fullmatch(text.strip())
    if found is None or not (found["above"] or found["below"] or found["inside"]):
        return None
    scale = found["scale"] or "1"
    result = Unit(exponent=int(re.split(r"\*\*|\^", scale)[-1]) if scale not in {"1", "10"} else len(scale) - 1)
    for part, sign in ((found["above"], 1), (found["below"] or found["inside"], -1)):
        for symbol, power in _EACH.findall(part or ""):
            if _kind(symbol) is None:
                return None
            result = result.times(Unit(((symbol, Fraction(power or 1)),)), sign)
    return result


def _kind(symbol: str) -> str | None:
    """Return what a symbol measures; None when it is no unit of VOUnits."""
    if symbol in _BASES:
        return _BASES[symbol]
    for prefix in _PREFIXES:
        base = symbol.removeprefix(prefix)
        if base != symbol and base in _BASES and base not in _WITHOUT_PREFIX:
            return _BASES[base]
    return None


def are_equal(one: str, other: str) -> bool:
    """Tell whether two texts mean the same unit."""
    if one.strip() == other.strip():
        return True
    units = read_unit(one), read_unit(other)
    return units[0] is not None and units[1] is not None and units[0].normal == units[1].normal


def are_convertible(one: str, other: str) -> bool:
    """Tell whether two texts are known to mean units of the same kind."""
    units = read_unit(one), read_unit(other)
    return units[0] is not None and units[1] is not None and units[0].dimension == units[1].dimension
