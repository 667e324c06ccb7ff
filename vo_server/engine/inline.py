"""The tables that come with a query, as its SQL calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["inline_names"]


def inline_names(inline: Iterable[str] | None) -> dict[str, str]:
    """Return names without quotes and without meaning for inline tables, by their full names, in the order given.

    The same tables in the same order have the same names, so that the SQL of a query is the same when it comes again.
    """
    return {full_name: f"inline_{number}" for number, full_name in enumerate(inline or ())}
