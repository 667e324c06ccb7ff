"""A cone search: what is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["ConeRequest", "Verbosity"]


class Verbosity(IntEnum):
    """How many columns an answer has (SCS 1.03, section 2.1, VERB)."""

    LEAST = 1
    """Identifier and position."""
    USUAL = 2
    """These and the principal columns; all where no column is marked as principal."""
    ALL = 3


@dataclass(frozen=True)
class ConeRequest:
    """A place in the sky and how far around it rows are wanted, edge included."""

    ra_deg: float
    """ICRS right ascension of the axis [deg], in [0, 360]."""
    dec_deg: float
    """ICRS declination of the axis [deg], in [-90, 90]."""
    radius_deg: float
    """Opening half-angle [deg], in [0, 180]."""
    verbosity: Verbosity = Verbosity.USUAL
    maxrec: int | None = None
    """Row limit that the caller set; None when there is none. 0 asks for metadata only."""
    response_format: str = "votable/td"
    """Value of RESPONSEFORMAT."""
