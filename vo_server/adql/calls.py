"""Which overload of a function a call means, and what its value is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql import functions
from vo_server.adql.conversion import resolve_conversion
from vo_server.adql.footprint import resolve_footprint
from vo_server.adql.function import Family
from vo_server.adql.kinds import is_literal, literal_value, unify, unwrapped
from vo_server.adql.marks import UNKNOWN, describe, kind_of
from vo_server.adql.tree import NumberLiteral, Signed, StringLiteral
from vo_server.errors import ProblemKind
from vo_server.model.datatype import ADQL_CAST_TYPES, DataType, Kind, Primitive
from vo_server.model.table import Column
from vo_server.sky.stcs import RegionSyntaxError, read_region

if TYPE_CHECKING:
    from vo_server.adql.function import Function, Parameter
    from vo_server.adql.state import Resolution
    from vo_server.adql.tree import Call, Expression

__all__ = ["resolve_call"]

_ELSEWHERE: Final = {
    "LN": "LOG is the natural logarithm in ADQL", "POW": "write POWER(x, y)", "CEIL": "write CEILING(x)",
    "TRUNC": "write TRUNCATE(x, n)", "RANDOM": "write RAND()", "SQR": "write POWER(x, 2)",
    "NVL": "write COALESCE(x, y)", "IFNULL": "write COALESCE(x, y)", "ISNULL": "write COALESCE(x, y) or x IS NULL",
    "NULLIF": "write CASE WHEN x <> y THEN x END", "IIF": "write CASE WHEN condition THEN x ELSE y END",
    "IF": "write CASE WHEN condition THEN x ELSE y END", "CONCAT": "strings are joined by ||",
    "LCASE": "write LOWER(s)", "UCASE": "write UPPER(s)", "SUBSTR": "ADQL has no SUBSTR; compare with LIKE",
    "LENGTH": "ADQL has no LENGTH; compare with LIKE and _", "NOW": "ADQL has no current time",
    "Q3C_RADIAL_QUERY": "write DISTANCE(ra, dec, ra0, dec0) < radius", "Q3C_DIST": "write DISTANCE(ra, dec, ra0, dec0)",
    "Q3C_JOIN": "join ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < radius", "SKYDISTANCE": "write DISTANCE(...)",
    "ANGULAR_DISTANCE": "write DISTANCE(ra, dec, ra0, dec0)",
    "VARIANCE": "write POWER(stddev(x), 2)", "STDDEV_SAMP": "write stddev(x)",
    "PERCENTILE": "write quantile(x, 0.9)", "PERCENTILE_CONT": "write quantile(x, 0.9)",
    "BITAND": "write bit_and(a, b)", "BITOR": "write bit_or(a, b)",
    "IVO_SIMBADPOINT": "look the position up first; this service asks no others for names",
    "MEAN": "write AVG(x)", "AVERAGE": "write AVG(x)", "ATAN2D": "write DEGREES(ATAN2(y, x))",
    "RANK": "ADQL has no window functions", "ROW_NUMBER": "ADQL has no window functions",
}  # fmt: skip

_REGION_TYPES: Final = {"position": "POINT", "circle": "CIRCLE", "box": "POLYGON", "polygon": "POLYGON"}
"""Types of regions that are one shape."""

_SYSTEMS: Final = frozenset({"", "ICRS", "ICRS GEOCENTER", "ICRS BARYCENTER", "ICRS TOPOCENTER", "FK5", "J2000",
                             "FK5 GEOCENTER", "UNKNOWNFRAME", "UNKNOWN"})  # fmt: skip


def resolve_call(state: Resolution, node: Call) -> Column:
    """Find the function behind a call whose arguments are already known, and write it down."""
    overloads = functions.find(node.name)
    if not overloads:
        if not state.is_open:
            _report_unknown(state, node)
        return UNKNOWN
    fitting = [one for one in overloads if one.takes(len(node.arguments))]
    is_theirs = state.is_open and overloads[0].family is Family.UDF  # another service may have another one
    if not fitting and is_theirs:
        return UNKNOWN
    if not fitting:
        _report_arity(state, node, overloads)
        return UNKNOWN
    judged = [(one, _mismatches(state, node, one)) for one in fitting]
    function, mismatches = min(judged, key=lambda pair: len(pair[1]))
    if mismatches and not is_theirs and _is_one_over(state, node, mismatches[0], overloads):
        _report_arity(state, node, overloads)
        return UNKNOWN
    for argument, parameter in () if is_theirs else mismatches:
        _report_type(state, node, argument, parameter)
    if mismatches:
        return UNKNOWN
    state.functions[node] = function
    _check_details(state, node, function)
    return _value(state, node, function)


def _is_one_over(
    state: Resolution, node: Call, mismatch: tuple[Expression, Parameter], overloads: tuple[Function, ...]
) -> bool:
    """Tell whether a number was taken for a coordinate system only because the numbers are one too many."""
    argument, parameter = mismatch
    is_number = parameter.name == "coosys" and kind_of(state.value(argument)) is Kind.NUMBER
    return is_number and any(one.n_repeated > 1 and len(node.arguments) > len(one.parameters) for one in overloads)


def _value(state: Resolution, node: Call, function: Function) -> Column:
    arguments = tuple(state.value(one) for one in node.arguments)
    if function.name == "COALESCE":
        unified = unify(arguments)
        if unified is None:
            kinds = " and ".join(dict.fromkeys(describe(one) for one in arguments))
            state.report(ProblemKind.TYPE, f"COALESCE mixes {kinds}", node, hint="CAST them to one type")
        return unified or UNKNOWN
    if function.name == "IN_UNIT":
        unit = resolve_conversion(state, node)
        return UNKNOWN if unit is None else Column("", function.returns, unit=unit, ucd=arguments[0].ucd)
    if function.name == "REGION":
        return _region(state, node)
    if function.name == "in_footprint":
        resolve_footprint(state, node)
    return function.annotate(arguments) if function.annotate is not None else Column("", function.returns)


def _region(state: Resolution, node: Call) -> Column:
    """Read the text of a region, which decides on the type: a shape, or a text where no array of numbers can be it."""
    literal = unwrapped(node.arguments[0])
    if not isinstance(literal, StringLiteral) or state.is_open:
        return UNKNOWN
    try:
        kind = read_region(literal.value).kind
    except RegionSyntaxError as error:
        state.report(ProblemKind.TYPE, error.message, literal, hint=error.hint)
        return UNKNOWN
    if kind in _REGION_TYPES:
        return Column(
            "", ADQL_CAST_TYPES[_REGION_TYPES[kind]], unit="deg", ucd="pos.eq" if kind == "position" else None
        )
    return Column("", DataType(Primitive.CHAR, "*", "moc" if kind == "moc" else "adql:region"))


def _fits(state: Resolution, argument: Expression, parameter: Parameter) -> bool:
    column = state.value(argument)
    kind = kind_of(column)
    if parameter.is_literal and not is_literal(argument):
        return False
    if kind is None or kind is Kind.NULL or parameter.kind is None:
        return True
    if kind is Kind.BOOLEAN and parameter.kind is Kind.NUMBER:
        return True
    if kind is not parameter.kind:
        return False
    if parameter.adql_type == "BIGINT" or (parameter.is_literal and parameter.adql_type == "INTEGER"):
        return column.datatype.is_integer
    if kind is Kind.GEOMETRY and parameter.adql_type != "GEOMETRY":
        return column.datatype.xtype == parameter.adql_type.lower()
    return True


def _mismatches(state: Resolution, node: Call, function: Function) -> list[tuple[Expression, Parameter]]:
    pairs = [(argument, function.parameter(i)) for i, argument in enumerate(node.arguments)]
    return [(argument, parameter) for argument, parameter in pairs if not _fits(state, argument, parameter)]


def _report_unknown(state: Resolution, node: Call) -> None:
    hint = _ELSEWHERE.get(node.name.upper()) or state.guess(node.name, functions.names(), are_names=False)
    hint = hint or "the functions are listed in the capabilities of the service"
    message = f"unknown function '{node.name}'"
    state.report(ProblemKind.UNKNOWN, message, node, hint=hint)


def _report_arity(state: Resolution, node: Call, overloads: tuple[Function, ...]) -> None:
    grouped = [one for one in overloads if one.n_repeated > 1 and len(node.arguments) > len(one.parameters)]
    if grouped:
        n_repeated = grouped[0].n_repeated
        last = ", ".join(one.name for one in grouped[0].parameters[-n_repeated:])
        state.report(
            ProblemKind.ARITY,
            f"{node.name.upper()} takes {n_repeated} arguments ({last}) at a time; {len(node.arguments)} given leave "
            "some over",
            node,
            hint=f"write {_form(grouped[0])}",
        )
        return
    allowed = sorted({one.n_required for one in overloads} | {len(one.parameters) for one in overloads})
    variadic = any(one.is_variadic for one in overloads)
    counts = f"at least {allowed[0]}" if variadic else " or ".join(str(one) for one in allowed)
    noun = "argument" if counts == "1" else "arguments"
    forms = " or ".join(dict.fromkeys(_form(one) for one in overloads))
    state.report(
        ProblemKind.ARITY,
        f"{node.name.upper()} takes {counts} {noun}, {len(node.arguments)} given",
        node,
        hint=f"write {forms}",
    )


def _form(function: Function) -> str:
    repeated = ", ..." if function.is_variadic else ""
    return f"{function.name}({', '.join(one.name for one in function.parameters)}{repeated})"


def _report_type(state: Resolution, node: Call, argument: Expression, parameter: Parameter) -> None:
    if parameter.kind is Kind.GEOMETRY:
        wanted = "a geometry" if parameter.adql_type == "GEOMETRY" else f"a {parameter.adql_type.lower()}"
    else:
        wanted = f"a {parameter.kind}" if parameter.kind is not None else "a value"
    if parameter.is_literal:
        number = "integer" if parameter.adql_type == "INTEGER" else "number"
        wanted = f"a literal {'string' if parameter.kind is Kind.STRING else number}"
    elif parameter.adql_type == "BIGINT":
        wanted = "an integer"
    state.report(
        ProblemKind.TYPE,
        f"{node.name.upper()} takes {wanted} for {parameter.name}; {state.source_text(argument)[:60]} is "
        f"{describe(state.value(argument))}",
        argument,
        hint=_type_hint(state, argument, parameter),
    )


def _type_hint(state: Resolution, argument: Expression, parameter: Parameter) -> str | None:
    """Say how to make what a parameter wants."""
    text = state.source_text(argument)[:60]
    kind = kind_of(state.value(argument))
    if parameter.is_literal:
        example = "'...'" if parameter.kind is Kind.STRING else "2"
        return f"write the value itself, such as {example}; it cannot be calculated"
    if parameter.kind is Kind.GEOMETRY:
        if kind is Kind.GEOMETRY:
            return f"CENTROID({text}) is its centre" if parameter.adql_type == "POINT" else None
        return "write POINT(ra, dec), for example"
    if parameter.kind is Kind.NUMBER and kind is Kind.GEOMETRY:
        return f"COORD1({text}) and COORD2({text}) are its longitude and latitude"
    if parameter.kind is Kind.NUMBER and kind is Kind.ARRAY:
        return f"take an element, such as {text}[1]"
    if parameter.kind is Kind.NUMBER and kind is Kind.STRING:
        return f"write CAST({text} AS DOUBLE PRECISION)"
    return f"write CAST({text} AS VARCHAR)" if parameter.kind is Kind.STRING and kind is Kind.NUMBER else None


def _check_domain(state: Resolution, node: Call, argument: Expression, parameter: Parameter) -> None:
    """Check a literal against what the parameter allows."""
    value = literal_value(argument) if parameter.domain else None
    if value is None or value in parameter.domain:
        return
    if isinstance(value, str):
        texts = [one for one in parameter.domain if isinstance(one, str)]
        message = f"{node.name.upper()} does not know {value!r} for {parameter.name}"
        state.report(ProblemKind.UNSUPPORTED, message, argument, hint=f"it knows {', '.join(texts)}, in this case")
        return
    low, high = (float(one) for one in parameter.domain)
    if not low <= value <= high:
        message = f"{node.name.upper()} takes {low:g} to {high:g} for {parameter.name}, not {value:g}"
        state.report(ProblemKind.TYPE, message, argument)


def _check_details(state: Resolution, node: Call, function: Function) -> None:
    """Check what types cannot say: coordinate systems and ranges of literals (ADQL 2.1, section 4.2.4)."""
    for i, argument in enumerate(node.arguments):
        _check_domain(state, node, argument, function.parameter(i))
    if function.family != "features-adqlgeo" or state.is_open:  # what a service accepts is its own affair
        return
    for i, argument in enumerate(node.arguments):
        name = function.parameter(i).name
        if name == "coosys" and isinstance(argument, StringLiteral):
            if argument.value.strip().upper() not in _SYSTEMS:
                state.report(
                    ProblemKind.UNSUPPORTED,
                    f"the coordinate system {argument.value!r} is not supported",
                    argument,
                    hint="positions are ICRS, in degrees; leave the argument out",
                )
        elif name in {"lat", "lat1", "lat2", "lat3", "radius"}:
            bare = argument.operand if isinstance(argument, Signed) else argument
            if not isinstance(bare, NumberLiteral):
                continue
            value = float(bare.text) * (-1 if isinstance(argument, Signed) and argument.sign == "-" else 1)
            low, high, what = (0.0, 180.0, "radius") if name == "radius" else (-90.0, 90.0, "latitude")
            if not low <= value <= high:
                state.report(
                    ProblemKind.TYPE,
                    f"the {what} {value:g} is outside {low:g} to {high:g} degrees",
                    argument,
                    hint="angles are in degrees, longitude before latitude",
                )
