"""Foreign keys as the catalogue shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from vo_server.model.table import Catalogue, Key, Schema, Table

__all__ = ["with_sound_keys", "without_keys_to"]


def with_sound_keys(schema: Schema, catalogue: Catalogue) -> Schema:
    """Leave out the foreign keys whose target is not published (any more) or not visible."""
    return replace(
        schema,
        tables=tuple(
            replace(table, keys=tuple(key for key in table.keys if _is_sound(key, table, catalogue)))
            for table in schema.tables
        ),
    )


def without_keys_to(hidden: AbstractSet[str], table: Table) -> Table:
    """Leave out the foreign keys to tables that are hidden, given by their full names; the same object without such."""
    keys = tuple(key for key in table.keys if key.target not in hidden)
    return table if len(keys) == len(table.keys) else replace(table, keys=keys)


def _is_sound(key: Key, table: Table, catalogue: Catalogue) -> bool:
    target = catalogue.find(key.target)
    if target is None:
        return False
    here = {column.name for column in table.visible_columns}
    there = {column.name for column in target.visible_columns}
    return all(near in here and far in there for near, far in key.columns)
