"""Find the release that ``SCHEMA.TABLE`` or ``SCHEMA.TABLE@RELEASE`` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.errors import MissingError

if TYPE_CHECKING:
    from vo_server.model.release import Release
    from vo_server.store.open import Store

__all__ = ["find_release"]


def find_release(store: Store, words: str) -> Release:
    """Return the named release of a table, or the current one.

    Raises
    ------
    MissingError
        If there is no such table or release.
    """
    name, _, version = words.partition("@")
    found = store.catalogue.releases(name)
    if not found:
        raise MissingError(f"no table {name} is published", hint="`vo-server ingest releases` lists all")
    for release in found:
        if release.is_current if not version else release.version == version:
            return release
    known = ", ".join(release.version for release in found)
    raise MissingError(f"table {name} has no release {version}", hint=f"it has {known}")
