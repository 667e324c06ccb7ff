"""Types, units and UCDs of values: each expression from those inside it, innermost first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vo_server.adql import tree
from vo_server.adql.calls import resolve_call
from vo_server.adql.kinds import check_comparable, unify, unwrapped, widest_number
from vo_server.adql.library.text import text_type
from vo_server.adql.lookup import resolve_column
from vo_server.adql.marks import NULL_VALUE, UNKNOWN, describe, kind_of
from vo_server.adql.measure import compare_units, measured
from vo_server.adql.suggest import enumerate_names
from vo_server.adql.walk import postorder
from vo_server.errors import ProblemKind
from vo_server.model.datatype import ADQL_CAST_TYPES, DataType, Kind, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.adql.scope import Scope
    from vo_server.adql.state import Resolution
    from vo_server.adql.walk import Task

__all__ = ["SubqueryResolver", "annotate"]

_INT_MAX: Final = 2**31 - 1
_LONG_MAX: Final = 2**63 - 1
_DOUBLE: Final = DataType(Primitive.DOUBLE)
_LONG: Final = DataType(Primitive.LONG)
_INT: Final = DataType(Primitive.INT)
_SHORT: Final = DataType(Primitive.SHORT)
_BOOLEAN: Final = Column("", DataType(Primitive.BOOLEAN))

if TYPE_CHECKING:
    SubqueryResolver = Callable[[tree.QueryNode, Scope], Task[tuple[Column, ...]]]


def annotate(
    state: Resolution, root: tree.Expression | tree.Condition, scope: Scope, resolve_subquery: SubqueryResolver
) -> Task[Column]:
    """Resolve the names in an expression or a condition and write down the metadata of each value in it.

    Parameters
    ----------
    state
        Where it is written down, and where mistakes are reported.
    root
        The expression or condition.
    scope
        What names mean here.
    resolve_subquery
        Resolves a subquery inside this scope and gives its columns.

    Returns
    -------
    Column
        Metadata of the root; UNKNOWN for a condition.
    """
    for node in postorder(root):
        columns: tuple[Column, ...] = ()
        if isinstance(node, tree.InQuery | tree.Exists | tree.ScalarQuery):
            columns = yield resolve_subquery(node.query, scope)
        if isinstance(node, tree.ScalarQuery):
            state.values[node] = _single(state, node, columns, "a subquery that stands for a value")
        elif isinstance(node, tree.InQuery):
            _in_query(state, node, columns)
        elif isinstance(node, tree.ColumnName):
            state.values[node] = resolve_column(state, node, scope)
        elif isinstance(node, tree.Expression):
            state.values[node] = measured(state, node, _VALUES[type(node)](state, node))
        elif (check := _CONDITIONS.get(type(node))) is not None:
            check(state, node)
    return state.values.get(root, UNKNOWN) if isinstance(root, tree.Expression) else UNKNOWN


# ---------------------------------------------------------------------------------------------------- literals


def _number(state: Resolution, node: tree.NumberLiteral) -> Column:
    del state
    if not node.is_integer or len(node.text) > len(str(_LONG_MAX)):
        return Column("", _DOUBLE)
    value = int(node.text)
    return Column("", _INT if value <= _INT_MAX else _LONG if value <= _LONG_MAX else _DOUBLE)


def _string(state: Resolution, node: tree.StringLiteral) -> Column:
    del state
    return Column("", DataType(Primitive.CHAR if node.value.isascii() else Primitive.UNICODE_CHAR, "*"))


# ------------------------------------------------------------------------------------------------- calculation


def _want_number(state: Resolution, node: tree.Expression, what: str) -> bool:
    column = state.value(node)
    if kind_of(column) in {None, Kind.NULL, Kind.NUMBER}:
        return True
    if kind_of(column) is Kind.BOOLEAN:
        state.note(
            "a boolean was used as a number", node, hint="ADQL has no booleans; this service reads them as 1 and 0"
        )
        return True
    is_string = kind_of(column) is Kind.STRING
    hint = "strings are joined by ||; numbers are written without quotes" if is_string else None
    state.report(
        ProblemKind.TYPE, f"{what} needs numbers; {state.source_text(node)[:60]} is {describe(column)}", node, hint=hint
    )
    return False


def _signed(state: Resolution, node: tree.Signed) -> Column:
    if not _want_number(state, node.operand, f"the sign {node.sign}"):
        return UNKNOWN
    column = state.value(node.operand)
    if kind_of(column) not in {Kind.NUMBER, Kind.BOOLEAN}:
        return column
    if node.sign == "-" and _is_past_long(unwrapped(node.operand)):
        return Column("", _LONG)
    return Column("", _at_least_int(widest_number([column])), unit=column.unit, ucd=column.ucd)


def _is_past_long(node: tree.Expression) -> bool:
    """Tell whether a number is the first that a long cannot hold; with a minus it can."""
    return isinstance(node, tree.NumberLiteral) and node.text.lstrip("0") == str(_LONG_MAX + 1)


def _at_least_int(datatype: DataType) -> DataType:
    return DataType.widest(datatype, _INT) if datatype.is_integer else datatype


def _arithmetic(state: Resolution, node: tree.Arithmetic) -> Column:
    fine = [_want_number(state, one, f"the operator {node.operators[0]}") for one in node.operands]
    columns = [state.value(one) for one in node.operands]
    if not all(fine) or all(kind_of(one) is None for one in columns):
        return UNKNOWN
    return Column("", _at_least_int(widest_number(columns)))


def _concatenation(state: Resolution, node: tree.Concatenation) -> Column:
    columns = [state.value(one) for one in node.operands]
    is_fine = True
    for operand, column in zip(node.operands, columns, strict=True):
        if kind_of(column) not in {None, Kind.NULL, Kind.STRING}:
            is_fine = False
            text = state.source_text(operand)[:60]
            state.report(
                ProblemKind.TYPE, f"|| joins strings; {text} is {describe(column)}", operand,
                hint=f"write CAST({text} AS VARCHAR)",
            )  # fmt: skip
    return Column("", text_type(columns)) if is_fine else UNKNOWN


def _aggregate(state: Resolution, node: tree.Aggregate) -> Column:
    if node.name == "COUNT":
        return Column("", _LONG, ucd="meta.number")
    assert node.argument is not None
    column = state.value(node.argument)
    kind = kind_of(column)
    if kind is None:
        return UNKNOWN
    if node.name in {"SUM", "AVG"}:
        if not _want_number(state, node.argument, node.name):
            return UNKNOWN
        if node.name == "AVG":
            return Column("", _DOUBLE, unit=column.unit, ucd=_with_word(column.ucd, "stat.mean"))
        is_whole = column.datatype.is_integer or kind is Kind.BOOLEAN
        return Column("", _LONG if is_whole else _DOUBLE, unit=column.unit, ucd=_main_off(column.ucd))
    if kind in {Kind.GEOMETRY, Kind.ARRAY}:
        state.report(
            ProblemKind.TYPE,
            f"{node.name} needs values with an order, not {describe(column)}",
            node.argument,
            hint="COORD1 and COORD2 of a point, or an element of an array, have one",
        )
        return UNKNOWN
    datatype = _SHORT if kind is Kind.BOOLEAN else column.datatype
    return Column(
        "", datatype, unit=column.unit, ucd=_with_word(column.ucd, f"stat.{node.name.lower()}"),
        description=column.description,
    )  # fmt: skip


def _main_off(ucd: str | None) -> str | None:
    return None if ucd is None else ";".join(word for word in ucd.split(";") if word != "meta.main") or None


def _with_word(ucd: str | None, word: str) -> str | None:
    """Add a secondary word to a UCD; what is calculated is never the main one."""
    main = _main_off(ucd)
    return None if main is None else f"{main};{word}"


def _call(state: Resolution, node: tree.Call) -> Column:
    return resolve_call(state, node)


# ------------------------------------------------------------------------------------------------------- types


def _cast(state: Resolution, node: tree.Cast) -> Column:
    column, target = state.value(node.operand), ADQL_CAST_TYPES[node.target.name]
    if node.target.length is not None:
        size = str(node.target.length) if node.target.name == "CHAR" else f"{node.target.length}*"
        target = DataType(Primitive.CHAR, size)
    elif target.kind is Kind.STRING and column.datatype.primitive is Primitive.UNICODE_CHAR:
        target = DataType(Primitive.UNICODE_CHAR, "*")
    kind = kind_of(column)
    is_other_shape = kind is Kind.GEOMETRY and target.kind is Kind.GEOMETRY and column.datatype.xtype != target.xtype
    if is_other_shape or (kind in _CASTS and target.kind not in _CASTS[kind]):
        name = node.target.name
        state.report(
            ProblemKind.TYPE, f"{describe(column)} cannot be cast to {name}", node,
            hint=_cast_hint(name, kind),
        )  # fmt: skip
    keeps = kind is not None and kind is not Kind.NULL
    return Column("", target, unit=column.unit if keeps else None, ucd=column.ucd if keeps else None)


def _cast_hint(name: str, kind: Kind | None) -> str | None:
    if kind is Kind.GEOMETRY:
        return "COORD1 and COORD2 give the longitude and latitude of a point"
    if kind is Kind.ARRAY:
        return "cast an element, such as a[1]"
    return None if kind is Kind.STRING else f"{name} can be made from a string"


_CASTS: Final[dict[Kind | None, frozenset[Kind]]] = {
    Kind.NUMBER: frozenset({Kind.NUMBER, Kind.STRING}),
    Kind.BOOLEAN: frozenset({Kind.NUMBER, Kind.STRING}),
    Kind.STRING: frozenset({Kind.NUMBER, Kind.STRING, Kind.TIMESTAMP, Kind.GEOMETRY}),
    Kind.TIMESTAMP: frozenset({Kind.STRING, Kind.TIMESTAMP}),
    Kind.GEOMETRY: frozenset({Kind.STRING, Kind.GEOMETRY}),
    Kind.ARRAY: frozenset(),
}
"""What each kind can be cast to (ADQL 2.1, section 4.7.1)."""


def _subscript(state: Resolution, node: tree.Subscript) -> Column:
    column = state.value(node.array)
    if kind_of(column) is None:
        return UNKNOWN
    if kind_of(column) is not Kind.ARRAY:
        state.report(
            ProblemKind.TYPE,
            f"only arrays have elements; this is {describe(column)}",
            node.array,
            hint="remove what stands in [ ]",
        )
        return UNKNOWN
    length = column.datatype.n_elements
    if isinstance(node.index, tree.NumberLiteral):
        index = int(node.index.text)
        if index < 1 or (length is not None and index > length):
            last = "" if length is None else f" to {length}"
            state.report(ProblemKind.UNKNOWN, f"there is no element {index}: they are counted from 1{last}", node.index)
    elif isinstance(node.index, tree.ColumnName):
        name = node.index.name.name
        if name.lower() not in {one.lower() for one in column.element_names}:
            hint = state.guess(name, column.element_names)
            if hint is None and column.element_names:
                hint = f"the elements are {enumerate_names(column.element_names)}"
            state.report(
                ProblemKind.UNKNOWN, f"there is no element named '{name}'", node.index,
                hint=hint or "the elements of this array have no names; count from 1",
            )  # fmt: skip
    scalar = DataType(column.datatype.primitive)
    return Column("", scalar, unit=column.unit, ucd=column.ucd, description=column.description)


def _case(state: Resolution, node: tree.Case) -> Column:
    for test, _ in node.whens:
        if node.operand is not None and isinstance(test, tree.Expression):
            check_comparable(state, test, node.operand, test)
    results = [value for _, value in node.whens] + ([] if node.default is None else [node.default])
    unified = unify([state.value(one) for one in results])
    if unified is None:
        kinds = " and ".join(dict.fromkeys(describe(state.value(one)) for one in results))
        state.report(ProblemKind.TYPE, f"the results of CASE are {kinds}", node, hint="CAST them to one type")
    return unified or UNKNOWN


def _single(state: Resolution, node: tree.ScalarQuery | tree.InQuery, columns: tuple[Column, ...], what: str) -> Column:
    if state.is_open_query(node.query):
        return UNKNOWN
    if len(columns) > 1:
        state.report(
            ProblemKind.ARITY,
            f"{what} must have one column, not {len(columns)}",
            node.query,
            hint="select one column; for several use EXISTS with a condition for each",
        )
        return UNKNOWN
    return columns[0] if columns else UNKNOWN


_VALUES: Final[dict[type[tree.Node], Callable[[Resolution, Any], Column]]] = {
    tree.NumberLiteral: _number,
    tree.StringLiteral: _string,
    tree.NullLiteral: lambda state, node: NULL_VALUE,  # noqa: ARG005 - same for all
    tree.BooleanLiteral: lambda state, node: _BOOLEAN,  # noqa: ARG005 - same for all
    tree.Parenthesised: lambda state, node: state.value(node.inner),
    tree.Signed: _signed,
    tree.Arithmetic: _arithmetic,
    tree.Concatenation: _concatenation,
    tree.Call: _call,
    tree.Aggregate: _aggregate,
    tree.Cast: _cast,
    tree.Subscript: _subscript,
    tree.Case: _case,
}


# -------------------------------------------------------------------------------------------------- conditions


def _comparison(state: Resolution, node: tree.Comparison) -> None:
    check_comparable(state, node, node.left, node.right)
    compare_units(state, node.left, node.right)


def _between(state: Resolution, node: tree.Between) -> None:
    for bound in (node.low, node.high):
        check_comparable(state, bound, node.operand, bound)
        compare_units(state, node.operand, bound)


def _in_list(state: Resolution, node: tree.InList) -> None:
    for item in node.items:
        check_comparable(state, item, node.operand, item)
        compare_units(state, node.operand, item)


def _in_query(state: Resolution, node: tree.InQuery, columns: tuple[Column, ...]) -> None:
    column = _single(state, node, columns, "a subquery after IN")
    kinds = kind_of(state.value(node.operand)), kind_of(column)
    if None not in kinds and Kind.NULL not in kinds and kinds[0] != kinds[1]:
        message = f"cannot compare {describe(state.value(node.operand))} with {describe(column)}"
        state.report(ProblemKind.TYPE, message, node)


def _like(state: Resolution, node: tree.Like) -> None:
    for operand in (node.operand, node.pattern):
        column = state.value(operand)
        if kind_of(column) not in {None, Kind.NULL, Kind.STRING}:
            word = "ILIKE" if node.ignores_case else "LIKE"
            state.report(
                ProblemKind.TYPE,
                f"{word} compares strings; this is {describe(column)}",
                operand,
                hint=f"compare it with =, < or BETWEEN, or write CAST({state.source_text(operand)[:60]} AS VARCHAR)",
            )


def _bare(state: Resolution, node: tree.BareCondition) -> None:
    column = state.value(node.value)
    if kind_of(column) not in {None, Kind.NUMBER, Kind.BOOLEAN}:
        state.report(ProblemKind.TYPE, f"{describe(column)} is no condition", node, hint="compare it with something")


_CONDITIONS: Final[dict[type[tree.Node], Callable[[Resolution, Any], None]]] = {
    tree.Comparison: _comparison,
    tree.Between: _between,
    tree.InList: _in_list,
    tree.Like: _like,
    tree.BareCondition: _bare,
}
