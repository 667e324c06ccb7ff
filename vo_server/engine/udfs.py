"""Rules for user-defined functions that are more than a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.tree import StringLiteral
from vo_server.engine.fold import unwrapped
from vo_server.engine.lower import Ask
from vo_server.engine.sqltree import call
from vo_server.model.datatype import Kind
from vo_server.sky.frames import rotation

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.adql.tree import Call
    from vo_server.engine.lower import Lowering, Steps

__all__ = ["UDF_RULES"]


def _extreme(lowering: Lowering, node: Call, _: Ask) -> Steps:
    """Write GREATEST or LEAST of values of one type: the databases do not agree on the type of a mixture."""
    result = lowering.type_of(node)
    values = []
    for argument in node.arguments:
        value = yield Ask(argument)
        datatype = lowering.type_of(argument)
        if result is not None and result.kind is not Kind.STRING and datatype != result:
            value = lowering.dialect.cast(value, result)
        values.append(value)
    # In pairs of pairs: DuckDB takes the names of columns for names of arguments, and copies of a plan fail for three
    # that are called the same.
    while len(values) > 1:
        pairs = zip(values[::2], values[1::2], strict=False)
        values = [call(node.name.upper(), *pair) for pair in pairs] + (values[-1:] if len(values) % 2 else [])
    return values[0]


def _transform(lowering: Lowering, node: Call, _: Ask) -> Steps:
    """Rotate a shape by a matrix that is known now."""
    start, end = (unwrapped(one) for one in node.arguments[:2])
    assert isinstance(start, StringLiteral)
    assert isinstance(end, StringLiteral)
    shape = yield Ask(node.arguments[2])
    numbers = [lowering.dialect.real(number) for row in rotation(start.value, end.value) for number in row]
    arguments = {"shape": shape, "matrix": lowering.dialect.array(*numbers)}
    datatype = lowering.type_of(node.arguments[2])
    is_polygon = datatype is not None and datatype.xtype == "polygon"
    function = "rotated_polygon" if is_polygon else "rotated"
    return lowering.filled(f"vo_functions.{function}({{shape}}, {{matrix}})", arguments)


UDF_RULES: Final[dict[str, Callable[[Lowering, Call, Ask], Steps]]] = {
    "GREATEST": _extreme,
    "IVO_GEOM_TRANSFORM": _transform,
    "LEAST": _extreme,
}
"""Functions that need a rule, by their names in upper case."""
