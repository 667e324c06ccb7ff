"""Looks at tables and views that other software made, without changing anything: columns, key, size, indexes.

Whether an index serves positions is not guessed from definitions: the planner is asked for the plan of a condition like
those of queries, which works through views and partitions as well.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.rows import dict_row
from sqlglot import exp

from vo_server.engine.faults import translated
from vo_server.engine.postgres.faults import postgres_fault
from vo_server.engine.postgres.pgsphere import SPHERE_TYPES, is_in, overlaps, point, region
from vo_server.engine.postgres.setup import connect
from vo_server.engine.postgres.types import natural_type, read
from vo_server.engine.sqltree import call, column
from vo_server.engine.stored import StoredColumn, StoredTable
from vo_server.errors import MissingError, UsageError
from vo_server.model.table import PositionIndex, delimited

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.model.table import Position, Table

__all__ = ["Inspector", "open_inspector"]

_RELATION: Final = """
SELECT c.oid, c.relkind, obj_description(c.oid, 'pg_class') AS description,
       has_schema_privilege(n.oid, 'USAGE') AS is_reachable,
       CASE c.relkind
         WHEN 'p' THEN (SELECT sum(greatest(part.reltuples, 0))
                        FROM pg_partition_tree(c.oid) AS tree JOIN pg_class AS part ON part.oid = tree.relid
                        WHERE tree.isleaf)
         WHEN 'v' THEN NULL
         ELSE nullif(c.reltuples, -1)
       END::bigint AS n_rows
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

_COLUMNS: Final = """
WITH RECURSIVE base(root, oid) AS (
  SELECT oid, oid FROM pg_type WHERE typtype <> 'd'
  UNION ALL
  SELECT base.root, t.oid FROM pg_type AS t JOIN base ON t.typtype = 'd' AND t.typbasetype = base.oid
)
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type_name,
       coalesce(element.typname, kind.typname) AS base_type,
       element.oid IS NOT NULL AS is_array,
       coalesce(element.typtype, kind.typtype) = 'e' AS is_enum,
       col_description(a.attrelid, a.attnum) AS description,
       NOT a.attnotnull AS is_nullable,
       has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS is_readable,
       EXISTS (SELECT FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_am AS m ON m.oid = x.relam
               WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indpred IS NULL AND i.indisvalid
                 AND m.amname IN ('btree', 'hash', 'brin')) AS is_indexed
FROM pg_attribute AS a
JOIN base ON base.oid = a.atttypid
JOIN pg_type AS kind ON kind.oid = base.root
LEFT JOIN base AS inner_base ON kind.typcategory = 'A' AND inner_base.oid = kind.typelem
LEFT JOIN pg_type AS element ON element.oid = inner_base.root
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

_PRIMARY_KEY: Final = """
SELECT a.attname AS name
FROM pg_index AS i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = %s AND i.indisprimary AND k.place <= i.indnkeyatts
ORDER BY k.place
"""

_NAMES: Final = """
SELECT n.nspname AS schema, c.relname AS name
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""

_Q3C: Final = "q3c_ang2ipix"
_PROBE: Final = region(point(exp.Literal.number(10), exp.Literal.number(10)), exp.Literal.number("0.01"))
"""A small place in pgSphere's words."""


class Inspector:
    """One connection, in one transaction that can only read.

    Parameters
    ----------
    connection
        In a transaction.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def relation(self, written: str) -> tuple[str, str]:
        """Read ``schema.name`` as SQL does: names without quotes are folded to lower case.

        Raises
        ------
        UsageError
            If it is not the name of a table with its schema.
        """
        try:
            with self._connection.transaction():
                parts = self._all("SELECT parse_ident(%s) AS parts", written)[0]["parts"]
        except psycopg.errors.InvalidParameterValue:
            parts = []
        if len(parts) != 2:  # noqa: PLR2004 - schema and name
            raise UsageError(
                f"{written!r} is not the name of a table of the database; expected PGSCHEMA.PGTABLE",
                hint="names with capitals or other characters need double quotes: 'public.\"Stars\"'",
            )
        return parts[0], parts[1]

    def table(self, relation: tuple[str, str]) -> StoredTable:
        """Return what the database knows of a table or view.

        Raises
        ------
        MissingError
            If there is none.
        UsageError
            If the role may not use its schema.
        """
        schema, name = relation
        found = self._all(_RELATION, schema, name)
        if not found:
            raise self._missing(schema, name)
        facts = found[0]
        if not facts["is_reachable"]:
            role = self._all("SELECT current_user AS name")[0]["name"]
            grant = f"GRANT USAGE ON SCHEMA {delimited(schema)} TO {delimited(role)}"
            raise UsageError(f"the role {role} may not use the schema {schema}", hint=grant)
        columns = tuple(self._column(relation, plain) for plain in self._all(_COLUMNS, facts["oid"]))
        key = tuple(row["name"] for row in self._all(_PRIMARY_KEY, facts["oid"]))
        is_view = facts["relkind"] in {"v", "m"}
        return StoredTable(schema, name, columns, is_view, _line(facts["description"]), key, facts["n_rows"])

    def has_pgsphere(self) -> bool:
        """Tell whether pgSphere's functions can be called by their bare names."""
        asked = "SELECT to_regprocedure('spoint(double precision, double precision)') IS NOT NULL AS is_there"
        return bool(self._all(asked)[0]["is_there"])

    def role(self) -> str:
        """Return the name of the role that looks, which is the one that serves."""
        return str(self._all("SELECT current_user AS name")[0]["name"])

    def position_index(self, relation: tuple[str, str], table: Table, position: Position) -> PositionIndex:
        """Find the index that serves cones around positions.

        Parameters
        ----------
        relation
            The table or view.
        table, position
            What it is to be published as.
        """
        if position.point:
            point_column = table.by_name[position.point]
            is_served = point_column.is_indexed and point_column.stored_as in SPHERE_TYPES
            return PositionIndex.SPOINT if is_served else PositionIndex.NONE
        places = [read(column("t", name), table.by_name[name]) for name in position.columns]
        # The whole condition of a cone costs more than some other indexes of a small table.
        cell = exp.EQ(this=call(_Q3C, *places), expression=exp.Literal.number(0))
        if self._is_served(relation, cell, _Q3C):
            return PositionIndex.OWN
        near = is_in(point(*places), _PROBE.copy())
        return PositionIndex.SPOINT if self._is_served(relation, near, "<@") else PositionIndex.NONE

    def _column(self, relation: tuple[str, str], plain: dict[str, Any]) -> StoredColumn:
        datatype = natural_type(plain["base_type"], is_array=plain.pop("is_array"), is_enum=plain.pop("is_enum"))
        plain["description"] = _line(plain["description"])
        stored = StoredColumn(datatype=datatype, **plain)
        if stored.base_type not in SPHERE_TYPES or datatype is None:
            return stored
        return replace(stored, is_indexed=self._is_served(relation, *_sphere_probe(stored)))

    def _is_served(self, relation: tuple[str, str], condition: exp.Expr, evidence: str) -> bool:
        """Tell whether a plan for a condition has an index scan with the evidence in its condition."""
        rows = ".".join(delimited(name) for name in relation)
        query = f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {rows} AS t WHERE {condition.sql('postgres')}"
        try:
            with self._connection.transaction():
                self._connection.execute("SET LOCAL enable_seqscan = off")
                (plan,) = self._connection.execute(query.encode()).fetchone() or ({},)
        except psycopg.Error:
            # The functions are not there, or their arguments are of other types.
            return False
        return any(evidence in condition for condition in _index_conditions(plan))

    def _missing(self, schema: str, name: str) -> MissingError:
        from vo_server.adql.suggest import either, near  # noqa: PLC0415 - for the one message only

        known = {f"{row['schema']}.{row['name']}": row for row in self._all(_NAMES)}
        close = [".".join(map(delimited, known[one].values())) for one in near(f"{schema}.{name}", known)]
        wanted = ".".join(map(delimited, (schema, name)))
        return MissingError(
            f"there is no table or view {wanted} in the database",
            hint=f"did you mean {either(close)}?" if close else None,
        )

    def _all(self, query: str, *values: object) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), values or None).fetchall()


@contextmanager
def open_inspector(dsn: str) -> Iterator[Inspector]:
    """Open a connection to look at tables.

    Raises
    ------
    EngineError, ConfigurationError
        If the database cannot be reached, entered or read.
    """
    with connect(dsn) as connection, translated(postgres_fault, doing="look at a table"), connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        yield Inspector(connection)


def _sphere_probe(stored: StoredColumn) -> tuple[exp.Expr, str]:
    """Return a condition that pgSphere's index of a column serves, and what shows that it does."""
    value = column("t", stored.name)
    place = _PROBE.copy()
    return (is_in(value, place), "<@") if stored.base_type == "spoint" else (overlaps(value, place), "&&")


def _line(comment: str | None) -> str | None:
    """Write a comment in one line."""
    return " ".join(comment.split()) or None if comment else None


def _index_conditions(plan: Any) -> Iterator[str]:
    """Yield the conditions of all index scans in a plan."""
    stack = [plan]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            if "Index Cond" in node:
                yield node["Index Cond"]
            stack.extend(value for value in node.values() if isinstance(value, (list, dict)))
