"""Runs random queries on both engines, counts, and makes those that differ smaller."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from tests.differential.compare import difference
from tests.differential.coverage import constructs
from tests.differential.draw import Draw, Usage
from tests.differential.probes import probe
from tests.differential.queries import Queries, Query
from tests.differential.spatial import SkyQueries, SkyQuery
from tests.differential.verdict import verdict
from vo_server.errors import AdqlError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.differential.engines import Pair

__all__ = ["Failure", "Report", "check", "run", "shrunk"]

_MERGING: Final = frozenset({"DISTINCT", "GROUP BY", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"})
_SPATIAL_PERCENT: Final = 35
_PROBES_PERCENT: Final = 10
_REFUSED: Final = "in a subquery of NOT IN"
"""What DuckDB does not answer, and says so: random numbers in what is asked anew for each row outside."""
_MOST_TRIES: Final = 400
"""Queries that are tried to make a failing one smaller."""


@dataclass(frozen=True)
class Failure:
    """A query on which the engines differ."""

    query: Query
    found: str
    choices: tuple[int, ...] = ()

    def told(self, pair: Pair) -> str:
        lines = [self.query.text, f"  {self.found}"]
        lines += [f"  {one.name}: {one.translate(self.query.text)}" for one in pair.both]
        return "\n".join(lines)


@dataclass
class Report:
    """What was run and what came of it."""

    seed: int
    n_queries: int = 0
    n_rows: int = 0
    n_errors: int = 0
    n_refused: int = 0
    n_undetermined: int = 0
    seconds: float = 0.0
    uses: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def lines(self) -> list[str]:
        head = (
            f"seed {self.seed}: {self.n_queries} queries, {self.n_rows} rows compared, {self.n_errors} with the same "
            f"error on both engines, {self.n_refused} refused by DuckDB, "
            f"{self.n_undetermined} rows too near to a boundary to tell, "
            f"{len(self.failures)} differences, {self.seconds:.0f} s"
        )
        return [head, *(f"{count:8d}  {name}" for name, count in sorted(self.uses.items()))]


def drawn(draw: Draw, seed: int) -> Query:
    """Return a query over tables with rows of a seed."""
    kind = draw.below(100)
    if kind >= 100 - _SPATIAL_PERCENT:
        return SkyQueries(draw, seed).any()
    return probe(draw) if kind >= 100 - _SPATIAL_PERCENT - _PROBES_PERCENT else Queries(draw).any()


def check(pair: Pair, query: Query, report: Report) -> str | None:
    """Run a query on both engines; return how the answers differ."""
    try:
        compiled = [one.compile(query.text) for one in pair.both]
    except AdqlError as error:
        return f"does not compile: {error}"
    used = constructs(compiled[0])
    report.uses.update(used)
    report.n_queries += 1
    try:
        answers = [one.answer(made) for one, made in zip(pair.both, compiled, strict=True)]
    except ValueError as error:
        return f"a value does not fit its column: {error}"
    if isinstance(answers[0], str) and _REFUSED in answers[0]:
        report.n_refused += 1
        return None
    if isinstance(answers[0], pa.Table):
        report.n_rows += answers[0].num_rows
    else:
        report.n_errors += 1
    if isinstance(query, SkyQuery) and query.expected is not None:
        report.n_undetermined += len(query.expected.unsure)
        for one, answer in zip(pair.both, answers, strict=True):
            told = f"oracle: {answer}" if isinstance(answer, str) else verdict(answer, query.expected)
            if told is not None:
                return f"{told} on {one.name}"
    return difference(
        answers[0], answers[1], query.columns, is_ordered=query.is_ordered, has_merged_rows=bool(used & _MERGING)
    )


def run(
    pair: Pair, n_queries: int, *, make: Callable[[Draw], Query] | None = None, until_s: float = float("inf")
) -> Report:
    """Run random queries; the same seed gives the same ones."""
    made = make or (lambda draw: drawn(draw, pair.seed))
    report, usage = Report(pair.seed), Usage()
    rng = Random(pair.seed)
    began_s = time.monotonic()
    for _ in range(n_queries):
        draw = Draw(Random(rng.randrange(2**62)), usage)
        query = made(draw)
        found = check(pair, query, report)
        if found is not None:
            report.failures.append(Failure(query, found, tuple(draw.choices)))
        if time.monotonic() - began_s > until_s:
            break
    report.seconds = time.monotonic() - began_s
    return report


def shrunk(pair: Pair, failure: Failure, make: Callable[[Draw], Query] | None = None) -> Failure:
    """Return a smaller query that differs in the same way: from fewer and smaller choices."""
    made = make or (lambda draw: drawn(draw, pair.seed))
    kind = _kind(failure.found)
    best = failure
    tries = 0

    def attempt(choices: Sequence[int]) -> bool:
        nonlocal best, tries
        tries += 1
        draw = Draw(choices)
        query = made(draw)
        if len(query.text) > len(best.query.text) or query.text == best.query.text:
            return False
        found = check(pair, query, Report(pair.seed))
        if found is None or _kind(found) != kind:
            return False
        best = Failure(query, found, tuple(draw.choices))
        return True

    is_better = True
    while is_better and tries < _MOST_TRIES:
        is_better = any([_without_chunks(lambda: best.choices, attempt, lambda: tries < _MOST_TRIES)])
        is_better |= _with_smaller(lambda: best.choices, attempt, lambda: tries < _MOST_TRIES)
    return best


def _kind(found: str) -> str:
    return found.split(":", maxsplit=1)[0] if found[0].isalpha() and not found.startswith("row") else "rows"


def _without_chunks(
    choices: Callable[[], tuple[int, ...]], attempt: Callable[[Sequence[int]], bool], may: Callable[[], bool]
) -> bool:
    is_better = False
    size = max(len(choices()) // 2, 1)
    while size >= 1 and may():
        at = 0
        while at < len(choices()) and may():
            now = choices()
            if attempt((*now[:at], *now[at + size :])):
                is_better = True
            else:
                at += size
        size //= 2
    return is_better


def _with_smaller(
    choices: Callable[[], tuple[int, ...]], attempt: Callable[[Sequence[int]], bool], may: Callable[[], bool]
) -> bool:
    is_better = False
    at = 0
    while at < len(choices()) and may():
        now = choices()
        if now[at]:
            is_better |= attempt((*now[:at], 0, *now[at + 1 :]))
        at += 1
    return is_better
