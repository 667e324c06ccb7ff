"""Parameters of a cone search (SCS 1.03, section 2.1; MAXREC and RESPONSEFORMAT from the draft of SCS 1.1)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from vo_server.errors import ParameterError
from vo_server.model.cone import ConeRequest, Verbosity
from vo_server.services.parameters import to_maxrec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DEFAULT_FORMAT", "MAX_RADIUS_DEG", "to_cone"]

DEFAULT_FORMAT: Final = "text/xml"
"""RESPONSEFORMAT when the caller gives none: the media type of SCS 1.03, which is TABLEDATA for the oldest clients."""

MAX_RADIUS_DEG: Final = 180.0
"""The whole sky [deg]; what limits an answer is its number of rows."""

_NAMES: Final = ("RA", "DEC", "SR", "VERB", "MAXREC", "RESPONSEFORMAT")

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SEXAGESIMAL: Final = re.compile(
    r"([+-]?)([0-9]{1,3})[:hHdD°\s]+([0-9]{1,2})(?:[:mM'\s]+([0-9]{1,2}(?:\.[0-9]*)?)[sS\"]?)?[mM']?"
)
_COMMA: Final = re.compile(r"[+-]?[0-9]{1,3},[0-9]{1,20}")


def to_cone(parameters: Iterable[tuple[str, str]]) -> ConeRequest:
    """Return the cone that request parameters ask for.

    Names count without case, and those that are not known are ignored. A right ascension may be given from -180 to 180,
    too, as tables have it: the place is the same.

    Parameters
    ----------
    parameters
        (name, value) in the order they were given.

    Raises
    ------
    ParameterError
        If a parameter is missing, given twice with different values, no decimal number, or out of range.
    """
    given = _single(parameters)
    ra_deg = _degrees("RA", given.get("RA"), -180.0, 360.0, "right ascension", hours=15.0)
    return ConeRequest(
        ra_deg=ra_deg if ra_deg >= 0.0 else ra_deg + 360.0,
        dec_deg=_degrees("DEC", given.get("DEC"), -90.0, 90.0, "declination"),
        radius_deg=_degrees("SR", given.get("SR"), 0.0, MAX_RADIUS_DEG, "radius of the cone"),
        verbosity=_verbosity(given.get("VERB")),
        maxrec=to_maxrec(given.get("MAXREC")),
        response_format=given.get("RESPONSEFORMAT", DEFAULT_FORMAT),
    )


def _single(parameters: Iterable[tuple[str, str]]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in parameters:
        key = name.upper()
        if key not in _NAMES or not value.strip():
            continue
        if given.setdefault(key, value.strip()) != value.strip():
            raise ParameterError(key, value, f"one value only, but another was given before: {given[key][:40]!r}")
    return given


def _degrees(name: str, value: str | None, low: float, high: float, what: str, *, hours: float = 1.0) -> float:
    """Return a number of degrees; ``hours`` is the size of the first unit of its sexagesimal form [deg]."""
    expected = f"the {what} in degrees, a decimal number from {low:g} to {high:g}"
    if value is None:
        raise ParameterError(name, None, expected, hint="give RA, DEC and SR, e.g. RA=10.684&DEC=41.269&SR=0.1")
    if _NUMBER.fullmatch(value) is None:
        raise ParameterError(name, value, expected, hint=_hint(name, value, hours))
    number = float(value)
    if not (math.isfinite(number) and low <= number <= high):
        raise ParameterError(name, value, expected)
    return number


def _hint(name: str, value: str, hours: float) -> str | None:
    """Say what a value means that is no decimal number, where that can be guessed."""
    if _COMMA.fullmatch(value):
        return f"write {name}={value.replace(',', '.')}"
    found = _SEXAGESIMAL.fullmatch(value)
    if found is None:
        return None
    sign, whole, minutes, seconds = found.groups()
    degrees = (int(whole) + int(minutes) / 60 + float(seconds or 0) / 3600) * hours
    unit = "hours, minutes and seconds" if hours > 1 else "degrees, minutes and seconds"
    return f"sexagesimal values are not read; if these are {unit}, write {name}={sign.strip('+')}{degrees:.9g}"


def _verbosity(value: str | None) -> Verbosity:
    if value is None:
        return Verbosity.USUAL
    if value not in {"1", "2", "3"}:
        raise ParameterError("VERB", value, "1 for identifier and position, 2 for the usual columns, 3 for all")
    return Verbosity(int(value))
