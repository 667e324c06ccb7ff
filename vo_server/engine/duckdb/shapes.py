"""Shapes on the sphere as macros of DuckDB: polygons and boxes, and texts that are shapes.

Names and meanings are those of ``sql/postgres/045_shapes.sql``, formulas those of :mod:`vo_server.sky.polygon`. A
polygon is a list of its corners, longitude and latitude in turn [deg]. What is asked of it is asked of its edges.
"""

from __future__ import annotations

from typing import Final

from vo_server.engine.duckdb.binding import let
from vo_server.sky.polygon import EDGE_TOLERANCE, SMALL_EDGE

__all__ = ["SHAPE_MACROS"]

_NAN: Final = "'NaN'::DOUBLE"
_ON_EDGE: Final = "1000::DOUBLE"
"""Stands for the turn of an edge that a place lies on: more than any chain turns."""

_VECTOR: Final = let(
    "g",
    "{'lon': lon::DOUBLE, 'lat': lat::DOUBLE}",
    let(
        "a",
        "{'lon': radians(g.lon - 360 * floor(g.lon / 360)), "
        "'lat': CASE WHEN abs(g.lat) <= 90 AND isfinite(g.lon) THEN radians(g.lat) END}",
        "CASE WHEN a.lat IS NOT NULL THEN "
        "{'x': cos(a.lat) * cos(a.lon), 'y': cos(a.lat) * sin(a.lon), 'z': sin(a.lat)} END",
    ),
)

_EDGE: Final = let(
    "u",
    "{'b': b, 'c': c, 'x': c.x - b.x, 'y': c.y - b.y, 'z': c.z - b.z}",
    let(
        "w",
        "{'bx': u.b.x, 'by': u.b.y, 'bz': u.b.z, 'cx': u.c.x, 'cy': u.c.y, 'cz': u.c.z, "
        "'nx': u.b.y * u.z - u.b.z * u.y, 'ny': u.b.z * u.x - u.b.x * u.z, 'nz': u.b.x * u.y - u.b.y * u.x}",
        "struct_insert(w, l := sqrt(w.nx * w.nx + w.ny * w.ny + w.nz * w.nz))",
    ),
)
_EDGES: Final = let(
    "s",
    "shape",
    let(
        "v",
        "list_transform(CASE WHEN len(s) >= 6 AND len(s) % 2 = 0 THEN range(1, len(s) // 2 + 1) END, "
        "lambda i: vo_functions.vector(s[2 * i - 1], s[2 * i]))",
        "list_transform(CASE WHEN len(list_filter(v, lambda p: p IS NULL)) = 0 THEN range(1, len(v) + 1) END, "
        "lambda i: vo_functions.edge(v[i], v[i % len(v) + 1]))",
    ),
)

_SINE: Final = "(p.x * e.nx + p.y * e.ny + p.z * e.nz)"
_COSINE: Final = "((e.bx - p.x) * (e.cx - p.x) + (e.by - p.y) * (e.cy - p.y) + (e.bz - p.z) * (e.cz - p.z))"
_TOLERANCE: Final = f"{EDGE_TOLERANCE!r} * e.l"
_TURN: Final = (
    f"CASE WHEN abs({_SINE}) <= {_TOLERANCE} AND {_COSINE} <= {_TOLERANCE} THEN {_ON_EDGE} "
    f"ELSE atan2({_SINE}, {_COSINE}) END"
)
_IN_EDGES: Final = let("p", "place", f"abs(list_sum(list_transform(edges, lambda e: {_TURN}))) > pi()")


def _distance(one: str, other: str) -> str:
    """Return the angle between two unit vectors [rad]."""
    chord = " + ".join(f"({one}{k} - {other}{k}) * ({one}{k} - {other}{k})" for k in "xyz")
    total = " + ".join(f"({one}{k} + {other}{k}) * ({one}{k} + {other}{k})" for k in "xyz")
    return f"2 * atan2(sqrt({chord}), sqrt({total}))"


_PAST_START: Final = (
    "(p.x * (e.ny * e.bz - e.nz * e.by) + p.y * (e.nz * e.bx - e.nx * e.bz) + p.z * (e.nx * e.by - e.ny * e.bx))"
)
_BEFORE_END: Final = (
    "(p.x * (e.cy * e.nz - e.cz * e.ny) + p.y * (e.cz * e.nx - e.cx * e.nz) + p.z * (e.cx * e.ny - e.cy * e.nx))"
)
_ALONG: Final = f"sqrt(power({_PAST_START} / e.l, 2) + power(p.x * e.bx + p.y * e.by + p.z * e.bz, 2))"
_IS_BETWEEN: Final = f"e.l > 0 AND {_PAST_START} >= 0 AND {_BEFORE_END} >= 0"
_ARC_DISTANCE: Final = (
    f"CASE WHEN {_IS_BETWEEN} THEN atan2(abs({_SINE}) / e.l, {_ALONG}) "
    f"ELSE least({_distance('p.', 'e.b')}, {_distance('p.', 'e.c')}) END"
)
_EDGE_DISTANCE: Final = let("p", "place", f"degrees(list_min(list_transform(edges, lambda e: {_ARC_DISTANCE})))")
# Seen from the opposite place, the farthest place of an edge is the nearest one.
_ARC_REACH: Final = (
    f"CASE WHEN {_IS_BETWEEN} THEN pi() - atan2(abs({_SINE}) / e.l, {_ALONG}) "
    f"ELSE pi() - least({_distance('p.', 'e.b')}, {_distance('p.', 'e.c')}) END"
)
_FARTHEST: Final = let(
    "h",
    "{'q': vo_functions.vector(lon, lat), 'e': edges}",
    let(
        "o",
        "{'p': CASE WHEN h.q IS NOT NULL THEN {'x': -h.q.x, 'y': -h.q.y, 'z': -h.q.z} END, 'e': h.e}",
        "CASE WHEN vo_functions.in_edges(o.p, o.e) THEN 180::DOUBLE "
        f"ELSE {let('p', 'o.p', f'degrees(list_max(list_transform(o.e, lambda e: {_ARC_REACH})))')} END",
    ),
)
_MARGIN: Final = let(
    "h",
    "{'q': vo_functions.vector(lon, lat), 'e': edges}",
    "CASE WHEN vo_functions.in_edges(h.q, h.e) THEN 1 ELSE -1 END * vo_functions.edge_distance(h.q, h.e)",
)

_VOLUME: Final = (
    "(t.a.bx * ((e.by - t.a.by) * (e.cz - t.a.bz) - (e.bz - t.a.bz) * (e.cy - t.a.by)) "
    "+ t.a.by * ((e.bz - t.a.bz) * (e.cx - t.a.bx) - (e.bx - t.a.bx) * (e.cz - t.a.bz)) "
    "+ t.a.bz * ((e.bx - t.a.bx) * (e.cy - t.a.by) - (e.by - t.a.by) * (e.cx - t.a.bx)))"
)
_BASE: Final = (
    "(1 + (e.bx * t.a.bx + e.by * t.a.by + e.bz * t.a.bz) + (e.cx * t.a.bx + e.cy * t.a.by + e.cz * t.a.bz) "
    "+ (e.bx * e.cx + e.by * e.cy + e.bz * e.cz))"
)
_SIGNED_AREA: Final = let(
    "t",
    let("e", "edges", "{'e': e, 'a': e[1]}"),
    let(
        "s",
        f"list_sum(list_transform(t.e, lambda e: 2 * atan2({_VOLUME}, {_BASE})))",
        "s - 4 * pi() * ceil((s - 2 * pi()) / (4 * pi()))",
    ),
)
_ANGLE: Final = "CASE WHEN e.l > 0 THEN atan2(e.l, e.bx * e.cx + e.by * e.cy + e.bz * e.cz) / e.l ELSE 0 END"


def _sum(edges: str, term: str) -> str:
    return f"list_sum(list_transform({edges}, lambda e: {term}))"


def _sums(edges: str, term: str) -> str:
    """Write a vector of sums over edges, of a term with ``{k}`` for the axis."""
    return "{" + ", ".join(f"'{k}': {_sum(edges, term.replace('{k}', k))}" for k in "xyz") + "}"


_MIDDLE_OF_CORNERS: Final = let("c", _sums("m.e", "e.b{k}"), "vo_functions.place(c.x, c.y, c.z)")
_ROUND_CENTROID: Final = let(
    "m",
    let("e", "edges", "{'e': e, 's': CASE WHEN vo_functions.signed_area(e) >= 0 THEN 1 ELSE -1 END}"),
    let(
        "r",
        f"{{'c': {_sums('m.e', f'({_ANGLE}) * e.n{{k}}')}, 's': m.s, 'o': {_MIDDLE_OF_CORNERS}}}",
        f"CASE WHEN r.c.x * r.c.x + r.c.y * r.c.y + r.c.z * r.c.z > power({EDGE_TOLERANCE!r}, 2) "
        "THEN vo_functions.place(r.s * r.c.x, r.s * r.c.y, r.s * r.c.z) ELSE r.o END",
    ),
)
_WEIGHT: Final = (
    "((e.by - m.a.by) * (e.cz - m.a.bz) - (e.bz - m.a.bz) * (e.cy - m.a.by)) * m.a.bx "
    "+ ((e.bz - m.a.bz) * (e.cx - m.a.bx) - (e.bx - m.a.bx) * (e.cz - m.a.bz)) * m.a.by "
    "+ ((e.bx - m.a.bx) * (e.cy - m.a.by) - (e.by - m.a.by) * (e.cx - m.a.bx)) * m.a.bz"
)
_FLAT_CENTROID: Final = let(
    "m",
    let("e", "edges", "{'e': e, 'a': e[1]}"),
    let(
        "r",
        f"{{'c': {_sums('m.e', f'({_WEIGHT}) * ((e.b{{k}} - m.a.b{{k}}) + (e.c{{k}} - m.a.b{{k}}))')}, "
        f"'t': {_sum('m.e', _WEIGHT)}, 'l': list_max(list_transform(m.e, lambda e: e.l)), 'a': m.a, "
        f"'o': {_MIDDLE_OF_CORNERS}}}",
        f"CASE WHEN abs(r.t) > {EDGE_TOLERANCE!r} * r.l THEN vo_functions.place("
        + ", ".join(f"r.a.b{k} + r.c.{k} / 3 / r.t" for k in "xyz")
        + ") ELSE r.o END",
    ),
)
_CENTROID: Final = let(
    "q",
    "edges",
    f"CASE WHEN list_max(list_transform(q, lambda e: e.l)) < {SMALL_EDGE!r} "
    "THEN vo_functions.flat_centroid(q) ELSE vo_functions.round_centroid(q) END",
)
_BOUNDING_CIRCLE: Final = let(
    "h",
    "edges",
    let(
        "r",
        "{'c': vo_functions.polygon_centroid(h), 'e': h}",
        "list_append(r.c, vo_functions.farthest(r.c[1], r.c[2], r.e))",
    ),
)


def _start(edge: str) -> str:
    return f"{{'x': {edge}.bx, 'y': {edge}.by, 'z': {edge}.bz}}"


def _side(edge: str, corner: str, of: str) -> str:
    """Return how far the start (b) or end (c) of an edge is from the great circle of another one, times its length."""
    return f"({edge}.{corner}x * {of}.nx + {edge}.{corner}y * {of}.ny + {edge}.{corner}z * {of}.nz)"


_CROSSES_EDGE: Final = (
    f"({_side('e', 'b', 'f')} < -{EDGE_TOLERANCE!r} * f.l AND {_side('e', 'c', 'f')} > {EDGE_TOLERANCE!r} * f.l "
    f"AND {_side('f', 'b', 'e')} > {EDGE_TOLERANCE!r} * e.l AND {_side('f', 'c', 'e')} < -{EDGE_TOLERANCE!r} * e.l) "
    f"OR ({_side('e', 'b', 'f')} > {EDGE_TOLERANCE!r} * f.l AND {_side('e', 'c', 'f')} < -{EDGE_TOLERANCE!r} * f.l "
    f"AND {_side('f', 'b', 'e')} < -{EDGE_TOLERANCE!r} * e.l AND {_side('f', 'c', 'e')} > {EDGE_TOLERANCE!r} * e.l)"
)
_CROSS: Final = (
    f"list_bool_or(list_transform(one, lambda e: list_bool_or(list_transform(other, lambda f: {_CROSSES_EDGE}))))"
)


def _all_in(edges: str, place: str, other: str) -> str:
    return f"list_bool_and(list_transform({edges}, lambda e: vo_functions.in_edges({place}, {other})))"


_MEET: Final = let(
    "h",
    "{'one': one, 'other': other}",
    f"list_bool_or(list_transform(h.one, lambda e: vo_functions.in_edges({_start('e')}, h.other))) "
    f"OR list_bool_or(list_transform(h.other, lambda e: vo_functions.in_edges({_start('e')}, h.one))) "
    "OR vo_functions.edges_cross(h.one, h.other)",
)
_MIDDLE_SUM: Final = "{'x': e.bx + e.cx, 'y': e.by + e.cy, 'z': e.bz + e.cz}"
_MIDDLE: Final = let(
    "k",
    _MIDDLE_SUM,
    let(
        "n",
        "sqrt(k.x * k.x + k.y * k.y + k.z * k.z)",
        "{'x': k.x / n, 'y': k.y / n, 'z': k.z / n}",
    ),
)
_WITHIN: Final = let(
    "h",
    "{'one': one, 'other': other}",
    f"{_all_in('h.one', _start('e'), 'h.other')} AND {_all_in('h.one', _MIDDLE, 'h.other')} "
    "AND NOT vo_functions.edges_cross(h.one, h.other) "
    f"AND NOT list_bool_or(list_transform(h.other, lambda e: vo_functions.in_edges({_start('e')}, h.one) "
    f"AND vo_functions.edge_distance({_start('e')}, h.one) > degrees({EDGE_TOLERANCE!r})))",
)

_BOX: Final = let(
    "b",
    "{'lon': lon::DOUBLE, 'lat': lat::DOUBLE, 'w': width::DOUBLE, 'h': height::DOUBLE}",
    let(
        "g",
        "{'lon': radians(b.lon), 'lat': radians(b.lat), 'half': radians(b.w) / 2, "
        "'tilt': CASE WHEN b.w > 0 AND b.w < 180 AND b.h > 0 AND b.h < 180 AND abs(b.lat) <= 90 AND isfinite(b.lon) "
        "THEN atan(cos(radians(b.w) / 2) * tan(radians(b.h) / 2)) END}",
        "CASE WHEN g.tilt IS NOT NULL THEN list_concat("
        + ", ".join(
            f"vo_functions.box_corner(g.lon, g.lat, {sign_x}g.half, {sign_y}g.tilt)"
            for sign_x, sign_y in (("-", "-"), ("", "-"), ("", ""), ("-", ""))
        )
        + ") END",
    ),
)
_BOX_CORNER: Final = let(
    "k",
    "{'lon': lon, 'lat': lat, 'up': cos(tilt) * cos(half), 'east': cos(tilt) * sin(half), 'north': sin(tilt)}",
    "vo_functions.place("
    "k.up * cos(k.lat) * cos(k.lon) - k.east * sin(k.lon) - k.north * sin(k.lat) * cos(k.lon), "
    "k.up * cos(k.lat) * sin(k.lon) + k.east * cos(k.lon) - k.north * sin(k.lat) * sin(k.lon), "
    "k.up * sin(k.lat) + k.north * cos(k.lat))",
)

_NUMBER: Final = r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"
_NUMBERS: Final = let(
    "w",
    r"string_split_regex(regexp_replace(text_::VARCHAR, '^\s+|\s+$', '', 'g'), '\s+')",
    f"CASE WHEN w IS NULL THEN NULL WHEN len(list_filter(w, lambda s: NOT regexp_matches(s, '{_NUMBER}'))) > 0 "
    "THEN error('a text that is cast to a shape must be numbers with blanks between them') "
    "ELSE list_transform(w, lambda s: vo_functions.double_in(s)) END",
)
_SHAPE_OF: Final = let(
    "s",
    "vo_functions.numbers(text_)",
    "CASE WHEN s IS NULL THEN NULL "
    "WHEN n > 0 AND len(s) <> n OR n = 0 AND (len(s) < 6 OR len(s) % 2 = 1) "
    "THEN error('a text that is cast to a shape has the wrong count of numbers') "
    "WHEN len(list_filter(range(2, CASE WHEN n = 3 THEN 3 ELSE len(s) + 1 END, 2), "
    "lambda i: NOT coalesce(abs(s[i]) <= 90, false))) > 0 OR n = 3 AND NOT coalesce(s[3] BETWEEN 0 AND 180, false) "
    "THEN error('a text that is cast to a shape has an angle out of range') "
    "ELSE list_transform(s, lambda x, i: CASE WHEN i % 2 = 1 AND i <> n THEN x - 360 * floor(x / 360) ELSE x END) END",
)

_TEXT: Final = (
    r"array_to_string(list_transform(shape, lambda x: replace(replace("
    r"regexp_replace(x::VARCHAR, '\.0$', ''), 'nan', 'NaN'), 'inf', 'Infinity')), ' ')"
)

SHAPE_MACROS: Final = (
    ("vector(lon, lat)", _VECTOR),
    ("edge(b, c)", _EDGE),
    ("edges(shape)", _EDGES),
    ("in_edges(place, edges)", _IN_EDGES),
    ("in_polygon(lon, lat, edges)", "vo_functions.in_edges(vo_functions.vector(lon, lat), edges)"),
    ("edge_distance(place, edges)", _EDGE_DISTANCE),
    ("margin(lon, lat, edges)", _MARGIN),
    ("farthest(lon, lat, edges)", _FARTHEST),
    ("signed_area(edges)", _SIGNED_AREA),
    ("polygon_area(edges)", "abs(vo_functions.signed_area(edges)) * power(degrees(1), 2)"),
    ("flat_centroid(edges)", _FLAT_CENTROID),
    ("round_centroid(edges)", _ROUND_CENTROID),
    ("polygon_centroid(edges)", _CENTROID),
    ("bounding_circle(edges)", _BOUNDING_CIRCLE),
    ("edges_cross(one, other)", _CROSS),
    ("polygons_meet(one, other)", _MEET),
    ("polygon_within(one, other)", _WITHIN),
    ("box_corner(lon, lat, half, tilt)", _BOX_CORNER),
    ("box(lon, lat, width, height)", _BOX),
    ("shape_text(shape)", _TEXT),
    ("numbers(text_)", _NUMBERS),
    ("shape_of(text_, n)", _SHAPE_OF),
)
"""Heads and bodies of the macros, each after those that it uses."""
