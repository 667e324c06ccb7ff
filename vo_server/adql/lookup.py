"""Finding the column that a name means, or saying why there is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vo_server.adql.marks import UNKNOWN
from vo_server.adql.names import matches, shown_name
from vo_server.adql.suggest import MAX_SHOWN, either, enumerate_names
from vo_server.adql.tree import Expression
from vo_server.adql.words import RESERVED
from vo_server.errors import ProblemKind
from vo_server.model.table import delimited, quoted

if TYPE_CHECKING:
    from vo_server.adql.scope import Entry, Relation, Scope
    from vo_server.adql.state import Resolution
    from vo_server.adql.tree import ColumnName, Identifier, Star
    from vo_server.model.table import Column

__all__ = ["find_relations", "resolve_column"]

_PIECES: Final = re.compile(r"[^a-z0-9_]+")


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
            if not matches(node.name, found[0].name):
                _note_alias(state, node, found[0])
            return meaning.column
        if not node.qualifier and level.shape.is_open:
            return UNKNOWN
        if not node.qualifier and (output := _find_output(state, node, level)) is not None:
            return output
    if node.qualifier:
        _report_unknown_qualifier(state, node, node.qualifier, scope)
    else:
        _report_unknown(state, node, scope)
    return UNKNOWN


def find_relations(scope: Scope, qualifier: tuple[Identifier, ...]) -> list[Relation]:
    """Return the relations of one block that a qualifier means."""
    return [relation for relation in scope.shape.relations if relation.is_called(qualifier)]


def _note_alias(state: Resolution, node: ColumnName, entry: Entry) -> None:
    tables = [source.table.full_name for source in entry.origins if source.table is not None]
    state.note(
        f"{_written(node.name)} is another name of {_published(entry.name)} of {tables[0]}",
        node,
        hint=f"write {_published(entry.name)}",
        kind=ProblemKind.NAME,
    )


def _find_output(state: Resolution, node: ColumnName, level: Scope) -> Column | None:
    """Find the output column that a name inside an expression of ORDER BY means."""
    found = next((output for name, output in level.outputs if matches(node.name, name)), None)
    if found is None:
        return None
    state.names[node] = found
    state.note(
        "an output name inside an expression of ORDER BY",
        node,
        hint=f"write {state.source_text(found.value)[:200]} instead of {node.name.name}"
        if isinstance(found.value, Expression)
        else "order by the name alone",
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
        hint=_exact(found) or f"write {distinct[0]}",
    )


def _exact(found: list[Entry]) -> str | None:
    """Return how to choose among columns of one source, whose names differ in case only."""
    sources = {source for entry in found for source in entry.origins}
    if len(sources) > 1:
        return None
    names = dict.fromkeys(delimited(entry.name) for entry in found)
    return f"write {either(list(names))}; in quotes, case matters"


def _report_unknown_in(state: Resolution, node: ColumnName, relation: Relation, level: Scope) -> None:
    if state.is_full:
        return
    known = [entry.name for entry in relation.entries]
    others = [other for other in level.shape.relations if other is not relation]
    hint = _case_hint(node.name, known) or _pieces_hint(node.name, known)
    hint = hint or _elsewhere(state, node.name, known, others) or _listed(relation)
    table = relation.shown
    called = f" ({relation.name})" if table.rpartition(".")[2].lower() != relation.name.lower() else ""
    state.report(ProblemKind.UNKNOWN, f"no column {_written(node.name)} in {table}{called}", node, hint=hint)


def _listed(relation: Relation) -> str | None:
    if not relation.entries:
        return None
    return f"its columns are {enumerate_names(_published(entry.name) for entry in relation.entries)}"


def _report_unknown(state: Resolution, node: ColumnName, scope: Scope) -> None:
    if state.is_full:
        return
    known = [entry.name for level in scope.outward() for entry in level.shape.entries]
    hint = _alias_hint(node.name, scope) or _case_hint(node.name, known) or _pieces_hint(node.name, known)
    hint = hint or _elsewhere(state, node.name, known, [])
    if hint is None and node.name.is_delimited:
        hint = "double quotes are for names; strings are written in single quotes"
    tables = list(dict.fromkeys(relation.shown for relation in scope.shape.relations if relation.shown))
    where = f" in {_either(tables)}" if tables else ""
    state.report(ProblemKind.UNKNOWN, f"no column {_written(node.name)}{where}", node, hint=hint)


def _either(tables: list[str]) -> str:
    return either(tables) if len(tables) <= MAX_SHOWN else enumerate_names(tables)


def _elsewhere(state: Resolution, name: Identifier, known: list[str], others: list[Relation]) -> str | None:
    """Say which columns look like a name here, and where a column of that name is.

    Parameters
    ----------
    known
        Columns that could have been meant.
    others
        Other relations of the query, whose columns need another qualifier.
    """
    here = next((other for other in others if other.index.find(name)), None)
    if here is not None:
        column = here.index.find(name)[0].name
        table = f" ({here.shown})" if here.shown.rpartition(".")[2].lower() != here.name.lower() else ""
        return f"{_published(here.name)}{table} has a column {_published(column)}"
    near = state.guess(name.name, known)
    owners = [
        table for table in state.catalogue.tables if any(matches(name, one.name) for one in table.visible_columns)
    ]
    if owners:
        names = [f"{_published(table.schema)}.{_published(table.name)}" for table in owners]
        there = f"{_written(name)} is a column of {enumerate_names(names)}"
        return there if near is None else f"{near} {there}"
    return near or _near_anywhere(state, name)


def _near_anywhere(state: Resolution, name: Identifier) -> str | None:
    """Find a column of the whole catalogue that looks like a name."""
    owners: dict[str, str] = {}
    for table in state.catalogue.tables:
        for column in table.visible_columns:
            owners.setdefault(column.name, table.full_name)
    found = state.near(name.name, owners)
    return None if found is None else f"did you mean {_published(found)} of {owners[found]}?"


def _written(identifier: Identifier) -> str:
    return shown_name((identifier,))


def _published(name: str) -> str:
    return quoted(name, RESERVED)


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


def _pieces_hint(identifier: Identifier, known: list[str]) -> str | None:
    """Explain a name that is a piece of a published one with signs in it: ``V`` where there is ``V-I``."""
    wanted = identifier.name.lower()
    whole = next((one for one in known if wanted in _PIECES.split(one.lower()) and wanted != one.lower()), None)
    return None if whole is None else f'did you mean "{whole}"? A name with signs or spaces in it needs double quotes'


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
    hint = hint or state.guess(qualifier[-1].name, known)
    if hint is None and known:
        hint = f"the tables of this query are {enumerate_names(dict.fromkeys(known))}"
    state.report(ProblemKind.UNKNOWN, f"unknown table or alias '{shown_name(qualifier)}'", node, hint=hint)


def report_unknown_relation(state: Resolution, star: Star, scope: Scope) -> None:
    """Report a star whose qualifier means no table of its query."""
    _report_unknown_qualifier(state, star, star.qualifier, scope)
