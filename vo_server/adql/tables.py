"""FROM: which tables are read, and which columns they bring."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vo_server.adql import tree
from vo_server.adql.kinds import unify
from vo_server.adql.marks import UNKNOWN, describe
from vo_server.adql.names import matches, shown_name
from vo_server.adql.resolved import BoundColumn, MergedColumn, Source
from vo_server.adql.scope import Entry, ListedEntries, Relation, Scope, Shape, SourceEntries
from vo_server.adql.suggest import enumerate_names
from vo_server.adql.words import RESERVED
from vo_server.errors import ProblemKind
from vo_server.model.released import AT
from vo_server.model.table import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vo_server.adql.resolved import Derivation
    from vo_server.adql.state import CommonTables, Resolution
    from vo_server.adql.walk import Task
    from vo_server.model.table import Column, Table

    QueryResolver = Callable[[tree.QueryNode, Scope | None, CommonTables], Task[tuple[Column, ...]]]
    ConditionResolver = Callable[[tree.Condition, Scope], Task[None]]

__all__ = ["FromResolver"]


class FromResolver:
    """Resolves one FROM clause.

    Parameters
    ----------
    state
        Where everything is written down.
    outer
        Scope around the query block; subqueries in FROM see this one, not their neighbours.
    common
        Common tables that may be named.
    resolve_query
        Resolves a subquery.
    resolve_condition
        Resolves the condition of a join.
    """

    def __init__(
        self,
        state: Resolution,
        outer: Scope | None,
        common: CommonTables,
        *,
        resolve_query: QueryResolver,
        resolve_condition: ConditionResolver,
    ) -> None:
        self._state = state
        self._outer = outer
        self._common = common
        self._resolve_query = resolve_query
        self._resolve_condition = resolve_condition

    def resolve(self, tables: Sequence[tree.TableReference]) -> Task[Shape]:
        """Return the columns and names that all entries of FROM bring."""
        shape = Shape()
        for table in tables:
            found = yield self._reference(table)
            self._check_names(shape, found, table)
            shape = shape.beside(found)
        return shape

    def _reference(self, node: tree.TableReference) -> Task[Shape]:
        if isinstance(node, tree.TableName):
            return self._table_name(node)
        if isinstance(node, tree.DerivedTable):
            columns = yield self._resolve_query(node.query, self._outer, self._common)
            if node.alias is None:
                self._state.report(
                    ProblemKind.SYNTAX, "a subquery in FROM needs a name", node, hint="write (SELECT ...) AS name"
                )
            name = "" if node.alias is None else node.alias.name
            return self._source(node, name, columns, derivation=node.query)
        assert isinstance(node, tree.Joined)
        shape: Shape = yield self._reference(node.first)
        for join in node.joins:
            shape = yield self._join(shape, join)
        if node.alias is not None:
            shape = Shape(shape.entries, (Relation(node.alias.name, shape.entries, is_open=shape.is_open),))
        return shape

    # ------------------------------------------------------------------------------------------------- tables

    def _table_name(self, node: tree.TableName) -> Shape:
        if len(node.parts) == 1:
            for one in reversed(self._common):
                if matches(node.parts[0], one.definition.name.name):
                    called = (node.alias or node.parts[0]).name
                    return self._source(node, called, one.columns, derivation=one.definition)
        table = self._published(node)
        name = (node.alias or node.parts[-1]).name
        if table is None:
            shape = self._source(node, name, ())
            full_name = () if node.alias is not None else tuple(one.name for one in node.parts)
            return Shape(relations=(replace(shape.relations[0], is_open=True, full_name=full_name),))
        if node.alias is None:
            name = table.name
        return self._source(node, name, table.visible_columns, table=table)

    def _published(self, node: tree.TableName) -> Table | None:
        """Return the published table that a name means; None when it is unknown, which is reported."""
        wanted = node.parts[-1]
        place = _name_only(node)
        candidates = [
            table
            for table in self._state.catalogue.tables_by_folded_name.get(wanted.name.lower(), ())
            if matches(wanted, table.name)
        ]
        if len(node.parts) > 1:
            schema = node.parts[-2]
            candidates = [table for table in candidates if matches(schema, table.schema)]
        if len(node.parts) > 2 and candidates:  # noqa: PLR2004 - catalogue, schema, table
            self._state.report(
                ProblemKind.UNKNOWN, f"unknown catalogue '{node.parts[0].name}'",
                place,
                hint=f"write {candidates[0].full_name}",
            )  # fmt: skip
            return None
        distinct = {table.full_name: table for table in candidates or self._releases(node)}
        if len(distinct) == 1:
            return next(iter(distinct.values()))
        if distinct:
            exact = [table for table in distinct.values() if table.name == wanted.name]
            if wanted.is_delimited and len(exact) == 1:
                return exact[0]
            names = enumerate_names(distinct)
            message = f"the table {shown_name(node.parts)} is ambiguous: {names}"
            self._state.report(ProblemKind.AMBIGUOUS, message, place, hint=f"write {next(iter(distinct))}")
        elif not self._state.is_open and not self._report_unknown_release(node):
            self._report_unknown(node)
        return None

    def _releases(self, node: tree.TableName) -> list[Table]:
        """Return the releases that a name like ``"table@version"`` means."""
        wanted = node.parts[-1]
        if AT not in wanted.name:
            return []
        releases = self._state.catalogue.releases
        entries = [one for one in releases.named(wanted.name) if matches(wanted, one.pinned_name)]
        if len(node.parts) > 1:
            entries = [one for one in entries if matches(node.parts[-2], one.schema)]
        found = [releases.table(one) for one in entries]
        return [one for one in found if one is not None]

    def _report_unknown_release(self, node: tree.TableName) -> bool:
        """Report a release that is not there of a table that is; tell whether it was one."""
        table, at, version = node.parts[-1].name.rpartition(AT)
        entries = self._state.catalogue.releases.of_table(table) if at else ()
        if len(node.parts) > 1:
            entries = tuple(one for one in entries if one.schema.lower() == node.parts[-2].name.lower())
        if not entries:
            return False
        one = entries[0]
        names = [f"{quoted(other.schema, RESERVED)}.{quoted(other.pinned_name)}" for other in entries]
        self._state.report(
            ProblemKind.UNKNOWN,
            f"the table {one.full_name} has no release {version}",
            _name_only(node),
            hint=f"its releases are {enumerate_names(names)}",
        )
        return True

    def _report_unknown(self, node: tree.TableName) -> None:
        catalogue = self._state.catalogue
        full = ".".join(one.name for one in node.parts)
        known = [f"{quoted(table.schema, RESERVED)}.{quoted(table.name, RESERVED)}" for table in catalogue.tables]
        hint = None
        elsewhere = catalogue.tables_by_folded_name.get(node.parts[-1].name.lower(), ())
        if elsewhere:
            hint = f"did you mean {elsewhere[0].full_name}?"
        elif len(node.parts) == 1:
            names = [table.name for table in catalogue.tables] + [one.definition.name.name for one in self._common]
            hint = self._state.guess(full, names)
        hint = hint or self._state.guess(full, known, are_names=False)
        if hint is None:
            hint = "the tables are listed in TAP_SCHEMA.tables"
        self._state.report(
            ProblemKind.UNKNOWN, f"unknown table '{shown_name(node.parts)}'", _name_only(node), hint=hint
        )

    def _source(
        self,
        node: tree.TableReference,
        name: str,
        columns: tuple[Column, ...],
        *,
        table: Table | None = None,
        derivation: Derivation | None = None,
    ) -> Shape:
        source = Source(self._state.new_alias(), name, columns, table=table, derivation=derivation)
        self._state.sources[node] = source
        entries = SourceEntries(source)
        full_name: tuple[str, ...] = ()
        if table is not None and getattr(node, "alias", None) is None:
            full_name = (table.schema, table.name)
        query = derivation.query if isinstance(derivation, tree.CteDefinition) else derivation
        is_open = query is not None and self._state.is_open_query(query)
        return Shape(entries, (Relation(name, entries, full_name, is_open=is_open),))

    def _check_names(self, shape: Shape, more: Shape, node: tree.Node) -> None:
        """Report a name that two entries of FROM have."""
        for relation in more.relations:
            for other in shape.relations:
                same = relation.name and relation.name.lower() == other.name.lower()
                are_told_apart = relation.full_name and other.full_name and relation.full_name != other.full_name
                if same and not are_told_apart:
                    self._state.report(
                        ProblemKind.AMBIGUOUS, f"two tables are called {relation.name}", node,
                        hint="give each its own name with AS",
                    )  # fmt: skip

    # -------------------------------------------------------------------------------------------------- joins

    def _join(self, left: Shape, join: tree.Join) -> Task[Shape]:
        right = yield self._reference(join.right)
        self._check_names(left, right, join.right)
        both = left.beside(right)
        if join.condition is not None:
            yield self._resolve_condition(join.condition, Scope(both, self._outer))
            return both
        if join.is_natural:
            return self._merge(left, right, join, self._common_names(left, right, join))
        if join.using:
            pairs = [pair for name in join.using if (pair := self._pair(left, right, name)) is not None]
            return self._merge(left, right, join, pairs)
        return both

    def _common_names(self, left: Shape, right: Shape, join: tree.Join) -> list[tuple[Entry, Entry]]:
        """Return the columns that both sides of a NATURAL join have."""
        pairs = []
        for entry in left.entries:
            name = tree.Identifier(span=join.span, name=entry.name)
            partners = right.index.find(name)
            if len(partners) == 1 and len(left.index.find(name)) == 1:
                pairs.append((entry, partners[0]))
            elif partners:
                self._state.report(
                    ProblemKind.AMBIGUOUS, f"NATURAL JOIN finds more than one column {entry.name}", join,
                    hint="write JOIN ... ON or JOIN ... USING",
                )  # fmt: skip
                return []
        if not pairs and not (left.is_open or right.is_open):
            self._state.note(
                "NATURAL JOIN without a common column joins every row with every row", join,
                hint="write JOIN ... ON", kind=ProblemKind.AMBIGUOUS,
            )  # fmt: skip
        return pairs

    def _pair(self, left: Shape, right: Shape, name: tree.Identifier) -> tuple[Entry, Entry] | None:
        """Return the two columns that a name of USING means."""
        found = []
        for side, which in ((left, "left"), (right, "right")):
            entries = side.index.find(name)
            if len(entries) == 1:
                found.append(entries[0])
            elif entries:
                self._state.report(
                    ProblemKind.AMBIGUOUS, f"USING: the {which} side has more than one column {name.name}", name
                )
            elif not side.is_open:
                hint = self._state.guess(name.name, [entry.name for entry in side.entries])
                hint = hint or "USING takes columns that both sides have; for others write ON a.x = b.y"
                message = f"USING: the {which} side of the join has no column {shown_name((name,))}"
                self._state.report(ProblemKind.UNKNOWN, message, name, hint=hint)
        return (found[0], found[1]) if len(found) == 2 else None  # noqa: PLR2004 - a pair

    def _merge(self, left: Shape, right: Shape, join: tree.Join, pairs: list[tuple[Entry, Entry]]) -> Shape:
        """Return the shape of a join whose columns of the same name are one (SQL-92, section 7.5)."""
        compared = []
        entries = []
        for one, other in pairs:
            column = self._merged_metadata(one, other, join)
            left_parts, right_parts = _parts(one), _parts(other)
            compared.append(MergedColumn((*left_parts, *right_parts), column))
            # Only a FULL join has rows without a left and rows without a right value; otherwise one side has them all,
            # and a plain column can use an index where COALESCE cannot.
            parts = {
                tree.JoinKind.FULL: (*left_parts, *right_parts),
                tree.JoinKind.RIGHT: right_parts,
            }.get(join.kind, left_parts)
            entries.append(Entry(one.name, _merged(parts, column)))
        self._state.merged[join] = tuple(compared)
        gone = {id(entry) for pair in pairs for entry in pair}
        rest = [entry for entry in (*left.entries, *right.entries) if id(entry) not in gone]
        return Shape(ListedEntries((*entries, *rest)), (*left.relations, *right.relations))

    def _merged_metadata(self, one: Entry, other: Entry, join: tree.Join) -> Column:
        """Return the metadata of two columns in one: those of the left one, with a type that holds both."""
        columns = [one.meaning.column, other.meaning.column]
        both = unify(columns)
        if both is None:
            kinds = " and ".join(describe(column) for column in columns)
            self._state.report(ProblemKind.TYPE, f"the columns {one.name} cannot be compared: {kinds}", join)
            both = UNKNOWN
        if isinstance(other.meaning, MergedColumn):
            self._state.report(
                ProblemKind.UNSUPPORTED,
                f"the column {one.name} of a FULL join in parentheses cannot be merged again",
                join,
                hint="write JOIN ... ON",
            )
        return replace(both, name=one.name)


def _name_only(node: tree.TableName) -> tree.Node:
    """Return the place of a table's name without its alias."""
    return tree.Node(span=node.parts[0].span.to(node.parts[-1].span))


def _merged(parts: tuple[BoundColumn, ...], column: Column) -> BoundColumn | MergedColumn:
    if len(parts) == 1 and parts[0].column.datatype == column.datatype:
        return parts[0]
    return MergedColumn(parts, column)


def _parts(entry: Entry) -> tuple[BoundColumn, ...]:
    return entry.meaning.parts if isinstance(entry.meaning, MergedColumn) else (entry.meaning,)
