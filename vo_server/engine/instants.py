"""Timestamps written as text: what may be written, and what is handed to a database.

The forms are those of DALI, the seconds may be missing. Digits beyond the microsecond are cut off: the databases would
cut and round. Nothing else is read, since a database also takes ``now``, ``infinity`` and local ways to write a date.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from vo_server.engine.lower import refusal
from vo_server.errors import ProblemKind

if TYPE_CHECKING:
    from vo_server.adql.tree import StringLiteral

__all__ = ["instant_text"]

_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ]((?:[01]\d|2[0-3]):\d\d)(:\d\d)?(\.\d+)?Z?)?", re.ASCII)
_MICROSECONDS: Final = len(".000000")


def instant_text(literal: StringLiteral) -> str:
    """Return a literal that is a timestamp in a form that every database reads in the same way.

    Raises
    ------
    AdqlError
        Of kind ``type``, when it is no timestamp.
    """
    match = _INSTANT.fullmatch(literal.value.strip(" "))
    if match is not None and (match[4] is None or match[3] is not None):
        day, minute, second, fraction = match.groups()
        text = f"{day}T{minute or '00:00'}{second or ':00'}{(fraction or '')[:_MICROSECONDS]}"
        try:
            datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            return text
    message = f"the text {literal.value!r} is no timestamp"
    hint = "write YYYY-MM-DD or YYYY-MM-DDThh:mm:ss, from the year 0001 to 9999"
    raise refusal(ProblemKind.TYPE, message, literal.span, token=literal.value, hint=hint)
