"""Ways in which people write cones, areas and cross-matches; those of a family mean the same rows.

The texts have holes: ``{lon}``, ``{lat}`` and ``{r}`` [deg] for a cone, and what follows from them.
"""

from __future__ import annotations

from typing import Final

from vo_server.sky.healpix import cells
from vo_server.sky.polygon import box_corners_deg

__all__ = ["AREAS", "CONES", "MATCHES", "REGIONS", "values"]

CONES: Final = {
    "1 = CONTAINS": "1 = CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {r}))",
    "CONTAINS = 1": "CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', {lon}, {lat}, {r})) = 1",
    "CONTAINS <> 0": "CONTAINS(POINT(ra, dec), CIRCLE(POINT({lon}, {lat}), {r})) <> 0",
    "0 < CONTAINS": "0 < CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {r}))",
    "CONTAINS >= 1": "CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {r})) >= 1",
    "CONTAINS BETWEEN": "CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {r})) BETWEEN 1 AND 2",
    "CONTAINS IN": "CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {r})) IN (1)",
    "bare CONTAINS": "CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {r}))",
    "NOT CONTAINS = 0": "NOT CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {r})) = 0",
    "COALESCE of CONTAINS": "COALESCE(CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {r})), 0) = 1",
    "the circle around the row": "1 = CONTAINS(POINT({lon}, {lat}), CIRCLE(ra, dec, {r}))",
    "INTERSECTS with a point": "INTERSECTS(POINT(ra, dec), CIRCLE({lon}, {lat}, {r})) = 1",
    "INTERSECTS with a point behind": "1 = INTERSECTS(CIRCLE({lon}, {lat}, {r}), POINT(ra, dec))",
    "INTERSECTS of circles": "1 = INTERSECTS(CIRCLE(ra, dec, {half}), CIRCLE({lon}, {lat}, {half}))",
    "REGION": "1 = CONTAINS(POINT(ra, dec), REGION('Circle ICRS {lon} {lat} {r}'))",
    "CAST to a circle": "1 = CONTAINS(POINT(ra, dec), CAST('{lon} {lat} {r}' AS CIRCLE))",
    "DISTANCE of numbers": "DISTANCE(ra, dec, {lon}, {lat}) <= {r}",
    "DISTANCE of numbers, reversed": "{r} >= DISTANCE({lon}, {lat}, ra, dec)",
    "DISTANCE of points": "DISTANCE(POINT(ra, dec), POINT({lon}, {lat})) <= {r}",
    "DISTANCE of points, reversed": "DISTANCE(POINT('ICRS', {lon}, {lat}), POINT('ICRS', ra, dec)) <= {r}",
    "DISTANCE BETWEEN": "DISTANCE(ra, dec, {lon}, {lat}) BETWEEN 0 AND {r}",
    "NOT DISTANCE >": "NOT DISTANCE(ra, dec, {lon}, {lat}) > {r}",
    "arcseconds": "3600 * DISTANCE(ra, dec, {lon}, {lat}) <= {arcsec}",
    "arcminutes": "DISTANCE(ra, dec, {lon}, {lat}) * 60 <= {arcmin}",
    "a fraction": "DISTANCE(ra, dec, {lon}, {lat}) <= {arcmin} / 60.",
    "IN_UNIT": "IN_UNIT(DISTANCE(ra, dec, {lon}, {lat}), 'arcmin') <= {arcmin}",
    "a centroid": "DISTANCE(POINT(ra, dec), CENTROID(CIRCLE({lon}, {lat}, 3))) <= {r}",
    "NOT of OR": "NOT (DISTANCE(ra, dec, {lon}, {lat}) > {r} OR ra IS NULL)",
    "in AND and parentheses": "(id >= 0 AND (1 = CONTAINS(POINT(ra, dec), CIRCLE({lon}, {lat}, {r}))))",
    "the same twice in OR": "(DISTANCE(ra, dec, {lon}, {lat}) <= {r} OR DISTANCE(ra, dec, {lon}, {lat}) <= {half})",
}
"""Conditions on a table with ``id``, ``ra`` and ``dec`` for a cone; ``{half}`` is half of the radius."""

AREAS: Final = {
    "BOX": "1 = CONTAINS(POINT(ra, dec), BOX({lon}, {lat}, {side}, {side}))",
    "BOX with a frame": "CONTAINS(POINT('ICRS', ra, dec), BOX('ICRS', {lon}, {lat}, {side}, {side})) = 1",
    "BOX around a point": "1 = CONTAINS(POINT(ra, dec), BOX(POINT({lon}, {lat}), {side}, {side}))",
    "REGION with a box": "1 = CONTAINS(POINT(ra, dec), REGION('Box ICRS {lon} {lat} {side} {side}'))",
    "INTERSECTS with a box": "INTERSECTS(BOX({lon}, {lat}, {side}, {side}), POINT(ra, dec)) <> 0",
    "POLYGON": "1 = CONTAINS(POINT(ra, dec), POLYGON({corners}))",
    "POLYGON of points": "1 = CONTAINS(POINT(ra, dec), POLYGON({points}))",
    "POLYGON with a frame": "1 = CONTAINS(POINT(ra, dec), POLYGON('ICRS', {corners}))",
    "POLYGON reversed": "1 = CONTAINS(POINT(ra, dec), POLYGON({backwards}))",
    "CAST to a polygon": "1 = CONTAINS(POINT(ra, dec), CAST('{text}' AS POLYGON))",
    "REGION with a polygon": "1 = CONTAINS(POINT(ra, dec), REGION('Polygon ICRS {text}'))",
    "REGION of DALI": "1 = CONTAINS(POINT(ra, dec), REGION('polygon {text}'))",
    "NOT of a polygon without": "NOT 0 = CONTAINS(POINT(ra, dec), POLYGON({corners}))",
}
"""Conditions for a box with sides of ``{side}``; ``{corners}`` and the like are its corners."""

REGIONS: Final = {
    "a union": ("1 = CONTAINS(POINT(ra, dec), REGION('Union ICRS (Circle {lon} {lat} {r} Circle 0 0 0.3)'))",
                "DISTANCE(ra, dec, {lon}, {lat}) <= {r} OR DISTANCE(ra, dec, 0, 0) <= 0.3"),
    "cones in OR": ("DISTANCE(ra, dec, {lon}, {lat}) <= {r} OR CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 0.3)) = 1",
                    "NOT (NOT DISTANCE(ra, dec, {lon}, {lat}) <= {r} AND NOT DISTANCE(ra, dec, 0, 0) <= 0.3)"),
    "an intersection": (("1 = CONTAINS(POINT(ra, dec), "
                        "REGION('Intersection (Circle {lon} {lat} {r} Circle {beside} {lat} {r})'))"),
                        "DISTANCE(ra, dec, {lon}, {lat}) <= {r} AND DISTANCE(ra, dec, {beside}, {lat}) <= {r}"),
    "a ring": (("1 = CONTAINS(POINT(ra, dec), "
               "REGION('Intersection (Circle {lon} {lat} {r} Not (Circle {lon} {lat} {half}))'))"),
               "DISTANCE(ra, dec, {lon}, {lat}) <= {r} AND DISTANCE(ra, dec, {lon}, {lat}) > {half}"),
    "a range": ("1 = CONTAINS(POINT(ra, dec), REGION('range 359.9 0.2 -0.3 0.3'))",
                "dec BETWEEN -0.3 AND 0.3 AND (ra >= 359.9 OR ra <= 0.2)"),
    "a coverage map": ("1 = CONTAINS(POINT(ra, dec), REGION('moc 6/{cell} 7/0-3'))",
                       "ivo_healpix_index(6, ra, dec) IN ({cell}, 0)"),
}  # fmt: skip
"""Pairs of conditions: one that the index should serve, and one that says the same. ``{cell}`` is the cell of order 6
at the centre, ``{beside}`` a longitude half a radius away."""

MATCHES: Final = {
    "DISTANCE of numbers": "{m} JOIN {o} ON DISTANCE(m.RAJ2000, m.DEJ2000, o.ra, o.dec) <= {r}",
    "DISTANCE of points": "{m} JOIN {o} ON DISTANCE(POINT(m.RAJ2000, m.DEJ2000), POINT(o.ra, o.dec)) <= {r}",
    "reversed": "{o} JOIN {m} ON {r} >= DISTANCE(o.ra, o.dec, m.RAJ2000, m.DEJ2000)",
    "in WHERE": "{m}, {o} WHERE DISTANCE(o.ra, o.dec, m.RAJ2000, m.DEJ2000) <= {r}",
    "arcseconds": "{m} JOIN {o} ON 3600 * DISTANCE(m.RAJ2000, m.DEJ2000, o.ra, o.dec) <= {arcsec}",
    "CONTAINS": "{m} JOIN {o} ON 1 = CONTAINS(POINT(o.ra, o.dec), CIRCLE(m.RAJ2000, m.DEJ2000, {r}))",
    "CONTAINS the other way": "{m} JOIN {o} ON CONTAINS(POINT(m.RAJ2000, m.DEJ2000), CIRCLE(o.ra, o.dec, {r})) = 1",
    "NOT": "{m} JOIN {o} ON NOT DISTANCE(m.RAJ2000, m.DEJ2000, o.ra, o.dec) > {r}",
    "INTERSECTS": "{m} JOIN {o} ON INTERSECTS(CIRCLE(m.RAJ2000, m.DEJ2000, {r}), POINT(o.ra, o.dec)) = 1",
    "a radius in a column": "{m} JOIN {o} ON DISTANCE(m.RAJ2000, m.DEJ2000, o.ra, o.dec) <= m.id * 0 + {r}",
    "a circle with the radius in a column":
        "{m} JOIN {o} ON 1 = CONTAINS(POINT(o.ra, o.dec), CIRCLE(m.RAJ2000, m.DEJ2000, m.id * 0 + {r}))",
    "through a subquery": "(SELECT RAJ2000 AS x, DEJ2000 AS y, match_id FROM {matches}) AS m JOIN {o} "
        "ON DISTANCE(m.x, m.y, o.ra, o.dec) <= {r}",
}  # fmt: skip
"""Joins of the tables ``{m}`` and ``{o}``, which have the aliases m and o, within a radius."""


def values(lon_deg: float, lat_deg: float, radius_deg: float) -> dict[str, str]:
    """Return what fills the holes for a cone, or for a box with sides of twice its radius.

    Parameters
    ----------
    lon_deg, lat_deg
        Centre [deg].
    radius_deg
        Radius of cones and of matches [deg].
    """
    corners = box_corners_deg(lon_deg, lat_deg, 2 * radius_deg, 2 * radius_deg)
    flat = [repr(number) for corner in corners for number in corner]
    return {
        "lon": repr(lon_deg),
        "lat": repr(lat_deg),
        "r": repr(radius_deg),
        "half": repr(radius_deg / 2),
        "side": repr(2 * radius_deg),
        "arcmin": repr(round(radius_deg * 60, 9)),
        "arcsec": repr(round(radius_deg * 3600, 9)),
        "beside": repr(lon_deg + radius_deg / 2),
        "cell": str(int(cells([lon_deg], [lat_deg])[0]) >> 2 * 23),
        "corners": ", ".join(flat),
        "text": " ".join(flat),
        "points": ", ".join(f"POINT({ra!r}, {dec!r})" for ra, dec in corners),
        "backwards": ", ".join(f"{ra!r}, {dec!r}" for ra, dec in reversed(corners)),
    }
