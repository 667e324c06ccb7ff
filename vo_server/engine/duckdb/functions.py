"""Functions of the query language that are more than one expression, as macros of DuckDB.

Names and meanings are those of ``sql/postgres/040_functions.sql``: the same formulas in the same order, so that both
engines give the same digits. A macro is pasted into the query, hence a value that is needed more than once is bound by
``list_transform([value], lambda name: ...)[1]``, which DuckDB computes once a row and in vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.engine.duckdb.binding import let
from vo_server.engine.duckdb.distance import create_distance
from vo_server.engine.duckdb.shapes import SHAPE_MACROS

if TYPE_CHECKING:
    import duckdb

__all__ = ["create_functions"]


_SHUFFLE: Final = (
    (16, 0x00000000FFFF0000),
    (8, 0x0000FF000000FF00),
    (4, 0x00F000F000F000F0),
    (2, 0x0C0C0C0C0C0C0C0C),
    (1, 0x2222222222222222),
)
"""Shift and mask of each step that interleaves the bits of two halves (Warren, Hacker's Delight, section 7-2)."""


def _shuffled(value: str, steps: tuple[tuple[int, int], ...]) -> str:
    for at, (shift, mask) in enumerate(steps):
        swapped = f"(xor(b{at}, b{at} >> {shift}) & {mask})"
        value = let(f"b{at}", value, f"xor(xor(b{at}, {swapped}), {swapped} << {shift})")
    return value


_D: Final = "DOUBLE"
_POLAR: Final = "sqrt(6::DOUBLE)"

_EQUATOR: Final = let(
    "e",
    "{'s': s, "
    "'jp': greatest(floor(s.n * (0.5::DOUBLE + s.turn) - s.n * (0.75::DOUBLE * s.z)), 0)::BIGINT, "
    "'jm': greatest(floor(s.n * (0.5::DOUBLE + s.turn) + s.n * (0.75::DOUBLE * s.z)), 0)::BIGINT}",
    "{'face': CASE WHEN (e.jp >> e.s.o) = (e.jm >> e.s.o) THEN ((e.jp >> e.s.o) & 3) + 4 "
    "WHEN (e.jp >> e.s.o) < (e.jm >> e.s.o) THEN (e.jp >> e.s.o) & 3 ELSE ((e.jm >> e.s.o) & 3) + 8 END, "
    "'x': (e.jm & (e.s.n - 1)) | ((e.s.n - 1 - (e.jp & (e.s.n - 1))) << 32), 'o': e.s.o}",
)
_CAP: Final = let(
    "e",
    f"{{'s': s, 'quarter': floor(s.turn)::BIGINT, 'r': s.n * ({_POLAR} * sin(radians((90 - abs(s.lat)) / 2)))}}",
    let(
        "p",
        "{'s': e.s, 'quarter': e.quarter, "
        "'jp': least(floor((e.s.turn - e.quarter) * e.r), e.s.n - 1)::BIGINT, "
        "'jm': least(floor((1 - (e.s.turn - e.quarter)) * e.r), e.s.n - 1)::BIGINT}",
        "{'face': CASE WHEN p.s.lat >= 0 THEN p.quarter ELSE p.quarter + 8 END, "
        "'x': CASE WHEN p.s.lat >= 0 THEN (p.s.n - 1 - p.jm) | ((p.s.n - 1 - p.jp) << 32) "
        "ELSE p.jp | (p.jm << 32) END, 'o': p.s.o}",
    ),
)
_TURN: Final = "((g.lon - 360 * floor(g.lon / 360)) / 90)"
_CELL: Final = let(
    "f",
    let(
        "s",
        "{'o': g.o, 'n': 1::BIGINT << g.o, 'lat': g.lat, 'z': sin(radians(g.lat)), "
        f"'turn': CASE WHEN {_TURN} >= 4 THEN 0 ELSE {_TURN} END}}",
        f"CASE WHEN abs(s.z) <= 2::DOUBLE / 3 THEN {_EQUATOR} ELSE {_CAP} END",
    ),
    f"(f.face << (2 * f.o)) | {_shuffled('f.x', _SHUFFLE)}",
)
_HEALPIX_INDEX: Final = let(
    "g",
    "{'o': hpx_order::BIGINT, 'lon': lon::DOUBLE, 'lat': lat::DOUBLE}",
    f"CASE WHEN g.o BETWEEN 0 AND 29 AND g.lat BETWEEN -90 AND 90 AND isfinite(g.lon) THEN {_CELL} END",
)

_ASIN: Final = f"(2 * degrees(asin(r.nr / (r.n * {_POLAR}))))"
_CENTER: Final = let(
    "c",
    "{'n': g.n, 'face': g.i >> (2 * g.o), 'x': " + _shuffled("(g.i & (g.n * g.n - 1))", _SHUFFLE[::-1]) + "}",
    let(
        "q",
        "{'n': c.n, 'face': c.face, 'ring': (2 + c.face // 4) * c.n - (c.x & 4294967295) - (c.x >> 32) - 1, "
        "'across': (c.x & 4294967295) - (c.x >> 32)}",
        let(
            "r",
            "{'n': q.n, 'ring': q.ring, 'nr': least(q.ring, q.n, 4 * q.n - q.ring), "
            "'step': (2 * (q.face % 4) + 1 - (q.face // 4) % 2) * least(q.ring, q.n, 4 * q.n - q.ring) + q.across}",
            "[45 * (CASE WHEN r.step < 0 THEN r.step + 8 * r.nr ELSE r.step END)::DOUBLE / r.nr, "
            f"CASE WHEN r.ring < r.n THEN 90 - {_ASIN} WHEN r.ring > 3 * r.n THEN {_ASIN} - 90 "
            "ELSE degrees(asin((2 * r.n - r.ring) * 2 / (3 * r.n::DOUBLE))) END]",
        ),
    ),
)
_HEALPIX_CENTER: Final = let(
    "g",
    "{'o': hpx_order::BIGINT, 'n': CASE WHEN hpx_order BETWEEN 0 AND 29 THEN 1::BIGINT << hpx_order::BIGINT END, "
    "'i': hpx_index::BIGINT}",
    f"CASE WHEN g.i >= 0 AND g.i < 12 * g.n * g.n THEN {_CENTER} END",
)

_PLACE: Final = let(
    "v",
    "{'x': x, 'y': y, 'z': z}",
    let(
        "a",
        "[degrees(atan2(v.y, v.x)), degrees(atan2(v.z, sqrt(v.x * v.x + v.y * v.y)))]",
        "[CASE WHEN a[1] < 0 THEN a[1] + 360 ELSE a[1] END, a[2]]",
    ),
)

_MAS: Final = "4.84813681109536e-09"
_NUMBER: Final = "coalesce(nullif({0}::DOUBLE, 'NaN'::DOUBLE), 0)"
_MOTION: Final = let(
    "m",
    "{'ca': cos(radians(g.ra)), 'sa': sin(radians(g.ra)), 'cd': cos(radians(g.de)), 'sd': sin(radians(g.de)), "
    f"'along': 1 + g.along / 4.740470463533349e0 * {_MAS} * g.years, "
    f"'east': g.east * {_MAS} * g.years, 'north': g.north * {_MAS} * g.years}}",
    "vo_functions.place(m.cd * m.ca * m.along - m.sa * m.east - m.sd * m.ca * m.north, "
    "m.cd * m.sa * m.along + m.ca * m.east - m.sd * m.sa * m.north, m.sd * m.along + m.cd * m.north)",
)
_EPOCH_POSITION: Final = let(
    "g",
    "{'ra': ra::DOUBLE, 'de': \"dec\"::DOUBLE, 'years': out_epoch::DOUBLE - ref_epoch::DOUBLE, "
    f"'along': {_NUMBER.format('radial_velocity')} * {_NUMBER.format('parallax')}, "
    f"'east': {_NUMBER.format('pmra')}, 'north': {_NUMBER.format('pmdec')}}}",
    "CASE WHEN g.ra IS NULL OR g.de IS NULL OR g.years IS NULL "
    "THEN error('ivo_epoch_prop_pos is undefined for values that are NULL') "
    f"WHEN isfinite(g.ra) AND isfinite(g.de) AND isfinite(g.years) THEN {_MOTION} END",
)

_ROTATED: Final = let(
    "g",
    "{'s': shape, 'm': matrix, 'x': cos(radians(shape[2])) * cos(radians(shape[1])), "
    "'y': cos(radians(shape[2])) * sin(radians(shape[1])), 'z': sin(radians(shape[2]))}",
    "CASE WHEN isfinite(g.s[1]) AND isfinite(g.s[2]) THEN list_concat(vo_functions.place("
    "g.m[1] * g.x + g.m[2] * g.y + g.m[3] * g.z, g.m[4] * g.x + g.m[5] * g.y + g.m[6] * g.z, "
    "g.m[7] * g.x + g.m[8] * g.y + g.m[9] * g.z), g.s[3:]) END",
)

_ROTATED_POLYGON: Final = let(
    "k",
    "{'s': shape, 'm': matrix}",
    "CASE WHEN k.s IS NOT NULL THEN flatten(list_transform(range(1, len(k.s) // 2 + 1), "
    "lambda i: vo_functions.rotated([k.s[2 * i - 1], k.s[2 * i]], k.m))) END",
)

_LONGER: Final = "".join(map(chr, (
    0x00DF, 0x0149, 0x01F0, 0x0390, 0x03B0, 0x0587, *range(0x1E96, 0x1E9B), 0x1F50, 0x1F52, 0x1F54, 0x1F56,
    *range(0x1F80, 0x1FB0), *range(0x1FB2, 0x1FB5), *range(0x1FB6, 0x1FB8), 0x1FBC, *range(0x1FC2, 0x1FC5),
    *range(0x1FC6, 0x1FC8), 0x1FCC, *range(0x1FD2, 0x1FD4), *range(0x1FD6, 0x1FD8), *range(0x1FE2, 0x1FE5),
    *range(0x1FE6, 0x1FE8), *range(0x1FF2, 0x1FF5), *range(0x1FF6, 0x1FF8), 0x1FFC, *range(0xFB00, 0xFB07),
    *range(0xFB13, 0xFB18),
)))  # fmt: skip
"""Characters whose upper case is longer, which DuckDB's function does not know; all others are as it says."""

_DOTTED: Final = "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}"
"""The only character whose lower case is longer."""

_SIGMAS: Final = "'\N{GREEK SMALL LETTER FINAL SIGMA}', '\N{GREEK SMALL LETTER SIGMA}'"

_UPPER_CASES: Final = f"MAP([{', '.join(map(repr, _LONGER))}], [{', '.join(repr(one.upper()) for one in _LONGER)}])"
_UPPER_CASE: Final = (
    f"CASE WHEN regexp_matches(text_, '[{_LONGER}]') THEN array_to_string(list_transform(string_split(text_, ''), "
    f"lambda one: coalesce(map_extract_value({_UPPER_CASES}, one), upper(one))), '') ELSE upper(text_) END"
)

_INSTANT: Final = (
    "^(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-[0-9]{2}-[0-9]{2}"
    "([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?Z?)?$"
)


def _number_in(type_name: str) -> str:
    """Write the reading of a number; DuckDB takes 1_000 and +-1 for numbers, and 1e999 for an infinity."""
    spoilt = "replace(replace(text_, '_', 'z'), '+-', 'z')"
    return let(
        "r",
        f"CAST({spoilt} AS {type_name})",
        "CASE WHEN isinf(r) AND NOT contains(lower(text_), 'inf') OR r = 0 AND regexp_matches(text_, '^[^eE]*[1-9]') "
        "THEN error('out of range for the destination type') ELSE r END",
    )


_PACKED: Final = r"^([+-]?[0-9]{2})([0-9]{2})([0-9]{2}([.][0-9]*)?)$"
_COLONS: Final = r"^([+-]?)([0-9]{1,3}):([0-5]?[0-9]):([0-5]?[0-9](?:[.][0-9]*)?)$"
_LETTERS: Final = (
    "'^([+-]?[0-9]{1,3})' || left(marks, 1) || '([0-9]{1,2})' || substr(marks, 2, 1) || "
    "'([0-9]{1,2}([.][0-9]*)?)' || right(marks, 1) || '$'"
)
_SEXAGESIMAL: Final = let(
    "p",
    rf"regexp_extract(regexp_replace(regexp_replace(text_::VARCHAR, '{_PACKED}', '\1:\2:\3'), "
    rf"{_LETTERS}, '\1:\2:\3', 'i'), '{_COLONS}', ['sign', 'a', 'b', 'c'])",
    "CASE WHEN p.a <> '' THEN (CASE WHEN p.sign = '-' THEN -1 ELSE 1 END) * "
    "(CAST(p.a AS DOUBLE) + CAST(p.b AS DOUBLE) / 60 + CAST(p.c AS DOUBLE) / 3600) END",
)
_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WORDS: Final = (
    f"list_filter(string_split_regex(translate(text_::VARCHAR, '{_UPPER}', '{_UPPER.lower()}'), "
    r"'[ \t\n\r\f\v!-/:-@[-`{-~]+'), lambda word: word <> '')"
)

_BIN: Final = let(
    "g",
    "{'v': val::DOUBLE, 'low': low::DOUBLE, 'high': high::DOUBLE}",
    "CASE WHEN NOT coalesce(g.low < g.high AND isfinite(g.high - g.low), false) THEN NULL "
    "WHEN g.v IS NULL OR isnan(g.v) OR g.v < g.low THEN 0 WHEN g.v >= g.high THEN n + 1 "
    "ELSE least(floor((g.v - g.low) / (g.high - g.low) * n), n - 1)::INTEGER + 1 END",
)

_MACROS: Final = (
    ("healpix_index(hpx_order, lon, lat)", _HEALPIX_INDEX),
    (
        "healpix_index_of(hpx_order, place)",
        let("h", "place", "vo_functions.healpix_index(hpx_order, h[1], h[2])"),
    ),
    ("healpix_center(hpx_order, hpx_index)", _HEALPIX_CENTER),
    ("place(x, y, z)", _PLACE),
    (
        'epoch_position(ra, "dec", parallax, pmra, pmdec, radial_velocity, ref_epoch, out_epoch)',
        _EPOCH_POSITION,
    ),
    ("rotated(shape, matrix)", _ROTATED),
    ("rotated_polygon(shape, matrix)", _ROTATED_POLYGON),
    ("lower_case(text_)", f"lower(replace(text_, '{_DOTTED}', '{_DOTTED.lower()}'))"),
    ("caseless(text_)", f"replace(replace(vo_functions.lower_case(text_), {_SIGMAS}), '{_DOTTED.lower()}', 'i')"),
    ("upper_case(text_)", _UPPER_CASE),
    ("double_in(text_)", _number_in("DOUBLE")),
    ("real_in(text_)", _number_in("REAL")),
    (
        "instant_text(text_)",
        (
            f"CASE WHEN regexp_matches(trim(text_), '{_INSTANT}') THEN left(trim(text_), 26) "
            "WHEN text_ IS NOT NULL THEN 'no timestamp' END"
        ),
    ),
    ("time_in(text_)", "TRY_CAST(vo_functions.instant_text(text_) AS TIMESTAMP)"),
    ("sexagesimal(text_, marks)", _SEXAGESIMAL),
    ("words(text_)", _WORDS),
    (
        "has_words(haystack, needle)",
        let(
            "w",
            "{'h': vo_functions.words(haystack), 'n': vo_functions.words(needle)}",
            # An AND may be false although one side is NULL; the function of PostgreSQL is strict.
            "CASE WHEN w.h IS NOT NULL THEN CAST(len(w.n) > 0 AND list_has_all(w.h, w.n) AS INTEGER) END",
        ),
    ),
    (
        "hashlist_has(hashlist, item)",
        (
            "CASE WHEN item IS NOT NULL THEN "
            "CAST(hashlist <> '' AND list_contains(string_split(lower(hashlist), '#'), lower(item)) AS INTEGER) END"
        ),
    ),
    ("bin_of(val, low, high, n)", _BIN),
    (
        "tally(bin, n)",
        let(
            "h",
            "histogram(bin)",
            "list_transform(range(0, n + 2), lambda k: coalesce(map_extract_value(h, k::INTEGER), 0)::INTEGER)",
        ),
    ),
)
"""Heads and bodies of the macros, each after those that it uses."""


def create_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the macros, in a schema of their own, and the one function beside them."""
    connection.execute("CREATE SCHEMA vo_functions")
    for head, body in (*_MACROS, *SHAPE_MACROS):
        connection.execute(f"CREATE MACRO vo_functions.{head} AS {body}")
    create_distance(connection)
