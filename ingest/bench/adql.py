"""How long the language takes: each stage of many queries, against a catalogue with a table of 1 300 columns."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np

from vo_server.adql.front import compile_query, parse
from vo_server.engine.duckdb.sql import generate as duckdb_sql
from vo_server.engine.postgres.sql import generate as postgres_sql
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, Catalogue, Column, Position, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Timing", "measure", "query_lines"]

N_WIDE: Final = 1_300
"""Columns of the wide table: as many as a survey with value-added columns has."""

_DOUBLE: Final = DataType(Primitive.DOUBLE)
_FIXED: Final = (
    Column("id", DataType(Primitive.LONG), ucd="meta.id;meta.main"),
    Column("ra", _DOUBLE, unit="deg", ucd="pos.eq.ra;meta.main"),
    Column("dec", _DOUBLE, unit="deg", ucd="pos.eq.dec;meta.main"),
    Column("name", DataType(Primitive.CHAR, "*")),
    Column("is_star", DataType(Primitive.BOOLEAN)),
    Column("mags", DataType(Primitive.FLOAT, "5"), unit="mag", element_names=tuple("ugriz")),
)


@dataclass(frozen=True)
class Timing:
    """What one stage takes for one query [ms]."""

    stage: str
    median_ms: float
    p99_ms: float
    worst_ms: float


def query_lines(text: str | None = None) -> list[str]:
    """Return the queries of a text, one per line; those of the benchmark when None."""
    if text is None:
        text = (files("ingest.bench") / "queries.adql").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def measure(queries: Sequence[str], *, repeat: int) -> list[Timing]:
    """Run every query ``repeat`` times through all stages, after once to warm up.

    Resolving includes parsing in the program; here the time of parsing is taken off.
    """
    catalogue = _catalogue()
    stages: dict[str, list[float]] = {"parse": [], "resolve": [], "duckdb": [], "postgres": [], "all, duckdb": []}
    for text in queries:
        _run(text, catalogue)
        rows = [_run(text, catalogue) for _ in range(repeat)]
        for row in rows:
            for stage, seconds in zip(stages, (*row, row[0] + row[1] + row[2]), strict=True):
                stages[stage].append(max(seconds, 0.0) * 1000)
    return [
        Timing(stage, float(np.median(found)), float(np.percentile(found, 99)), max(found))
        for stage, found in stages.items()
    ]


def _run(text: str, catalogue: Catalogue) -> tuple[float, float, float, float]:
    """Return the seconds that each stage takes for a query."""
    start = perf_counter()
    parse(text)
    parsed = perf_counter()
    resolved = compile_query(text, catalogue)
    compiled = perf_counter()
    duckdb_sql(resolved, limit=1_000, relation=_relation)
    first = perf_counter()
    postgres_sql(resolved, limit=1_000, relation=_relation)
    second = perf_counter()
    parsing = parsed - start
    return parsing, compiled - parsed - parsing, first - compiled, second - first


def _relation(table: Table) -> str:
    return f'"{table.schema}"."{table.name}"'


def _catalogue() -> Catalogue:
    """Return a catalogue of one wide and 30 ordinary tables."""
    wide = tuple(Column(f"c{i}", _DOUBLE, unit="mag") for i in range(N_WIDE - len(_FIXED)))
    hidden = Column(HEALPIX_COLUMN, DataType(Primitive.LONG), is_hidden=True)
    position = Position("ra", "dec")
    tables = [Table("survey", "wide", (*_FIXED, *wide, hidden), position=position)]
    for i in range(30):
        extra = tuple(Column(f"x{j}", _DOUBLE, unit="Jy") for j in range(20))
        tables.append(Table("survey", f"t{i}", (*_FIXED, *extra, hidden), position=position))
    return Catalogue((Schema("survey", tuple(tables)),))
