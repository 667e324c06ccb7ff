"""Finding the column that a name means, or saying why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.adql.marks import UNKNOWN
from vo_server.adql.names import matches, shown_name
from vo_server.adql.suggest import did_you_mean, enumerate_names
from vo_server.errors import ProblemKind

if TYPE_CHECKING:
    from vo_server.adql.scope import Entry, Relation, Scope
    from vo_server.adql.state import Resolution
    from vo_server.adql.tree import ColumnName, Identifier, Star
    from vo_server.model.table import Column

__all__ = ["find_relations", "resolve_column"]


def resolve_column(state: Resolution, node: ColumnName, scope: Scope) -> Column:
    """Find the column that a name means and write it down.

    Returns
    -------
    Column
        Its metadata; UNKNOWN when a mistake was reported or the name is taken as given.
    """
    for level in scope.outward():
        found = _find_qualified(state, node, level) if node.qualifier else level.shape.index.find(node.name)
        if found is None:
            return UNKNOWN
        if len(found) > 1:
            _report_ambiguous(state, node, found)
            return UNKNOWN
        if found:
            meaning = found[0].meaning
            state.names[node] = meaning
            return meaning.column
        if not node.qualifier and (output := _find_output(state, node, level)) is not None:
            return output
        if not node.qualifier and level.shape.is_open:
            return UNKNOWN
    if node.qualifier:
        _report_unknown_qualifier(state, node, node.qualifier, scope)
    else:
        _report_unknown(state, node, scope)
    return UNKNOWN


def find_relations(scope: Scope, qualifier: tuple[Identifier, ...]) -> list[Relation]:
    """Return the relations of one block that a qualifier means."""
    return [relation for relation in scope.shape.relations if relation.is_called(qualifier)]


def _find_output(state: Resolution, node: ColumnName, level: Scope) -> Column | None:
    """Find the output column that a name inside an expression of ORDER BY means."""
    found = next((output for name, output in level.outputs if matches(node.name, name)), None)
    if found is None:
        return None
    state.names[node] = found
    state.note(
        "an output name inside an expression of ORDER BY",
        node,
        hint="repeat the expression, or order by the name alone",
    )
    return found.column


def _find_qualified(state: Resolution, node: ColumnName, level: Scope) -> list[Entry] | None:
    """Return the columns of the relation that a qualifier means; empty: look further out; None: settled."""
    relations = find_relations(level, node.qualifier)
    if not relations:
        return []
    found = [entry for relation in relations for entry in relation.index.find(node.name)]
    if not found:
        if not any(relation.is_open for relation in relations):
            _report_unknown_in(state, node, relations[0], level)
        return None
    return found


def _report_ambiguous(state: Resolution, node: ColumnName, found: list[Entry]) -> None:
    candidates: list[str] = []
    for entry in found:
        candidates.extend(f"{source.name}.{entry.name}" for source in entry.origins)
    distinct = list(dict.fromkeys(candidates))
    state.report(
        ProblemKind.AMBIGUOUS,
        f"the column {shown_name(node.parts)} is ambiguous: {enumerate_names(distinct)}",
        node,
        hint=f"write {distinct[0]}" if len(distinct) > 1 else f'write the exact name in quotes: "{found[0].name}"',
    )


def _report_unknown_in(state: Resolution, node: ColumnName, relation: Relation, level: Scope) -> None:
    hint = did_you_mean(node.name.name, [entry.name for entry in relation.entries])
    others = [other for other in level.shape.relations if other is not relation and other.index.find(node.name)]
    if hint is None and others:
        hint = f"{others[0].name} has a column {node.name.name}"
    tables = {source.table.full_name for entry in relation.entries for source in entry.origins if source.table}
    table = f" ({tables.pop()})" if len(tables) == 1 and relation.name not in tables else ""
    state.report(
        ProblemKind.UNKNOWN,
        f"unknown column '{node.name.name}' in {relation.name}{table}",
        node,
        hint=hint or _case_hint(node.name, [entry.name for entry in relation.entries]) or _listed(relation),
    )


def _listed(relation: Relation) -> str | None:
    if not relation.entries:
        return None
    return f"its columns are {enumerate_names(entry.name for entry in relation.entries)}"


def _report_unknown(state: Resolution, node: ColumnName, scope: Scope) -> None:
    name = node.name.name
    known = [entry.name for level in scope.outward() for entry in level.shape.entries]
    hint = _alias_hint(node.name, scope) or _case_hint(node.name, known)
    if hint is None and node.name.is_delimited:
        near = did_you_mean(name, known)
        hint = near or "double quotes are for names; strings are written in single quotes"
    tables = [relation.name for relation in scope.shape.relations]
    where = f" in {enumerate_names(tables)}" if tables else ""
    state.report(ProblemKind.UNKNOWN, f"unknown column '{name}'{where}", node, hint=hint or did_you_mean(name, known))


def _alias_hint(identifier: Identifier, scope: Scope) -> str | None:
    """Explain a name that the select list gives, where there are no output columns yet."""
    for level in scope.outward():
        for alias, text in level.aliases:
            if matches(identifier, alias.name):
                return f"{alias.name} is the name of an output column; repeat {text[:60]} here"
    return None


def _case_hint(identifier: Identifier, known: list[str]) -> str | None:
    """Explain a delimited name that differs from a published one in case only."""
    if not identifier.is_delimited:
        return None
    same = next((one for one in known if one.lower() == identifier.name.lower()), None)
    return None if same is None else f'a name in quotes is compared with its case; write {same} or "{same}"'


def _report_unknown_qualifier(
    state: Resolution, node: ColumnName | Star, qualifier: tuple[Identifier, ...], scope: Scope
) -> None:
    known = [relation.name for level in scope.outward() for relation in level.shape.relations]
    hint = None
    for level in scope.outward():
        for source in (source for entry in level.shape.entries for source in entry.origins):
            if source.table is not None and source.table.name.lower() == qualifier[-1].name.lower():
                hint = f"the table {source.table.full_name} is called {source.name} here"
                break
    hint = hint or did_you_mean(qualifier[-1].name, known)
    if hint is None and known:
        hint = f"the tables of this query are {enumerate_names(dict.fromkeys(known))}"
    state.report(ProblemKind.UNKNOWN, f"unknown table or alias '{shown_name(qualifier)}'", node, hint=hint)


def report_unknown_relation(state: Resolution, star: Star, scope: Scope) -> None:
    """Report a star whose qualifier means no table of its query."""
    _report_unknown_qualifier(state, star, star.qualifier, scope)
