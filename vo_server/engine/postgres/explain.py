"""What a query would cost: PostgreSQL's plan, and what its statistics say of the rows."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from vo_server.engine.outlook import is_one_row, within_own_limits
from vo_server.engine.postgres.place import relation_of
from vo_server.engine.postgres.plan import PlanReader, width_of
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.plan import Basis, Plan
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.model.table import Table

__all__ = ["EXPLAIN", "PLAN_COLUMNS", "plan_of"]

EXPLAIN: Final = "EXPLAIN (FORMAT JSON, VERBOSE) "
"""Verbose, as only then the schemas of the relations are told."""

PLAN_COLUMNS: Final = (Column("plan", DataType(Primitive.CHAR, "*")),)
"""What EXPLAIN answers with."""

_RELATION: Final = re.compile(r'"((?:[^"]|"")+)"\."((?:[^"]|"")+)"')


def plan_of(query: ResolvedQuery, told: str, *, inline: Mapping[str, str]) -> Plan:
    """Return the plan that EXPLAIN tells of a query.

    Parameters
    ----------
    query
        The query.
    told
        The answer, in JSON.
    inline
        Names of the tables that came with the query, by their full names.
    """
    (document,) = json.loads(told)
    tree = document["Plan"]
    reader = PlanReader({_place(table, inline): table for table in query.tables})
    root, n_rows = reader.read(tree)
    if is_one_row(query):
        return Plan(root, within_own_limits(query, 1.0), Basis.EXACT, width_of(tree))
    return Plan(root, within_own_limits(query, n_rows), reader.basis, width_of(tree))


def _place(table: Table, inline: Mapping[str, str]) -> tuple[str, str]:
    """Return database schema and name of a table's rows, as plans tell them."""
    if table.location is None:
        return "", inline[table.full_name]
    found = _RELATION.fullmatch(relation_of(table.location))
    assert found is not None
    schema, name = (part.replace('""', '"') for part in found.groups())
    return schema, name
