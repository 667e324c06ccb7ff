"""The output formats: one row each, found by every name that RESPONSEFORMAT may give them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from vo_server.errors import ParameterError
from vo_server.formats.arrow import ArrowWriter
from vo_server.formats.csv import CsvWriter, TsvWriter
from vo_server.formats.ecsv import EcsvWriter
from vo_server.formats.fits.writer import FitsWriter
from vo_server.formats.html import HtmlWriter
from vo_server.formats.json import JsonLinesWriter, JsonWriter
from vo_server.formats.parquet import ParquetWriter
from vo_server.formats.votable import Binary2Writer, TabledataWriter

if TYPE_CHECKING:
    from vo_server.formats.base import Writer

__all__ = ["OUTPUT_FORMATS", "OutputFormat", "find_format"]


@dataclass(frozen=True)
class OutputFormat:
    """A format that results can be had in."""

    name: str
    """Short form."""
    mime: str
    """Media type with the parameters that describe it, as in Content-Type and TAPRegExt."""
    aliases: tuple[str, ...]
    """Other short forms, and media types that mean this format although they say less or something else."""
    ivo_id: str | None
    """TAPRegExt key, for the formats that have one."""
    writer: Writer
    requested: str | None = None
    """Media type under which the format was asked for; None when a short form was used."""

    @property
    def all_aliases(self) -> tuple[str, ...]:
        """Everything but the media type that finds this format."""
        return (self.name, *self.aliases)

    @property
    def content_type(self) -> str:
        """Content-Type of the answer.

        A media type that was asked for comes back, completed with the parameters that tell more (DALI 1.2,
        section 4.3.3).
        """
        if self.requested is None:
            return self.mime
        (wanted, given), (offered, told) = _parse(self.requested), _parse(self.mime)
        parameters = {**(told if wanted == offered else {}), **given}
        return ";".join([wanted, *(f"{name}={value}" for name, value in parameters.items())])


_VOTABLE_KEY: Final = "ivo://ivoa.net/std/TAPRegExt#output-votable-"

OUTPUT_FORMATS: Final = (
    OutputFormat(
        "votable",
        Binary2Writer.mime,
        ("votable/b2", "application/x-votable+xml"),
        f"{_VOTABLE_KEY}binary2",
        Binary2Writer(),
    ),
    OutputFormat("votable/td", TabledataWriter.mime, ("text/xml",), f"{_VOTABLE_KEY}td", TabledataWriter()),
    OutputFormat("fits", FitsWriter.mime, ("application/x-fits-bintable",), None, FitsWriter()),
    OutputFormat(
        "parquet", ParquetWriter.mime, ("application/parquet", "application/x-parquet"), None, ParquetWriter()
    ),
    OutputFormat("arrow", ArrowWriter.mime, (), None, ArrowWriter()),
    OutputFormat("csv", CsvWriter.mime, ("text/csv",), None, CsvWriter()),
    OutputFormat("tsv", TsvWriter.mime, (), None, TsvWriter()),
    OutputFormat("ecsv", EcsvWriter.mime, ("text/ecsv", "application/ecsv"), None, EcsvWriter()),
    OutputFormat("json", JsonWriter.mime, (), None, JsonWriter()),
    OutputFormat(
        "jsonl", JsonLinesWriter.mime, ("ndjson", "application/jsonl", "application/jsonlines"), None, JsonLinesWriter()
    ),
    OutputFormat("html", HtmlWriter.mime, (), None, HtmlWriter()),
)
"""All formats; the first one is the default."""


def find_format(value: str, *, parameter: str = "RESPONSEFORMAT") -> OutputFormat:
    """Return the format that a value of RESPONSEFORMAT means.

    Case, spaces around ``;`` and ``=`` and the order of media type parameters do not matter; ``charset=utf-8`` may
    be added to any media type, since that is what is sent.

    Parameters
    ----------
    value
        The value.
    parameter
        What the caller knows the parameter as.

    Raises
    ------
    ParameterError
        If there is no such format, with the nearest one.
    """
    folded = value.strip().lower()
    for one in OUTPUT_FORMATS:
        if folded in {alias for alias in one.all_aliases if not _is_media_type(alias)}:
            return one
    media_type, parameters = _parse(value)
    charset = parameters.get("charset", "utf-8").lower()
    wanted = _comparable(media_type, {name: text for name, text in parameters.items() if name != "charset"})
    for one in OUTPUT_FORMATS:
        meant = [one.mime, *(alias for alias in one.aliases if _is_media_type(alias))]
        if charset == "utf-8" and wanted in [_comparable(*_parse(text)) for text in meant]:
            return replace(one, requested=value)
    short = ", ".join(one.name for one in OUTPUT_FORMATS)
    near = get_close_matches(folded, [name for one in OUTPUT_FORMATS for name in (*one.all_aliases, one.mime)], n=1)
    hint = f"did you mean {near[0]}?" if near else None
    raise ParameterError(parameter, value, f"one of {short}, or the media type of one", hint=hint)


def _is_media_type(text: str) -> bool:
    return text.startswith(("application/", "text/"))


def _parse(text: str) -> tuple[str, dict[str, str]]:
    """Split a media type into its lower-cased type and its parameters by lower-cased name.

    A space inside the type was a plus sign before somebody put it into a URL unencoded.
    """
    media_type, *rest = text.split(";")
    pairs = (part.partition("=") for part in rest if part.strip())
    parameters = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
    return media_type.strip().replace(" ", "+").lower(), parameters


def _comparable(media_type: str, parameters: dict[str, str]) -> tuple[str, frozenset[tuple[str, str]]]:
    return media_type, frozenset((name, value.lower()) for name, value in parameters.items())
