"""A record of the registry: what is told of a resource to those who look for one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

__all__ = ["Publisher", "RecordState", "authority_of", "table_ivoid"]

_AUTHORITY: Final = re.compile(r"ivo://([A-Za-z0-9][A-Za-z0-9._~-]{2,})(?:/|$)")
_ODD: Final = re.compile(r"[^a-z0-9._~-]")


@dataclass(frozen=True)
class Publisher:
    """Who publishes, and as what; what the records of a service need beside its tables."""

    ivoid: str
    """Identifier of the service, ``ivo://authority/path``."""
    name: str
    contact_email: str
    url: str
    """URL of the service, without a slash at its end."""
    title: str
    description: str
    contact_name: str
    subjects: tuple[str, ...]
    """Terms of the Unified Astronomy Thesaurus, lower-case with hyphens."""

    @property
    def authority(self) -> str:
        """The authority, ``ivo://authority``."""
        return authority_of(self.ivoid)

    @property
    def organisation_ivoid(self) -> str:
        """Identifier of the record of the publisher."""
        return f"{self.authority}/org"

    @property
    def registry_ivoid(self) -> str:
        """Identifier of the record of the publishing registry."""
        return f"{self.authority}/registry"


@dataclass(frozen=True)
class RecordState:
    """When a record was made and when it was changed the last time."""

    created: datetime
    updated: datetime
    is_deleted: bool = False


def authority_of(ivoid: str) -> str:
    """Return the authority of an identifier, ``ivo://authority`` in lower case.

    Raises
    ------
    ValueError
        If it is no IVOA identifier.
    """
    found = _AUTHORITY.match(ivoid)
    if found is None:
        raise ValueError(f"{ivoid!r} is not an IVOA identifier; expected ivo://authority/path")
    return f"ivo://{found[1].lower()}"


def table_ivoid(service_ivoid: str, full_name: str) -> str:
    """Return the identifier of a table: that of its service, and its name in lower case.

    Characters that identifiers cannot have are written as ``=`` and their code in hexadecimal, so that two names never
    get one identifier (Identifiers 2.0, section 2.1: ``=`` may be in one, ``%`` may not).
    """
    name = _ODD.sub(lambda odd: "".join(f"={byte:02x}" for byte in odd[0].encode()), full_name.lower())
    return f"{service_ivoid.lower()}/{name}"
