"""Where clients find what is told of one table: its search by place, the links of its rows, its coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from vo_server.store.tap_schema import published_name

if TYPE_CHECKING:
    from vo_server.model.table import Table

__all__ = ["cone_url", "datalink_url", "moc_url"]


def cone_url(root_url: str, table: Table) -> str:
    """Return the address of the cone search of a table."""
    return f"{root_url}/scs/{_name(table)}"


def datalink_url(root_url: str, table: Table) -> str:
    """Return the address of the links of the rows of a table."""
    return f"{root_url}/datalink/{_name(table)}"


def moc_url(root_url: str, table: Table) -> str:
    """Return the address of the coverage of a table."""
    return f"{root_url}/moc/{_name(table)}"


def _name(table: Table) -> str:
    return quote(published_name(table))
