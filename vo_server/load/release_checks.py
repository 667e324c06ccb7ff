"""Run the checks of a staged release, and refuse it when one that must hold does not."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from vo_server.errors import IngestError
from vo_server.load.staged import SHOWN, adql_name, ask, from_clause
from vo_server.model.check import Action, Check, CheckKind, CheckResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.engine.base import Engine
    from vo_server.model.statistics import TableStatistics
    from vo_server.model.table import Table

__all__ = ["assess", "count_of", "degrees_check", "require", "warnings_of"]

DEGREES_NAME: Final = "positions_in_degrees"

_FEW_ROWS: Final = 100
"""With fewer rows a small range of values proves nothing."""
_REACH: Final = 0.95
"""Which share of 2 pi the right ascensions must span before they are held to be radians: a field of 6 deg at RA 3 deg
of a survey that ends there is possible, one that ends at 2 pi on one side and at 0 on the other is not."""
_LEAST_DEC_SPAN: Final = 0.5
_N_ENDS: Final = 4
"""A least and a largest value of two coordinates."""
_SHOWN_COLUMNS: Final = 8
_WORD: Final = re.compile(r'"((?:[^"]|"")+)"|([A-Za-z_][A-Za-z0-9_]*)')


def degrees_check() -> Check:
    """Return the check of every table with positions, that they are in degrees."""
    return Check(DEGREES_NAME, CheckKind.DEGREES)


def count_of(check: Check) -> str:
    """Write the value of an ADQL query that counts the rows which break a condition, or, with NULL bad, fulfil it."""
    wanted = check.holds if check.is_null_bad else f"NOT ({check.holds})"
    return f"COUNT(CASE WHEN {wanted} THEN 1 END)"


def assess(
    engine: Engine, table: Table, checks: Sequence[Check], *, statistics: TableStatistics
) -> tuple[CheckResult, ...]:
    """Run checks on a release; all conditions together are one pass over it.

    Parameters
    ----------
    engine
        Where the release is.
    table
        With ``location`` and ``n_rows`` set.
    checks
        What must hold; a result for each, in their order.
    statistics
        Of its rows: what they tell needs no other pass.
    """
    n_rows = table.n_rows or 0
    conditions = [check for check in checks if check.kind is CheckKind.HOLDS]
    n_bad = dict(zip((check.name for check in conditions), _count(engine, table, conditions), strict=True))
    results = []
    for check in checks:
        if check.kind is CheckKind.HOLDS:
            bad = n_bad[check.name]
            text = f"do not fulfil {check.holds}"
            results.append(_result(check, table, bad, text, _first(engine, table, check) if bad else ""))
        elif check.kind is CheckKind.UNIQUE:
            bad = _n_repeated(engine, table, check.columns)
            text = f"repeat ({', '.join(check.columns)}) of another row"
            results.append(_result(check, table, bad, text, _first_repeated(engine, table, check) if bad else ""))
        elif check.kind is CheckKind.N_ROWS:
            results.append(_of_number(check, table, n_rows))
        else:
            results.append(_of_degrees(check, table, statistics))
    return tuple(results)


def require(results: Sequence[CheckResult]) -> None:
    """Refuse a release with checks that failed.

    Raises
    ------
    IngestError
        If one has; the message names all that have, each with the first rows.
    """
    failed = [result.message for result in results if result.verdict is Verdict.FAILED]
    if failed:
        raise IngestError(
            "\n".join(failed),
            hint="nothing was published. Mend the files, or publish them all the same with --checks warn",
        )


def warnings_of(results: Sequence[CheckResult]) -> list[str]:
    """Return what a publisher should hear of checks that did not quite hold."""
    return [result.message for result in results if result.verdict in {Verdict.WARNED, Verdict.TOLERATED}]


def _count(engine: Engine, table: Table, checks: Sequence[Check]) -> list[int]:
    if not checks:
        return []
    counts = ", ".join(f"{count_of(check)} AS n_{place}" for place, check in enumerate(checks))
    (row,) = ask(engine, table, f"SELECT {counts} {from_clause(table)}")
    found = [_int(value) for value in row]
    return [
        (table.n_rows or 0) - count if check.is_null_bad else count for check, count in zip(checks, found, strict=True)
    ]


def _first(engine: Engine, table: Table, check: Check) -> str:
    """Show the first rows that break a condition: what tells them from others, and what the condition names."""
    names = _shown_columns(table, check)
    wanted = f"NOT ({check.holds})"
    if check.is_null_bad:
        wanted = f"CASE WHEN {check.holds} THEN 1 ELSE 0 END = 0"
    columns = ", ".join(adql_name(name) for name in names)
    rows = ask(engine, table, f"SELECT TOP {SHOWN} {columns} {from_clause(table)} WHERE {wanted} ORDER BY {columns}")
    pairs = [zip(names, row, strict=True) for row in rows]
    return "; ".join(", ".join(f"{name} = {_told(value)}" for name, value in row) for row in pairs)


def _shown_columns(table: Table, check: Check) -> list[str]:
    known = {column.name.lower(): column.name for column in table.visible_columns if not column.datatype.is_array}
    words = [quoted.replace('""', '"') or bare for quoted, bare in _WORD.findall(check.holds)]
    named = [known[word.lower()] for word in words if word.lower() in known]
    return list(dict.fromkeys([*check.columns, *named]))[:_SHOWN_COLUMNS] or [table.visible_columns[0].name]


def _n_repeated(engine: Engine, table: Table, columns: Sequence[str]) -> int:
    """Return how many rows must go until no two are the same in some columns."""
    key = ", ".join(adql_name(name) for name in columns)
    groups = f"SELECT COUNT(*) AS n_same {from_clause(table)} GROUP BY {key} HAVING COUNT(*) > 1"
    (row,) = ask(engine, table, f"SELECT SUM(g.n_same - 1) AS n_more FROM ({groups}) AS g")
    return _int(row[0])


def _first_repeated(engine: Engine, table: Table, check: Check) -> str:
    key = ", ".join(adql_name(name) for name in check.columns)
    groups = f"{from_clause(table)} GROUP BY {key} HAVING COUNT(*) > 1"
    rows = ask(engine, table, f"SELECT TOP {SHOWN} {key}, COUNT(*) AS n_same {groups} ORDER BY {key}")
    return "; ".join(
        ", ".join(f"{name} = {_told(value)}" for name, value in zip(check.columns, row, strict=False))
        + f" ({row[-1]} rows)"
        for row in rows
    )


def _of_number(check: Check, table: Table, n_rows: int) -> CheckResult:
    off = abs(n_rows - check.n_rows)
    tolerated = max(check.tolerated_rows, math.floor(check.tolerated_fraction * check.n_rows))
    said = f"{_head(check, table)}: there are {n_rows} rows; a complete release has {check.n_rows}"
    return CheckResult(check.name, _verdict(check, off, tolerated), off, said + _why(check) if off else "")


def _of_degrees(check: Check, table: Table, statistics: TableStatistics) -> CheckResult:
    """Judge positions by their extent: a wide sky in radians lies within 2 pi and pi/2, all around in RA."""
    position = table.position
    if position is None or position.point or (table.n_rows or 0) < _FEW_ROWS:
        return CheckResult(check.name, Verdict.PASSED)
    # Of a hidden column there are no statistics.
    seen = [column for name in (position.ra, position.dec) if (column := statistics.column(name)) is not None]
    extent = [end for column in seen for end in (column.minimum, column.maximum) if end is not None]
    if len(extent) < _N_ENDS:
        return CheckResult(check.name, Verdict.PASSED)
    low_ra, high_ra, low_dec, high_dec = (float(str(end)) for end in extent)
    is_within = low_ra >= 0 and high_ra <= 2 * math.pi and max(abs(low_dec), abs(high_dec)) <= math.pi / 2
    is_wide = high_ra - low_ra >= _REACH * 2 * math.pi and high_dec - low_dec >= _LEAST_DEC_SPAN
    if not (is_within and is_wide):
        return CheckResult(check.name, Verdict.PASSED)
    said = (
        f"{_head(check, table)}: {position.ra} goes from {low_ra:.6g} to {high_ra:.6g} and {position.dec} from "
        f"{low_dec:.6g} to {high_dec:.6g}: these look like radians; degrees are expected"
    )
    return CheckResult(check.name, _verdict(check, table.n_rows or 0, 0), table.n_rows or 0, said)


def _result(check: Check, table: Table, n_bad: int, text: str, shown: str) -> CheckResult:
    n_rows = table.n_rows or 0
    tolerated = max(check.tolerated_rows, math.floor(check.tolerated_fraction * n_rows))
    said = f"{_head(check, table)}: {n_bad} of {n_rows} rows {text}; {tolerated} are tolerated{_why(check)}: {shown}"
    return CheckResult(check.name, _verdict(check, n_bad, tolerated), n_bad, said if n_bad else "")


def _head(check: Check, table: Table) -> str:
    return f"check {check.name} of {table.full_name}"


def _why(check: Check) -> str:
    return f" ({check.description})" if check.description else ""


def _verdict(check: Check, n_bad: int, tolerated: int) -> Verdict:
    if not n_bad:
        return Verdict.PASSED
    if n_bad <= tolerated:
        return Verdict.TOLERATED
    return Verdict.FAILED if check.action is Action.FAIL else Verdict.WARNED


def _int(value: object) -> int:
    return 0 if value is None else int(str(value).partition(".")[0])


def _told(value: object) -> str:
    return "NULL" if value is None else f"{value:.9g}" if isinstance(value, float) else str(value)
