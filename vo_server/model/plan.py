"""How a query will be answered: the steps of an engine's plan, whichever engine, and what they come to in words.

The one place where a plan is put into words; the web, jobs and the command line all tell what is said here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.model.table import Table

__all__ = ["Access", "Action", "Basis", "Method", "Plan", "Step", "approximately"]


class Action(StrEnum):
    """What a step does; the values are told to clients and stay as they are."""

    READ = "read"
    JOIN = "join"
    GROUP = "group"
    SORT = "sort"
    COMBINE = "combine"
    """UNION, EXCEPT or INTERSECT."""


class Access(StrEnum):
    """How the rows of a table are found; the values are told to clients and stay as they are."""

    SCAN = "scan"
    """All rows are looked at."""
    POSITION = "position-index"
    """By where they are on the sky: cells, Q3C or pgSphere."""
    INDEX = "index"
    """By values of columns."""
    ORDER = "index-order"
    """All rows, in the order that an index has them in, so that a query that wants the first ones can stop early."""
    GIVEN = "given"
    """They come with the query: TAP_SCHEMA, an upload, or what an earlier step has kept."""


class Method(StrEnum):
    """How rows are joined; the values are told to clients and stay as they are."""

    HASH = "hash"
    MERGE = "merge"
    """Both sides sorted by what has to agree."""
    CELLS = "cells"
    """By hashing small cells of the sky, each with its neighbours."""
    LOOKUP = "lookup"
    """For each row of one side the others are looked up in an index."""
    PAIRS = "pairs"
    """Every row with every row."""


class Basis(StrEnum):
    """What the estimated number of rows rests on, the best first; the values are told to clients."""

    EXACT = "exact"
    """The catalogue or the form of the query tells."""
    SAMPLE = "sample"
    """The query was tried on a part of the rows."""
    STATISTICS = "statistics"
    """What the database has noted about the distribution of values."""
    GUESS = "guess"
    """Nothing is known about the condition; databases then assume a fixed fraction."""


@dataclass(frozen=True)
class Step:
    """One step, done with the rows of those in :attr:`inputs`; numbers of rows are estimates."""

    action: Action
    rows: float | None = None
    """Rows that the step gives; None when there is no saying."""
    inputs: tuple[Step, ...] = ()
    before: tuple[Step, ...] = ()
    """Steps whose rows are kept for later, e.g. those of a common table expression."""
    table: Table | None = None
    """What a READ reads; None for what is no published table."""
    access: Access | None = None
    """Of a READ."""
    rows_read: float | None = None
    """Rows of the table that a READ looks at, in all repetitions."""
    repeats: float = 1.0
    """How often a READ is done, once for each row of another step."""
    columns: tuple[str, ...] = ()
    """Columns of the index that a READ uses, where it is not that of the position."""
    method: Method | None = None
    """Of a JOIN."""
    keeps: int | None = None
    """Of a SORT that needs to remember so many of the first rows only."""

    def steps(self) -> Iterator[Step]:
        """Yield the steps in the order in which they are done, this one last."""
        stack: list[tuple[Step, bool]] = [(self, False)]
        while stack:
            step, is_ready = stack.pop()
            if is_ready:
                yield step
            else:
                stack.append((step, True))
                stack.extend((one, False) for one in reversed((*step.before, *step.inputs)))


@dataclass(frozen=True)
class Plan:
    """How an engine will answer a query, and how much that is likely to give."""

    root: Step | None
    """The last step; None for a query that reads nothing."""
    rows: float | None
    """Rows of the whole answer, before any limit but the query's own; None when there is no saying."""
    basis: Basis
    row_bytes: float
    """Mean size of a row of the answer, as Arrow has it in memory [bytes]."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps in the order in which they are done."""
        return () if self.root is None else tuple(self.root.steps())

    @property
    def uses_index(self) -> bool:
        """Whether an index saves reading all rows of some table."""
        if self.root is not None and self.root.access is Access.ORDER:
            return True
        return any(step.access in {Access.POSITION, Access.INDEX} for step in self.steps)

    @property
    def rows_read(self) -> float | None:
        """Rows of tables that are looked at together; None when that of one is not known."""
        known = [step.rows_read for step in self.steps if step.action is Action.READ and step.table is not None]
        return None if None in known else float(sum(one for one in known if one is not None))

    @property
    def words(self) -> tuple[str, ...]:
        """A sentence for each step, in their order; they call each other by their numbers, from 1."""
        numbers: dict[int, int] = {}
        told = []
        for number, step in enumerate(self.steps, start=1):
            numbers[id(step)] = number
            told.append(_sentence(step, [numbers[id(one)] for one in step.inputs]))
        return tuple(told)


def approximately(rows: float | None) -> str:
    """Write an estimated number of rows: two digits of it, more would pretend to know."""
    if rows is None:
        return "an unknown number of rows"
    whole = round(rows)
    if whole > 99:  # noqa: PLR2004 - two digits
        whole = int(float(f"{rows:.1e}"))
    return f"about {_grouped(whole)} {'row' if whole == 1 else 'rows'}"


def _grouped(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")


def _sentence(step: Step, inputs: list[int]) -> str:
    after = {
        Action.READ: _read,
        Action.JOIN: _join,
        Action.GROUP: _group,
        Action.SORT: _sort,
        Action.COMBINE: _combine,
    }[step.action](step, _listed(inputs))
    return f"{after}: {approximately(step.rows)}" if step.action is not Action.SORT else after


def _listed(numbers: list[int]) -> str:
    if not numbers:
        return "nothing"
    texts = [str(number) for number in numbers]
    noun = "step" if len(texts) == 1 else "steps"
    return f"{noun} {' and '.join([', '.join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]}"


def _read(step: Step, _: str) -> str:
    if step.table is None:
        return "take the rows that come with the query or were made before"
    release = "" if step.table.release is None else f" (release {step.table.release})"
    name = f"{step.table.full_name}{release}"
    n_rows = "" if step.table.n_rows is None else f" {_grouped(step.table.n_rows)}"
    looked_at = "" if step.rows_read is None else f", looking at {approximately(step.rows_read)}"
    each = "" if step.repeats <= 1 else f", {_grouped(step.repeats)} times"
    columns = f" of {', '.join(step.columns)}" if step.columns else ""
    match step.access:
        case Access.POSITION:
            return f"find rows of {name} by the index of their positions{each}{looked_at}"
        case Access.INDEX:
            return f"find rows of {name} by an index{columns}{each}{looked_at}"
        case Access.ORDER:
            return f"read {name} in the order of an index{columns}{each}, as far as needed"
        case Access.GIVEN:
            return f"take the rows of {name}, which come with the query"
        case _:
            return f"read all{n_rows} rows of {name}{each}"


def _join(step: Step, inputs: str) -> str:
    how = {
        Method.HASH: "by hashing what has to agree",
        Method.MERGE: "by going through both in the same order",
        Method.CELLS: "by neighbouring cells of the sky, which are hashed",
        Method.LOOKUP: "by looking up each row of the one in the index of the other",
        Method.PAIRS: "by comparing every row with every row",
        None: "",
    }[step.method]
    return f"join {inputs} {how}".rstrip()


def _group(step: Step, inputs: str) -> str:
    return f"make one row of all rows of {inputs}" if step.rows == 1 else f"group the rows of {inputs}"


def _sort(step: Step, inputs: str) -> str:
    if step.keeps is not None:
        return f"keep the first {_grouped(step.keeps)} of {inputs} in the order asked for"
    return f"sort the rows of {inputs}"


def _combine(_: Step, inputs: str) -> str:
    return f"combine the rows of {inputs}"
