"""What a new release has that the one before had not: counted in the database once the release is published."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from vo_server.engine.checksum import checksum
from vo_server.engine.compare import ChangeCounts, Pair
from vo_server.errors import UsageError, VoError
from vo_server.load.publish import repeated
from vo_server.load.staged import CHECK_TIMEOUT_S, answer_of
from vo_server.model.changes import Changes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.engine.base import Engine
    from vo_server.model.release import Release
    from vo_server.model.table import Table
    from vo_server.store.open import Store

__all__ = ["changes_between", "changes_of", "current_release", "examined", "pair_of"]

_MAIN_IDENTIFIER = "meta.id;meta.main"

logger = logging.getLogger(__name__)


def current_release(store: Store, full_name: str) -> Release | None:
    """Return the current release of a table; None when there is no such table."""
    return next((one for one in store.catalogue.releases(full_name) if one.is_current), None)


def examined(engine: Engine, store: Store, release: Release, *, former: Release | None) -> tuple[Release, str | None]:
    """Find out the checksum of a release that is published, and its changes, and keep them with it.

    Parameters
    ----------
    engine, store
        Where the rows and the catalogue are.
    release
        The release.
    former
        The one that was current before; None for a first release.

    Returns
    -------
    release, warning
        With what was found out; a failure is a warning in words, for the release is published nevertheless.
    """
    try:
        found = replace(
            release,
            checksum=checksum(engine, release.table, timeout_s=CHECK_TIMEOUT_S),
            changes=None if former is None else changes_between(engine, former.table, release.table),
        )
        store.catalogue.note(release.table.full_name, release.version, checksum=found.checksum, changes=found.changes)
    except VoError as error:
        logger.warning("release %s of %s is not examined", release.version, release.table.full_name, exc_info=True)
        return release, f"the changes since the release before could not be counted: {error.message}"
    return found, None


def changes_between(engine: Engine, old: Table, new: Table) -> Changes:
    """Count what differs between two releases of a table.

    Returns
    -------
    Changes
        With the reason when they cannot be compared.

    Raises
    ------
    EngineError, LimitError
        If the database cannot answer.
    """
    try:
        pair = pair_of(engine, old, new)
    except UsageError as error:
        return Changes(old.release or "", problem=error.message)
    return changes_of(engine, pair)


def changes_of(engine: Engine, pair: Pair) -> Changes:
    """Count what differs between two releases whose rows can be told apart, in one pass over both.

    Raises
    ------
    EngineError, LimitError
        If the database cannot answer.
    """
    answer = answer_of(engine, lambda: engine.ask(ChangeCounts(pair), timeout_s=CHECK_TIMEOUT_S))
    (counts,) = [row for batch in answer for row in batch.to_pylist()]
    here, there = ({column.name for column in one.visible_columns} for one in (pair.new, pair.old))
    return Changes(
        pair.old.release or "",
        pair.key,
        n_added=counts["added"],
        n_removed=counts["removed"],
        n_changed=counts["changed"],
        class_columns=pair.classes,
        n_reclassified=counts["reclassified"] if pair.classes else None,
        new_columns=tuple(one.name for one in pair.new.visible_columns if one.name not in there),
        lost_columns=tuple(one.name for one in pair.old.visible_columns if one.name not in here),
    )


def pair_of(engine: Engine, old: Table, new: Table, *, key: Sequence[str] = ()) -> Pair:
    """Return two releases with the key that tells their rows apart.

    Parameters
    ----------
    engine
        Where the rows are.
    old, new
        The releases.
    key
        Columns to tell the rows apart by; when empty, the primary key of the new release or of the old one, or else the
        column with the UCD of the main identifier.

    Raises
    ------
    UsageError
        If there is no key, one of them lacks a column of it, or it repeats.
    """
    chosen = tuple(key) or _key(old, new)
    if not chosen:
        raise UsageError(
            f"{new.full_name} has no unique key: neither a primary key nor a main identifier",
            hint=f"describe a primary key in the schema file, or a column with the UCD {_MAIN_IDENTIFIER}",
        )
    for table in (old, new):
        missing = [name for name in chosen if name not in {one.name for one in table.visible_columns}]
        if missing:
            raise UsageError(
                f"release {table.release} of {table.full_name} has no column {', '.join(missing)}",
                hint="rows are told apart by columns that both releases have",
            )
        if chosen != table.primary_key and (shown := repeated(engine, table, chosen)) is not None:
            raise UsageError(
                f"the key ({', '.join(chosen)}) repeats in release {table.release} of {table.full_name}: {shown}",
                hint="rows are told apart by columns whose values differ in every row",
            )
    return Pair(old, new, chosen)


def _key(old: Table, new: Table) -> tuple[str, ...]:
    both = {column.name for column in old.visible_columns} & {column.name for column in new.visible_columns}
    for table in (new, old):
        if table.primary_key and both.issuperset(table.primary_key):
            return table.primary_key
    main = [column.name for column in new.visible_columns if column.ucd == _MAIN_IDENTIFIER and column.name in both]
    return tuple(main[:1])
