"""How a result ended, in one form for all writers: whole, cut by a limit, or broken off by an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vo_server.model.query import Note
from vo_server.vo.votable import Status

if TYPE_CHECKING:
    from vo_server.errors import VoError
    from vo_server.model.query import QueryResult

__all__ = ["Outcome", "origin_texts", "plain_error"]


@dataclass(frozen=True)
class Outcome:
    """The status of a result; certain only behind its last row."""

    status: Status
    message: str = ""
    """What happened, for people; empty when all is well."""
    notes: tuple[Note, ...] = ()
    """The same for programs."""

    @classmethod
    def of(cls, result: QueryResult) -> Outcome:
        """Return what is known of a result by now."""
        cut = result.truncation
        if cut is None:
            return cls(Status.OK)
        return cls(Status.OVERFLOW, cut.message, tuple(Note(name, value) for name, value in cut.facts.items()))

    @classmethod
    def of_error(cls, error: VoError) -> Outcome:
        """Return the end of a result that broke off."""
        return cls(Status.ERROR, str(error))

    @property
    def facts(self) -> dict[str, str]:
        """All of it as names and values, with ``QUERY_STATUS`` first (DALI 1.1, section 4.4)."""
        told = {"QUERY_STATUS": str(self.status)}
        if self.message:
            told["QUERY_MESSAGE"] = self.message
        return {**told, **{note.name: note.value for note in self.notes}}


def origin_texts(result: QueryResult) -> list[tuple[str, str]]:
    """Return notes and links as pairs of a name and all that it says, for formats that have no more places.

    Names may repeat; each link is called ``LINK``.
    """
    notes = [(note.name, note.value, note.text) for note in result.notes]
    links = [("LINK", link.href, link.title or "") for link in result.links]
    return [(name, f"{value} ({text})" if text else value) for name, value, text in (*notes, *links)]


def plain_error(error: VoError, query: str | None) -> bytes:
    """Return the error document of formats that have none of their own: text."""
    lines = [f"ERROR: {error}"] if query is None else [f"ERROR: {error}", f"QUERY: {query}"]
    return "".join(f"{line}\n" for line in lines).encode()
