"""The checksum of a release: equal for equal rows, whatever order they are stored in."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from vo_server.engine.base import Engine
    from vo_server.engine.question import SqlForm
    from vo_server.model.table import Table

__all__ = ["checksum"]

_DIGITS: Final = 32
"""Hexadecimal digits of a checksum."""

_MODULUS: Final = 2**64


def checksum(engine: Engine, table: Table, *, timeout_s: float) -> str:
    """Return the checksum of the visible columns of a release: names, types and rows.

    The rows are hashed in the database, in one pass and constant memory, and the hashes are added up, so that the order
    does not count but every copy of a row does.

    Parameters
    ----------
    engine
        Where the rows are.
    table
        The release.
    timeout_s
        Longest time that it may take [s].

    Returns
    -------
    str
        ``engine:`` and 32 hexadecimal digits. Values of different engines cannot be compared: each has its own hash.

    Raises
    ------
    EngineError, LimitError
        If the database cannot answer.
    """
    n_rows, total = 0, 0
    with closing(engine.ask(_Sum(table), timeout_s=timeout_s)) as answer:
        for batch in answer:
            for row in batch.to_pylist():
                n_rows, total = row["n_rows"], int(row["total"] or 0) % _MODULUS
    columns = [
        [column.name, column.datatype.primitive.value, column.datatype.arraysize, column.datatype.xtype]
        for column in table.visible_columns
    ]
    told = json.dumps([columns, n_rows, total], ensure_ascii=False)
    return f"{engine.name}:{hashlib.sha256(told.encode()).hexdigest()[:_DIGITS]}"


@dataclass(frozen=True)
class _Sum:
    """How many rows a release has, and the sum of their hashes as a text: it has more than 64 bits."""

    table: Table

    columns = (
        Column("n_rows", DataType(Primitive.LONG)),
        Column("total", DataType(Primitive.CHAR, "*")),
    )

    @property
    def tables(self) -> tuple[Table, ...]:
        return (self.table,)

    def sql(self, form: SqlForm) -> str:
        hashed = form.hash_of([(form.name(one.name, self.table), one) for one in self.table.visible_columns])
        return (
            f"SELECT COUNT(*) AS n_rows, CAST(SUM(CAST({hashed} AS {form.sum})) AS {form.text}) AS total"
            f" FROM {form.relation(self.table)}"
        )
