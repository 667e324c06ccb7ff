"""The rows of TAP_SCHEMA, made of what a caller sees of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa

from vo_server.adql.words import RESERVED
from vo_server.model.query import arrow_schema
from vo_server.model.table import quoted
from vo_server.store.release_table import release_rows
from vo_server.store.tap_schema import TAP_SCHEMA, UPLOAD_SCHEMA, published_name
from vo_server.store.tap_statistics import more_of_column, more_of_table, statistics_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vo_server.model.datatype import DataType
    from vo_server.model.statistics import ColumnStatistics, TableStatistics
    from vo_server.model.table import Catalogue, Column, Key, Table

__all__ = ["TapSchemaRows"]

_SIGN_BIT: Final = 63
_ONE_DIMENSION: Final = re.compile(r"([0-9]+)\*?")

ReadStatistics: TypeAlias = "Callable[[Iterable[str]], Mapping[str, TableStatistics]]"
"""Returns the statistics of releases by their locations."""


def _nothing_known(_locations: Iterable[str]) -> Mapping[str, TableStatistics]:
    return {}


class TapSchemaRows(Mapping[str, pa.Table]):
    """Rows of the tables of TAP_SCHEMA by their full names, each made when it is first asked for.

    Parameters
    ----------
    catalogue
        What is published, TAP_SCHEMA itself included; uploads in it are not listed.
    statistics
        Returns what is known of releases, by their locations; asked when rows that tell of it are made.
    """

    def __init__(self, catalogue: Catalogue, *, statistics: ReadStatistics = _nothing_known) -> None:
        self.schemas = tuple(schema for schema in catalogue.schemas if schema.name.lower() != UPLOAD_SCHEMA)
        self._releases = catalogue.releases
        self._made: dict[str, pa.Table] = {}
        self._read_statistics = statistics

    @cached_property
    def _tables(self) -> tuple[Table, ...]:
        return tuple(table for schema in self.schemas for table in schema.tables)

    @cached_property
    def _names(self) -> dict[str, str]:
        return {table.full_name: published_name(table) for table in self._tables}

    @cached_property
    def _statistics(self) -> Mapping[str, TableStatistics]:
        """What is known of tables, by their locations; a pinned release may be the one of another table, too."""
        return self._read_statistics({table.location for table in self._tables if table.location is not None})

    def __getitem__(self, full_name: str) -> pa.Table:
        if full_name not in self._made:
            table = _BY_NAME[full_name]
            rows = _ROWS[table.name](self)
            self._made[full_name] = pa.Table.from_pylist(rows, schema=arrow_schema(table.columns))
        return self._made[full_name]

    def __iter__(self) -> Iterator[str]:
        return iter(_BY_NAME)

    def __len__(self) -> int:
        return len(_BY_NAME)

    def schema_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.schemas``."""
        return [
            {
                "schema_name": quoted(schema.name, RESERVED),
                "utype": schema.utype,
                "description": schema.description,
                "schema_index": index,
            }
            for index, schema in enumerate(self.schemas, 1)
        ]

    def table_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.tables``."""
        return [
            {
                "schema_name": quoted(table.schema, RESERVED),
                "table_name": self._names[table.full_name],
                "table_type": table.kind,
                "utype": table.utype,
                "description": table.description,
                "table_index": index,
                **more_of_table(table, self._statistics.get(table.location or "")),
            }
            for index, table in enumerate(self._tables, 1)
        ]

    def column_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.columns``."""
        return [
            {
                "table_name": self._names[table.full_name],
                "column_name": quoted(column.name, RESERVED),
                "datatype": column.datatype.primitive.value,
                "arraysize": column.datatype.arraysize,
                "xtype": column.datatype.xtype,
                "size": _size(column.datatype),
                "description": column.full_description,
                "utype": column.utype,
                "unit": column.unit,
                "ucd": column.ucd,
                "indexed": int(column.is_indexed),
                "principal": int(column.is_principal),
                "std": int(column.is_std),
                "column_index": index,
                **more_of_column(known.get(column.name)),
            }
            for table, known in self._with_statistics()
            for index, column in enumerate(table.visible_columns, 1)
        ]

    def key_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.keys``."""
        return [
            {
                "key_id": _key_id(table, key),
                "from_table": self._names[table.full_name],
                "target_table": self._names[key.target],
                "description": key.description,
                "utype": key.utype,
            }
            for table in self._tables
            for key in table.keys
        ]

    def key_column_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.key_columns``."""
        return [
            {
                "key_id": _key_id(table, key),
                "from_column": quoted(here, RESERVED),
                "target_column": quoted(there, RESERVED),
            }
            for table in self._tables
            for key in table.keys
            for here, there in key.columns
        ]

    def flag_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.flags``."""
        return [
            {
                "table_name": self._names[table.full_name],
                "column_name": quoted(column.name, RESERVED),
                "value": value,
                "bit": bit,
                "meaning": meaning,
            }
            for table in self._tables
            for column in table.visible_columns
            for value, bit, meaning in _flags(column)
        ]

    def release_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.releases``; those of users' tables are swept as soon as there is a newer one."""
        return release_rows(
            self._releases, {one.full_name: self._names[one.full_name] for one in self._tables if one.owner is None}
        )

    def statistics_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.statistics``."""
        return [
            {
                "table_name": self._names[table.full_name],
                "column_name": quoted(column.name, RESERVED),
                **statistics_row(known[column.name], self._statistics[table.location or ""]),
            }
            for table, known in self._with_statistics()
            for column in table.visible_columns
            if column.name in known
        ]

    def _with_statistics(self) -> Iterator[tuple[Table, dict[str, ColumnStatistics]]]:
        """Yield each table with the statistics of its columns by their names."""
        for table in self._tables:
            found = self._statistics.get(table.location or "")
            yield table, {} if found is None else {one.name: one for one in found.columns}


_BY_NAME: Final = {table.full_name: table for table in TAP_SCHEMA.tables}

_ROWS: Final[dict[str, Callable[[TapSchemaRows], list[dict[str, Any]]]]] = {
    "schemas": TapSchemaRows.schema_rows,
    "tables": TapSchemaRows.table_rows,
    "columns": TapSchemaRows.column_rows,
    "keys": TapSchemaRows.key_rows,
    "key_columns": TapSchemaRows.key_column_rows,
    "flags": TapSchemaRows.flag_rows,
    "releases": TapSchemaRows.release_rows,
    "statistics": TapSchemaRows.statistics_rows,
}


def _size(datatype: DataType) -> int | None:
    """Return the integer part of a one-dimensional arraysize (TAP 1.1, section 4.3)."""
    match = _ONE_DIMENSION.fullmatch(datatype.arraysize or "")
    return None if match is None else int(match[1])


def _flags(column: Column) -> Iterator[tuple[int, int | None, str]]:
    """Yield the flags of a column: value, bit and meaning."""
    for code, meaning in column.flag_meanings:
        yield code, None, meaning
    for bit, meaning in column.flag_bits:
        # The last bit of 64 is the sign.
        yield (1 << bit if bit < _SIGN_BIT else -(1 << bit)), bit, meaning


def _key_id(table: Table, key: Key) -> str:
    return f"{table.full_name}.{key.name}"
