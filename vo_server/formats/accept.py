"""The ``Accept`` header: which format a client prefers that does not name one (RFC 9110, section 12.5.1).

It is a wish, not a condition: what cannot be understood or given leads to the default, never to an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from vo_server.errors import ParameterError
from vo_server.formats.registry import OUTPUT_FORMATS, OutputFormat, find_format

__all__ = ["preferred_format"]

_QUALITY: Final = re.compile(r"0?\.[0-9]{1,9}|[01](\.[0-9]{0,9})?")
_ANY: Final = "*/*"
_HTML: Final = "text/html"
_MAX_RANGES: Final = 50
"""Ranges that are looked at; browsers send eight."""


@dataclass(frozen=True, order=True)
class _Wish:
    """A format that an element of the header leads to; the greatest one is the best."""

    quality: float
    specificity: int
    """2 for a media type, 1 for ``text/*``, 0 for ``*/*``."""
    order: int
    """The later, the smaller."""
    chosen: OutputFormat = field(compare=False)


def preferred_format(accept: str | None) -> OutputFormat:
    """Return the format that fits the header best.

    The one with the highest quality wins; between equals the one that is named before the one that is only matched by
    a wildcard, then the one that is named first. Browsers and Java's HTTP library name ``text/html`` although they
    take anything: HTML counts only where the header has no ``*/*``.

    Parameters
    ----------
    accept
        The header; None or empty when there is none.

    Returns
    -------
    OutputFormat
        The default where nothing fits.
    """
    ranges = _ranges(accept or "")
    takes_anything = any(media_type == _ANY and quality > 0 for media_type, quality in ranges)
    refused = {found.name for media_type, quality in ranges if not quality and (found := _named(media_type))}
    wishes = []
    for order, (media_type, quality) in enumerate(ranges):
        if takes_anything and media_type == _HTML:
            continue
        wish = _wish(media_type, refused)
        if quality > 0 and wish is not None:
            specificity, chosen = wish
            wishes.append(_Wish(quality, specificity, -order, chosen))
    return max(wishes).chosen if wishes else OUTPUT_FORMATS[0]


def _ranges(accept: str) -> list[tuple[str, float]]:
    """Return media ranges with their qualities; those whose quality makes no sense are left out."""
    found = []
    for element in accept.split(",")[:_MAX_RANGES]:
        media_type, *parameters = (part.strip() for part in element.split(";"))
        qualities = [one for one in parameters if one.lower().startswith("q=")]
        text = qualities[0][2:].strip() if qualities else "1"
        if media_type and _QUALITY.fullmatch(text):
            rest = (one for one in parameters if not one.lower().startswith("q="))
            folded = _ANY if media_type == "*" else media_type.lower()
            found.append((";".join([folded, *rest]), min(float(text), 1.0)))
    return found


def _wish(media_type: str, refused: set[str]) -> tuple[int, OutputFormat] | None:
    named = _named(media_type)
    if named is not None:
        return 2, named
    main, _, sub = media_type.partition("/")
    if sub != "*":
        return None
    matching = (one for one in OUTPUT_FORMATS if main == "*" or one.mime.startswith(f"{main}/"))
    allowed = next((one for one in matching if one.name not in refused), None)
    return None if allowed is None else (int(main != "*"), allowed)


def _named(media_type: str) -> OutputFormat | None:
    if "/" not in media_type or "*" in media_type:
        return None
    try:
        return find_format(media_type)
    except ParameterError:
        return None
