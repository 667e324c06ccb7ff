"""Which footprint ``in_footprint('schema.table', ra, dec)`` asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.adql.kinds import unwrapped
from vo_server.adql.limits import MAX_FOOTPRINT_CELLS, limit_problem
from vo_server.adql.suggest import enumerate_names
from vo_server.adql.tree import StringLiteral
from vo_server.errors import ProblemKind
from vo_server.model.released import AT

if TYPE_CHECKING:
    from vo_server.adql.state import Resolution
    from vo_server.adql.tree import Call
    from vo_server.model.footprints import CellRanges
    from vo_server.model.table import Catalogue, Table

__all__ = ["resolve_footprint"]


def resolve_footprint(state: Resolution, node: Call) -> None:
    """Write down the cells that a call asks for; report a table that is not there or has no footprint."""
    literal = unwrapped(node.arguments[0])
    if not isinstance(literal, StringLiteral) or state.is_open:
        return
    found = _tables(state, literal.value)
    if len(found) > 1:
        names = enumerate_names([table.full_name for table in found])
        state.report(ProblemKind.AMBIGUOUS, f"the table {literal.value} is ambiguous: {names}", literal)
        return
    if not found:
        known = [table.full_name for table in state.catalogue.tables]
        hint = state.guess(literal.value, known, are_names=False) or "the tables are listed in TAP_SCHEMA.tables"
        state.report(ProblemKind.UNKNOWN, f"unknown table '{literal.value}'", literal, hint=hint)
        return
    cells = state.catalogue.footprints.of(found[0])
    if cells is None:
        state.report(
            ProblemKind.UNSUPPORTED,
            f"the footprint of {found[0].full_name} is not known",
            literal,
            hint="tables with positions get one when they are loaded; TAP_SCHEMA.tables tells which have a coverage",
        )
        return
    state.footprints[node] = cells
    _count(state, node, cells)


def _count(state: Resolution, node: Call, cells: CellRanges) -> None:
    """Refuse a query with so many footprints, or so large ones, that its SQL would grow out of bounds."""
    from vo_server.sky.compound import CoverageMap  # noqa: PLC0415 - numpy, which checking queries can do without

    if state.n_footprint_cells > MAX_FOOTPRINT_CELLS:
        return
    state.n_footprint_cells += sum(map(len, CoverageMap(cells).cells_by_order.values()))
    if state.n_footprint_cells > MAX_FOOTPRINT_CELLS:
        hint = "ask once in a subquery, and use its value as often as it is needed"
        state.problems.append(limit_problem("cells of footprints", MAX_FOOTPRINT_CELLS, node.span, hint=hint))


def _tables(state: Resolution, name: str) -> list[Table]:
    """Return the tables that a text may mean: ``schema.table`` or ``table``, also ``schema.table@version``."""
    bare = name.strip()
    unquoted = bare.replace('"', "")
    return _named(state.catalogue, bare) or _named(state.catalogue, unquoted)


def _named(catalogue: Catalogue, name: str) -> list[Table]:
    exact = catalogue.find(name)
    if exact is not None:
        return [exact]
    schema, _, wanted = name.rpartition(".")
    if AT in wanted:
        entries = [one for one in catalogue.releases.named(wanted) if schema.lower() in {"", one.schema.lower()}]
        return [table for one in entries if (table := catalogue.releases.table(one)) is not None]
    named = {table.full_name: table for table in catalogue.tables_by_folded_name.get(wanted.lower(), ())}
    return [table for table in named.values() if schema.lower() in {"", table.schema.lower()}]
