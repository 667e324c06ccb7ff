"""``vo: provenance:`` of a schema or a table: where the data come from, checked, and the template of a draft."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, field_validator

from vo_server.model.provenance import Link, Provenance

__all__ = ["TEMPLATE", "LinkNotes", "ProvenanceNotes", "provenance_of"]

_DOI: Final = re.compile(r"10\.[0-9]{4,9}/\S+")
_BIBCODE: Final = re.compile(r"[12][0-9]{3}[A-Za-z0-9&.]{14}[A-Za-z.:]")
_YEAR: Final = re.compile(r"[12][0-9]{3}")
_IVOID: Final = re.compile(r"ivo://[A-Za-z0-9][A-Za-z0-9._~-]{2,}(/\S*)?")


def _web(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc or any(one.isspace() for one in value):
        raise ValueError(f"{value!r} is not a URL; expected https://...")
    return value


def _reference(value: str) -> str:
    bare = value.removeprefix("doi:")
    if _DOI.fullmatch(bare):
        return bare
    if _BIBCODE.fullmatch(value):
        return value
    try:
        return _web(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is not a reference; expected a DOI such as 10.5281/zenodo.1234567, a bibcode of 19 characters "
            "or a URL"
        ) from None


def _day(value: str) -> str:
    if not _YEAR.fullmatch(value):
        try:
            date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a date; expected a day such as 2026-03-31, or a year") from None
    return value


def _ivoid(value: str) -> str:
    if not _IVOID.fullmatch(value):
        raise ValueError(f"{value!r} is not an IVOA identifier; expected ivo://authority/path")
    return value


Web: TypeAlias = Annotated[str, AfterValidator(_web)]
Reference: TypeAlias = Annotated[str, AfterValidator(_reference)]
Day: TypeAlias = Annotated[str, AfterValidator(_day)]
Ivoid: TypeAlias = Annotated[str, AfterValidator(_ivoid)]


class _Notes(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LinkNotes(_Notes):
    """One entry of ``links``."""

    href: Web
    title: str | None = None
    role: str | None = None
    type: str | None = None


class ProvenanceNotes(_Notes):
    """``vo: provenance:``; what a table says wins over what its schema says, key by key."""

    data_ivoid: Ivoid | None = None
    creator: tuple[str, ...] = ()
    citation: Reference | None = None
    article: Reference | None = None
    reference_url: Web | None = None
    rights: str | None = None
    rights_uri: Web | None = None
    resource_version: str | None = None
    publication_date: Day | None = None
    last_update_date: Day | None = None
    links: tuple[LinkNotes, ...] = ()

    @field_validator("creator", mode="before")
    @classmethod
    def as_names(cls, value: object) -> object:
        """Take one name as well as a list of names."""
        return (value,) if isinstance(value, str) else value

    @field_validator("resource_version", "publication_date", "last_update_date", mode="before")
    @classmethod
    def as_text(cls, value: object) -> object:
        """Take what YAML reads as a number or a date."""
        if isinstance(value, bool):
            return value
        return str(value) if isinstance(value, int | float | date) else value


def provenance_of(*notes: ProvenanceNotes | None) -> Provenance | None:
    """Return the provenance that several notes make together, the last one winning; None when nothing is said."""
    said: dict[str, object] = {}
    for one in notes:
        if one is not None:
            said |= {name: getattr(one, name) for name in one.model_fields_set if getattr(one, name) not in (None, ())}
    if not said:
        return None
    links = tuple(Link(one.href, one.title, one.role, one.type) for one in said.pop("links", ()))  # type: ignore[attr-defined]
    return Provenance(**said, links=links)  # type: ignore[arg-type]


TEMPLATE: Final = """\
# Say where the data come from: every answer tells it, so that it can be cited. Fill in what there is, remove the rest
# and the marks, and put it under `vo:` of the table, or of the schema for all its tables.
#   provenance:
#     creator: ["Surname, I.", "Another, A."]
#     citation: 10.5281/zenodo.1234567      # DOI, bibcode or URL of the data
#     article: 2026A&A...700A...1S          # DOI or bibcode of the paper
#     reference_url: https://survey.example.org/dr1
#     rights: CC BY 4.0
#     rights_uri: https://creativecommons.org/licenses/by/4.0/
#     resource_version: DR1
#     publication_date: 2026-03-31
#     data_ivoid: ivo://example.org/survey/dr1
#     links: [{href: https://survey.example.org/readme, title: Description of the columns, role: doc}]
"""
"""What a draft says of provenance, which no file can know."""
