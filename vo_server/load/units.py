"""Bring units and UCDs of files into the spelling of the VO, and say what could not be brought."""

from __future__ import annotations

import re
from typing import Final

from astropy import units
from astropy.io.votable.ucd import parse_ucd

from vo_server.quiet import quiet

__all__ = ["is_plain_unit", "known_ucd", "vounit"]

_NONE: Final = frozenset({"", "-", "--", "---", "none", "null", "unitless", "dimensionless", "n/a", "adimensional"})
"""Words for "has no unit"."""

_SYNONYMS: Final = {
    "degree": "deg",
    "degrees": "deg",
    "degs": "deg",
    "radian": "rad",
    "radians": "rad",
    "arcsecond": "arcsec",
    "arcseconds": "arcsec",
    "arcsecs": "arcsec",
    "arcminute": "arcmin",
    "arcminutes": "arcmin",
    "day": "d",
    "days": "d",
    "hour": "h",
    "hours": "h",
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "year": "yr",
    "years": "yr",
    "julian years": "yr",
    "magnitude": "mag",
    "magnitudes": "mag",
    "mags": "mag",
    "counts": "count",
    "cts": "count",
    "pixels": "pixel",
    "angstroms": "Angstrom",
    "kelvin": "K",
    "msun": "solMass",
    "percent": "%",
}
"""Words that writers use and no standard knows."""

_QUANTITY: Final = re.compile(r"[A-Za-z_ ]+\[(.+)\]")
"""``Angle[deg]``: a quantity with its unit, as some archives write it."""

_AS_IT_STANDS: Final = re.compile(r"[A-Za-z0-9.()%/*+-]+")
_JOINED_POWER: Final = re.compile(r"[A-Za-z)][+-]?\d")
_FUNCTION: Final = re.compile(r"(log|ln|exp|sqrt)\((.+)\)")
"""Functions of units, which VOUnits has and astropy has not."""
_FORMATS: Final = ("vounit", None, "cds", "fits")
"""Syntaxes that are tried, the standard one first; None is astropy's own."""

_OLD_UCDS: Final = {
    "POS_EQ_RA_MAIN": "pos.eq.ra;meta.main",
    "POS_EQ_DEC_MAIN": "pos.eq.dec;meta.main",
    "POS_EQ_RA": "pos.eq.ra",
    "POS_EQ_DEC": "pos.eq.dec",
    "POS_GAL_LON": "pos.galactic.lon",
    "POS_GAL_LAT": "pos.galactic.lat",
    "ID_MAIN": "meta.id;meta.main",
}
"""UCD1 words that matter for positions and identifiers."""


def vounit(text: str) -> str | None:
    """Return a unit in VOUnits syntax, an empty text for "has no unit", or None when it is not known.

    A text that is VOUnits already is left as it is (``mas/yr`` stays).
    """
    text = text.strip()
    found = _QUANTITY.fullmatch(text)
    if found is not None:
        text = found[1]
    if text.lower() in _NONE:
        return ""
    text = _SYNONYMS.get(text.lower(), text)
    if text == "%":
        return text
    if not re.search("[A-Za-z]", text):
        # A bare number, such as the 3.6 of a column [3.6].
        return None
    inner = _FUNCTION.fullmatch(text)
    if inner is not None and vounit(inner[2]):
        return f"{inner[1]}({vounit(inner[2])})"
    for syntax in _FORMATS:
        written = _parsed(text, syntax)
        if written is not None:
            is_good = syntax == "vounit" and _AS_IT_STANDS.fullmatch(text) and not _JOINED_POWER.search(text)
            return text if is_good else written
    return None


def _parsed(text: str, syntax: str | None) -> str | None:
    with quiet(units.UnitsWarning):
        try:
            written: str = units.Unit(text, format=syntax).to_string("vounit")
        except (ValueError, TypeError):
            return None
    return written


def is_plain_unit(text: str) -> bool:
    """Tell whether astropy's own syntax, which Felis goes by, knows a unit."""
    return _parsed(text, None) is not None


def known_ucd(text: str) -> str | None:
    """Return a UCD1+ of the controlled vocabulary, or None when the text is none."""
    text = _OLD_UCDS.get(text.strip(), text.strip())
    try:
        parse_ucd(text, check_controlled_vocabulary=True, has_colon=";" in text)
    except ValueError:
        return None
    return text
