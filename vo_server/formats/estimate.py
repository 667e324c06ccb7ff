"""Estimates as documents: JSON, plain text, and a table of the steps for all other formats."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import Note, QueryResult, arrow_schema
from vo_server.model.table import Column
from vo_server.model.truncation import Limit

if TYPE_CHECKING:
    from vo_server.model.estimate import Estimate
    from vo_server.model.plan import Step

__all__ = ["as_json", "as_result", "as_text", "facts", "facts_in_words"]

_TEXT: Final = DataType(Primitive.CHAR, "*")
_NUMBER: Final = DataType(Primitive.LONG)
_COLUMNS: Final = (
    Column("step", _NUMBER, description="Number of the step, in the order in which they are done"),
    Column("inputs", _TEXT, description="Steps whose rows it works on"),
    Column("action", _TEXT, description="read, join, group, sort or combine"),
    Column("table_name", _TEXT, description="Table that is read"),
    Column("release", _TEXT, description="Release of the table"),
    Column("access", _TEXT, description="How rows of the table are found"),
    Column("index_columns", _TEXT, description="Columns of the index by values that is used"),
    Column("method", _TEXT, description="How rows are joined"),
    Column("rows_read", _NUMBER, description="Rows of the table that are looked at"),
    Column("rows", _NUMBER, description="Rows that the step gives"),
    Column("words", _TEXT, description="The step in words"),
)


def as_json(estimate: Estimate) -> bytes:
    """Write an estimate as one JSON object."""
    document = {
        "query": estimate.query.adql,
        **facts(estimate),
        "words": list(estimate.words),
        "limits": [
            {**_limit(one.limit), "owner": str(one.limit.kind.owner), "would_cut": one.would_cut}
            for one in estimate.outlooks
        ],
        "steps": _steps(estimate),
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def as_text(estimate: Estimate) -> bytes:
    """Write an estimate for people."""
    return "".join(f"{line}\n" for line in estimate.words).encode()


def as_result(estimate: Estimate) -> QueryResult:
    """Return an estimate as a table of the steps, with the rest as notes, for any writer of results."""
    import pyarrow as pa  # noqa: PLC0415 - late: a query can be checked without it

    schema = arrow_schema(_COLUMNS)
    rows = [_flat(one) for one in _steps(estimate)]
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    told = [Note("QUERY", estimate.query.adql)]
    told += [Note(name, value) for name, value in facts_in_words(estimate).items()]
    told += [Note("words", line) for line in estimate.words]
    return QueryResult(
        columns=_COLUMNS,
        batches=iter((batch,)),
        maxrec=len(rows),
        notes=tuple(told),
        query=estimate.query,
    )


def facts(estimate: Estimate) -> dict[str, Any]:
    """Return what is told of a query as a whole, as names and values; what there is no saying of is None."""
    plan, cut_by = estimate.plan, estimate.cut_by
    return {
        "rows": estimate.rows,
        "rows_basis": str(plan.basis),
        "row_bytes": round(plan.row_bytes),
        "bytes": estimate.size_bytes,
        "rows_read": _whole(plan.rows_read),
        "uses_index": plan.uses_index,
        "cut_by": None if cut_by is None else _limit(cut_by),
    }


def facts_in_words(estimate: Estimate) -> dict[str, str]:
    """Return what is known of a query as a whole, as names and texts."""
    return {name: _plain(value) for name, value in facts(estimate).items() if value is not None}


def _steps(estimate: Estimate) -> list[dict[str, Any]]:
    steps = estimate.plan.steps
    numbers = {id(step): number for number, step in enumerate(steps, start=1)}
    return [
        {
            "step": numbers[id(step)],
            "inputs": [numbers[id(one)] for one in step.inputs],
            "action": str(step.action),
            **_read(step),
            "method": None if step.method is None else str(step.method),
            "rows_read": _whole(step.rows_read),
            "rows": _whole(step.rows),
            "words": words,
        }
        for step, words in zip(steps, estimate.plan.words, strict=True)
    ]


def _read(step: Step) -> dict[str, Any]:
    return {
        "table_name": None if step.table is None else step.table.full_name,
        "release": None if step.table is None else step.table.release,
        "access": None if step.access is None else str(step.access),
        "index_columns": list(step.columns),
    }


def _flat(step: dict[str, Any]) -> dict[str, Any]:
    """Return a step with its lists as text."""
    lists = {name: " ".join(map(str, value)) or None for name, value in step.items() if isinstance(value, list)}
    return {**step, **lists}


def _limit(limit: Limit) -> dict[str, Any]:
    return {"limit": str(limit.kind), "value": limit.value, "unit": limit.kind.unit}


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return str(value["limit"])
    return str(value).lower() if isinstance(value, bool) else str(value)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
