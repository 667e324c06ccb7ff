"""DALI parameters of a query, judged when it is executed (TAP 1.1, section 2.7).

The one place where they get their meaning: ``/sync`` and the runs of asynchronous jobs both come here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from vo_server.errors import ParameterError, UsageError
from vo_server.model.query import Lang, Query
from vo_server.model.upload import to_uploads

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MAX_RUN_ID_LENGTH", "to_duration_s", "to_maxrec", "to_query", "to_time"]

MAX_RUN_ID_LENGTH: Final = 64
"""DALI 1.1, section 3.4.6."""

_SINGLE: Final = ("LANG", "QUERY", "RESPONSEFORMAT", "FORMAT", "MAXREC", "RUNID", "SAVE_AS")
_LANGUAGES: Final = {lang.value.upper(): lang for lang in Lang}
_MAX_DIGITS: Final = 18
"""Digits that a row count may have to fit everywhere; more mean "all rows"."""

_LONGEST_S: Final = 10**9
"""Thirty years [s]: what is longer is as good as that, and still fits everywhere."""


def to_query(parameters: Iterable[tuple[str, str]]) -> Query:
    """Return the query that request parameters ask for.

    Names count without case. An empty value is no value. Parameters that TAP does not know are ignored, among them
    REQUEST and VERSION, which clients of TAP 1.0 send.

    Parameters
    ----------
    parameters
        (name, value) in the order they were given.

    Raises
    ------
    ParameterError
        If a parameter is missing, repeated or has a value that is not allowed.
    UploadError
        If two uploads have one name.
    UsageError
        If the query language is unknown.
    """
    pairs = [(name.upper(), value) for name, value in parameters if value.strip()]
    given = _single_values(pairs)
    if "QUERY" not in given:
        raise ParameterError("QUERY", None, "an ADQL query", hint="give QUERY=SELECT ...")
    return Query(
        adql=given["QUERY"],
        lang=_lang(given.get("LANG")),
        maxrec=to_maxrec(given.get("MAXREC")),
        response_format=given.get("RESPONSEFORMAT") or given.get("FORMAT") or "votable",
        run_id=_run_id(given.get("RUNID")),
        save_as=given.get("SAVE_AS"),
        uploads=to_uploads([value for name, value in pairs if name == "UPLOAD"]),
    )


def to_duration_s(value: str) -> int:
    """Return a value of EXECUTIONDURATION [s]; 0 means "as long as possible".

    Raises
    ------
    ParameterError
        If it is not a whole number from 0.
    """
    text = value.strip()
    if not (text.isascii() and text.isdigit()):
        raise ParameterError("EXECUTIONDURATION", value, "a whole number of seconds from 0")
    return min(int(text[:_MAX_DIGITS]), _LONGEST_S)


def to_time(value: str, name: str = "DESTRUCTION") -> datetime:
    """Return a time given as ISO 8601; one without a zone is UTC, as UWS 1.1, section 2.2.1 has it.

    Raises
    ------
    ParameterError
        If it is not a time.
    """
    try:
        time = datetime.fromisoformat(value.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ParameterError(name, value, "a time such as 2030-01-31T12:00:00Z") from None


def to_maxrec(value: str | None) -> int | None:
    """Return a value of MAXREC; None where there is none.

    Raises
    ------
    ParameterError
        If it is not a whole number from 0.
    """
    if value is None:
        return None
    text = value.strip().removeprefix("+")
    if not (text.isascii() and text.isdigit()):
        raise ParameterError("MAXREC", value, "a whole number from 0")
    return int(text) if len(text) <= _MAX_DIGITS else 10**_MAX_DIGITS


def _single_values(parameters: Iterable[tuple[str, str]]) -> dict[str, str]:
    given: dict[str, str] = {}
    for key, value in parameters:
        if key == "UPLOAD":
            continue
        if key == "FORMAT" and value == given.get(key):
            continue  # astroquery sends `FORMAT` and `format` with a table of astropy.
        if key in given:
            # DALI 1.1, section 3.2.
            raise ParameterError(key, value, f"one value only, but another was given before: {given[key][:40]!r}")
        if key in _SINGLE:
            given[key] = value
    return given


def _lang(value: str | None) -> Lang:
    if value is None:
        return Lang.ADQL
    lang = _LANGUAGES.get(value.strip().upper())
    if lang is None:
        raise UsageError(f"unknown query language {value[:40]!r}", hint=f"LANG is one of {', '.join(Lang)}")
    return lang


def _run_id(value: str | None) -> str | None:
    if value is not None and len(value) > MAX_RUN_ID_LENGTH:
        raise ParameterError("RUNID", value, f"at most {MAX_RUN_ID_LENGTH} characters")
    return value
