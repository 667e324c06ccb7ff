"""A catalogue with pgSphere's types and indexes, as other software makes it, and what is in it."""

from __future__ import annotations

import math

import numpy as np

from tests.support.foreign import Foreign

__all__ = ["N_PLATES", "N_STARS", "make_catalogue", "places"]

N_STARS = 2000
N_PLATES = 200


def places(n: int, seed: int) -> tuple[list[float], list[float]]:
    """Return right ascensions and declinations [deg] all over the sphere, both poles and the meridian among them."""
    random = np.random.default_rng(seed)
    ra, dec = random.uniform(0, 360, n), np.degrees(np.arcsin(random.uniform(-1, 1, n)))
    ra[:4], dec[:4] = [0, 0, 0, 359.999999], [90, -90, 0, 0]
    return ra.tolist(), dec.tolist()


def make_catalogue(survey: Foreign) -> None:
    """Make ``stars`` (a point and the same as numbers) and ``plates`` (a circle, and a polygon of four corners)."""
    survey.make(
        """
        CREATE TABLE stars (id integer PRIMARY KEY, pos spoint, alpha double precision, delta double precision);
        CREATE TABLE plates (id integer PRIMARY KEY, field scircle, outline spoly);
        """
    )
    with survey.connection.cursor() as cursor:
        with cursor.copy("COPY stars FROM STDIN") as copy:
            for number, (ra, dec) in enumerate(zip(*places(N_STARS, 1), strict=True)):
                copy.write_row((number, f"({math.radians(ra)!r},{math.radians(dec)!r})", ra, dec))
            copy.write_row((N_STARS, None, None, None))
        with cursor.copy("COPY plates FROM STDIN") as copy:
            for number, (ra, dec) in enumerate(zip(*places(N_PLATES, 2), strict=True)):
                copy.write_row((number, f"<({ra!r}d,{dec!r}d),{1 + number % 9}d>", _square(ra, dec, 1 + number % 5)))
            copy.write_row((N_PLATES, None, None))
    survey.make(
        """
        CREATE INDEX ON stars USING gist (pos);
        CREATE INDEX ON plates USING gist (field);
        CREATE INDEX ON plates USING gist (outline);
        ANALYZE stars; ANALYZE plates;
        """
    )


def _square(ra: float, dec: float, half_deg: float) -> str:
    """Return a polygon of four corners around a place, counter-clockwise as seen from inside the sphere."""
    centre = _vector(ra, dec)
    east = np.array([-math.sin(math.radians(ra)), math.cos(math.radians(ra)), 0])
    north = np.cross(centre, east)
    step = math.tan(math.radians(half_deg))
    corners = []
    for right, up in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x, y, z = centre + step * (right * east + up * north)
        corners.append(f"({math.atan2(y, x) % (2 * math.pi)!r},{math.atan2(z, math.hypot(x, y))!r})")
    return "{" + ",".join(corners) + "}"


def _vector(ra: float, dec: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    a, d = math.radians(ra), math.radians(dec)
    return np.array([math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)])
