"""What belongs to a row: links to it and from it, and services that take a value of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["CORE_SEMANTICS", "DATALINK_ID", "Link", "RowLink", "ServiceDescriptor", "placeholders"]

DATALINK_ID: Final = "ivo://ivoa.net/std/DataLink#links-1.1"
"""Standard identifier of a links endpoint (DataLink 1.1, section 2.2)."""

CORE_SEMANTICS: Final = frozenset(
    {
        "#this", "#progenitor", "#derivation", "#documentation", "#auxiliary", "#counterpart", "#calibration", "#bias",
        "#dark", "#flat", "#error", "#weight", "#noise", "#coderived", "#package", "#preview", "#preview-image",
        "#preview-plot", "#thumbnail", "#proc", "#cutout", "#detached-header",
    }
)  # fmt: skip
"""Terms of the IVOA vocabulary *datalink/core* that say what a link leads to."""

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class RowLink:
    """A link that every row of a table has, with values of the row in its address."""

    template: str
    """URL in which ``{column}`` stands for the value of a published column, percent-encoded."""
    semantics: str
    """A term of :data:`CORE_SEMANTICS`, or the URI of a term of another vocabulary."""
    description: str | None = None
    content_type: str | None = None
    """Media type of what is found there."""


def placeholders(template: str) -> tuple[str, ...]:
    """Return the names of the columns in a template, each once, in order."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(template)))


@dataclass(frozen=True)
class Link:
    """A row of a links table (DataLink 1.1, section 3.2): exactly one of URL and error is there."""

    id: str
    semantics: str
    access_url: str | None = None
    error_message: str | None = None
    """Begins with the name of the fault."""
    description: str | None = None
    content_type: str | None = None


@dataclass(frozen=True)
class ServiceDescriptor:
    """A service that can be called with the value of a column of an answer (DataLink 1.1, section 4)."""

    access_url: str
    column: str
    """Column of the answer whose values the parameter takes."""
    parameter: str = "ID"
    standard_id: str = DATALINK_ID
    content_type: str = "application/x-votable+xml;content=datalink"
    description: str | None = None
