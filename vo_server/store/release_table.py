"""``tap_schema.releases``: the releases of all tables, and how queries name each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vo_server.adql.words import RESERVED
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column, Key, Table, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vo_server.model.released import Releases

__all__ = ["RELEASES", "release_rows"]

_NAME: Final = DataType(Primitive.CHAR, "*")
_WORDS: Final = DataType(Primitive.UNICODE_CHAR, "*")
_LONG: Final = DataType(Primitive.LONG)


def _column(name: str, datatype: DataType, description: str, *, required: bool = False) -> Column:
    return Column(name, datatype, description=description, is_nullable=not required, is_principal=required)


RELEASES: Final = Table(
    "tap_schema",
    "releases",
    (
        _column("table_name", _NAME, "Full name of the table; it means its current release", required=True),
        _column("release_name", _NAME, "Version of the release", required=True),
        _column("pinned_name", _NAME, "Name that means this release in queries, whichever is current", required=True),
        _column("alias", _NAME, "Table under which the release is listed as well; several are joined by commas"),
        _column("is_current", DataType(Primitive.INT), "1 for the release that the table means now", required=True),
        _column(
            "created",
            DataType(Primitive.CHAR, "*", "timestamp"),
            "When the release was published, in UTC",
            required=True,
        ),
        _column("n_rows", _LONG, "Rows of the release; NULL where they are not counted"),
        _column("compared_with", _NAME, "Release that was current before, which the changes are counted from"),
        _column("rows_added", _LONG, "Rows whose key that release had not"),
        _column("rows_removed", _LONG, "Rows of that release whose key is gone"),
        _column("rows_changed", _LONG, "Rows of both with another value in some column"),
        _column("rows_reclassified", _LONG, "Rows of both with another class; NULL without a column of classes"),
        _column("changes", _WORDS, "The changes in words, or why they were not counted"),
        _column("checksum", _NAME, "Checksum of all rows, whatever their order: equal for equal content"),
        _column("code_version", _NAME, "Version of the software that made the release"),
    ),
    description="Releases of the tables. The name of a table means its current release; pinned_name means one for good",
    primary_key=("table_name", "release_name"),
    keys=(Key("table_fk", "tap_schema.tables", (("table_name", "table_name"),)),),
)
"""Description of the table; its rows are made with :func:`release_rows`."""


def release_rows(releases: Releases, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rows of ``tap_schema.releases``.

    Parameters
    ----------
    releases
        What the caller may see.
    names
        Names as queries write them of the tables that are listed, by full name.
    """
    rows = []
    wanted = (one for one in releases if one.full_name in names)
    for one in sorted(wanted, key=lambda entry: (entry.full_name, -entry.number)):
        changes = one.changes
        schema = quoted(one.schema, RESERVED)
        rows.append(
            {
                "table_name": names[one.full_name],
                "release_name": one.version,
                "pinned_name": f"{schema}.{quoted(one.pinned_name)}",
                "alias": ", ".join(f"{schema}.{quoted(alias, RESERVED)}" for alias in one.aliases) or None,
                "is_current": int(one.is_current),
                "created": one.created.replace(tzinfo=None),
                "n_rows": one.n_rows,
                "compared_with": None if changes is None else changes.since,
                "rows_added": None if changes is None else changes.n_added,
                "rows_removed": None if changes is None else changes.n_removed,
                "rows_changed": None if changes is None else changes.n_changed,
                "rows_reclassified": None if changes is None else changes.n_reclassified,
                "changes": None if changes is None else changes.words,
                "checksum": one.checksum,
                "code_version": one.code_version or None,
            }
        )
    return rows
