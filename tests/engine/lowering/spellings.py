"""Ways in which people write cones, areas and cross-matches of the test sky; those of a family mean the same rows."""

from __future__ import annotations

from typing import Final

__all__ = ["AREAS", "CONES", "MATCHES", "REGIONS"]

CONES: Final = {
    "1 = CONTAINS": "1 = CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 0.2))",
    "CONTAINS = 1": "CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 123, 20, 0.2)) = 1",
    "CONTAINS <> 0": "CONTAINS(POINT(ra, dec), CIRCLE(POINT(123, 20), 0.2)) <> 0",
    "0 < CONTAINS": "0 < CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 0.2))",
    "CONTAINS >= 1": "CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 0.2)) >= 1",
    "CONTAINS BETWEEN": "CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 0.2)) BETWEEN 1 AND 2",
    "CONTAINS IN": "CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 0.2)) IN (1)",
    "bare CONTAINS": "CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 0.2))",
    "NOT CONTAINS = 0": "NOT CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 0.2)) = 0",
    "COALESCE of CONTAINS": "COALESCE(CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 0.2)), 0) = 1",
    "the circle around the row": "1 = CONTAINS(POINT(123, 20), CIRCLE(ra, dec, 0.2))",
    "INTERSECTS with a point": "INTERSECTS(POINT(ra, dec), CIRCLE(123, 20, 0.2)) = 1",
    "INTERSECTS with a point behind": "1 = INTERSECTS(CIRCLE(123, 20, 0.2), POINT(ra, dec))",
    "INTERSECTS of circles": "1 = INTERSECTS(CIRCLE(ra, dec, 0.1), CIRCLE(123, 20, 0.1))",
    "REGION": "1 = CONTAINS(POINT(ra, dec), REGION('Circle ICRS 123 20 0.2'))",
    "CAST to a circle": "1 = CONTAINS(POINT(ra, dec), CAST('123 20 0.2' AS CIRCLE))",
    "DISTANCE of numbers": "DISTANCE(ra, dec, 123, 20) <= 0.2",
    "DISTANCE of numbers, reversed": "0.2 >= DISTANCE(123, 20, ra, dec)",
    "DISTANCE of points": "DISTANCE(POINT(ra, dec), POINT(123, 20)) <= 0.2",
    "DISTANCE of points, reversed": "DISTANCE(POINT('ICRS', 123, 20), POINT('ICRS', ra, dec)) <= 0.2",
    "DISTANCE BETWEEN": "DISTANCE(ra, dec, 123, 20) BETWEEN 0 AND 0.2",
    "NOT DISTANCE >": "NOT DISTANCE(ra, dec, 123, 20) > 0.2",
    "arcseconds": "3600 * DISTANCE(ra, dec, 123, 20) <= 720",
    "arcminutes": "DISTANCE(ra, dec, 123, 20) * 60 <= 12",
    "a fraction": "DISTANCE(ra, dec, 123, 20) <= 12 / 60.",
    "IN_UNIT": "IN_UNIT(DISTANCE(ra, dec, 123, 20), 'arcmin') <= 12",
    "a centroid": "DISTANCE(POINT(ra, dec), CENTROID(CIRCLE(123, 20, 3))) <= 0.2",
    "NOT of OR": "NOT (DISTANCE(ra, dec, 123, 20) > 0.2 OR ra IS NULL)",
    "in AND and parentheses": "(id >= 0 AND (1 = CONTAINS(POINT(ra, dec), CIRCLE(123, 20, 0.2))))",
    "the same twice in OR": "(DISTANCE(ra, dec, 123, 20) <= 0.2 OR DISTANCE(ra, dec, 123, 20) <= 0.1)",
}
"""Conditions on ``sky.objects`` for a cone of 0.2 deg; no object is within 1e-10 deg of its edge."""

AREAS: Final = {
    "BOX": "1 = CONTAINS(POINT(ra, dec), BOX(123, 20, 0.4, 0.4))",
    "BOX with a frame": "CONTAINS(POINT('ICRS', ra, dec), BOX('ICRS', 123, 20, 0.4, 0.4)) = 1",
    "BOX around a point": "1 = CONTAINS(POINT(ra, dec), BOX(POINT(123, 20), 0.4, 0.4))",
    "REGION with a box": "1 = CONTAINS(POINT(ra, dec), REGION('Box ICRS 123 20 0.4 0.4'))",
    "INTERSECTS with a box": "INTERSECTS(BOX(123, 20, 0.4, 0.4), POINT(ra, dec)) <> 0",
    "POLYGON": "1 = CONTAINS(POINT(ra, dec), POLYGON({corners}))",
    "POLYGON of points": "1 = CONTAINS(POINT(ra, dec), POLYGON({points}))",
    "POLYGON with a frame": "1 = CONTAINS(POINT(ra, dec), POLYGON('ICRS', {corners}))",
    "POLYGON reversed": "1 = CONTAINS(POINT(ra, dec), POLYGON({backwards}))",
    "CAST to a polygon": "1 = CONTAINS(POINT(ra, dec), CAST('{text}' AS POLYGON))",
    "REGION with a polygon": "1 = CONTAINS(POINT(ra, dec), REGION('Polygon ICRS {text}'))",
    "REGION of DALI": "1 = CONTAINS(POINT(ra, dec), REGION('polygon {text}'))",
    "NOT of a polygon without": "NOT 0 = CONTAINS(POINT(ra, dec), POLYGON({corners}))",
}
"""Conditions on ``sky.objects`` for a box of 0.4 deg; ``{corners}`` and the like are its corners."""

REGIONS: Final = {
    "a union": ("1 = CONTAINS(POINT(ra, dec), REGION('Union ICRS (Circle 123 20 0.2 Circle 0 0 0.3)'))",
                "DISTANCE(ra, dec, 123, 20) <= 0.2 OR DISTANCE(ra, dec, 0, 0) <= 0.3"),
    "cones in OR": ("DISTANCE(ra, dec, 123, 20) <= 0.2 OR CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 0.3)) = 1",
                    "NOT (NOT DISTANCE(ra, dec, 123, 20) <= 0.2 AND NOT DISTANCE(ra, dec, 0, 0) <= 0.3)"),
    "an intersection": ("1 = CONTAINS(POINT(ra, dec), REGION('Intersection (Circle 123 20 0.2 Circle 123.1 20 0.2)'))",
                        "DISTANCE(ra, dec, 123, 20) <= 0.2 AND DISTANCE(ra, dec, 123.1, 20) <= 0.2"),
    "a ring": ("1 = CONTAINS(POINT(ra, dec), REGION('Intersection (Circle 123 20 0.3 Not (Circle 123 20 0.1))'))",
               "DISTANCE(ra, dec, 123, 20) <= 0.3 AND DISTANCE(ra, dec, 123, 20) > 0.1"),
    "a range": ("1 = CONTAINS(POINT(ra, dec), REGION('range 359.9 0.2 -0.3 0.3'))",
                "dec BETWEEN -0.3 AND 0.3 AND (ra >= 359.9 OR ra <= 0.2)"),
    "a coverage map": ("1 = CONTAINS(POINT(ra, dec), REGION('moc 6/{cell} 7/0-3'))",
                       "ivo_healpix_index(6, ra, dec) IN ({cell}, 0)"),
}  # fmt: skip
"""Pairs of conditions on ``sky.objects``: one that the index should serve, and one that says the same. ``{cell}``
is the cell of order 6 at the crowded place."""

MATCHES: Final = {
    "DISTANCE of numbers": "{m} JOIN {o} ON DISTANCE(m.RAJ2000, m.DEJ2000, o.ra, o.dec) <= 0.001",
    "DISTANCE of points": "{m} JOIN {o} ON DISTANCE(POINT(m.RAJ2000, m.DEJ2000), POINT(o.ra, o.dec)) <= 0.001",
    "reversed": "{o} JOIN {m} ON 0.001 >= DISTANCE(o.ra, o.dec, m.RAJ2000, m.DEJ2000)",
    "in WHERE": "{m}, {o} WHERE DISTANCE(o.ra, o.dec, m.RAJ2000, m.DEJ2000) <= 0.001",
    "arcseconds": "{m} JOIN {o} ON 3600 * DISTANCE(m.RAJ2000, m.DEJ2000, o.ra, o.dec) <= 3.6",
    "CONTAINS": "{m} JOIN {o} ON 1 = CONTAINS(POINT(o.ra, o.dec), CIRCLE(m.RAJ2000, m.DEJ2000, 0.001))",
    "CONTAINS the other way": "{m} JOIN {o} ON CONTAINS(POINT(m.RAJ2000, m.DEJ2000), CIRCLE(o.ra, o.dec, 0.001)) = 1",
    "NOT": "{m} JOIN {o} ON NOT DISTANCE(m.RAJ2000, m.DEJ2000, o.ra, o.dec) > 0.001",
    "INTERSECTS": "{m} JOIN {o} ON INTERSECTS(CIRCLE(m.RAJ2000, m.DEJ2000, 0.001), POINT(o.ra, o.dec)) = 1",
    "a radius in a column": "{m} JOIN {o} ON DISTANCE(m.RAJ2000, m.DEJ2000, o.ra, o.dec) <= m.id * 0 + 0.001",
    "a circle with the radius in a column":
        "{m} JOIN {o} ON 1 = CONTAINS(POINT(o.ra, o.dec), CIRCLE(m.RAJ2000, m.DEJ2000, m.id * 0 + 0.001))",
    "through a subquery": "(SELECT RAJ2000 AS x, DEJ2000 AS y, match_id FROM sky.matches) AS m JOIN {o} "
        "ON DISTANCE(m.x, m.y, o.ra, o.dec) <= 0.001",
}  # fmt: skip
"""Joins of ``sky.matches AS m`` and ``sky.objects AS o`` within 0.001 deg."""
