"""A catalogue with pgSphere's types and indexes, as other software makes it, and what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.support.foreign import Foreign

__all__ = ["N_PLATES", "N_STARS", "corners", "make_catalogue", "places", "plates", "radius_deg", "stars"]

N_STARS = 4000
N_PLATES = 1500


def places(n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return right ascensions and declinations [deg] all over the sphere, both poles and the meridian among them."""
    random = np.random.default_rng(seed)
    ra, dec = random.uniform(0, 360, n), np.degrees(np.arcsin(random.uniform(-1, 1, n)))
    ra[:4], dec[:4] = [0, 0, 0, 359.999999], [90, -90, 0, 0]
    return ra, dec


def stars() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the places of the stars [deg]; their ids count from 0."""
    return places(N_STARS, 1)


def plates() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centres of the plates [deg]; their ids count from 0."""
    return places(N_PLATES, 2)


def radius_deg(plate: int) -> float:
    """Return the radius of a plate's circle [deg]: 0.2 to 1.8, and 60 for one of them."""
    return 60.0 if plate == N_PLATES - 1 else 0.2 * (1 + plate % 9)


def corners(plate: int) -> NDArray[np.float64]:
    """Return the four corners of a plate's polygon [deg], a square, shape (4, 2); every other one runs clockwise."""
    ra, dec = (float(one[plate]) for one in plates())
    a, d = np.radians(ra), np.radians(dec)
    centre = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    east = np.array([-np.sin(a), np.cos(a), 0])
    step = np.tan(np.radians(0.3 * (1 + plate % 5)))
    found = []
    for right, up in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x, y, z = centre + step * (right * east + up * np.cross(centre, east))
        found.append((np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))))
    return np.array(found[::-1] if plate % 2 else found)


def make_catalogue(survey: Foreign) -> None:
    """Make ``stars`` (a point, and the same as numbers) and ``plates`` (a circle and a polygon); one row is NULL."""
    survey.make(
        """
        CREATE TABLE stars (id integer PRIMARY KEY, pos spoint, alpha double precision, delta double precision);
        CREATE TABLE plates (id integer PRIMARY KEY, field scircle, outline spoly);
        """
    )
    with survey.connection.cursor() as cursor:
        with cursor.copy("COPY stars FROM STDIN") as copy:
            for number, (ra, dec) in enumerate(zip(*(one.tolist() for one in stars()), strict=True)):
                copy.write_row((number, f"({ra!r}d,{dec!r}d)", ra, dec))
            copy.write_row((N_STARS, None, None, None))
        with cursor.copy("COPY plates FROM STDIN") as copy:
            for number, (ra, dec) in enumerate(zip(*(one.tolist() for one in plates()), strict=True)):
                outline = ",".join(f"({lon!r}d,{lat!r}d)" for lon, lat in corners(number).tolist())
                copy.write_row((number, f"<({ra!r}d,{dec!r}d),{radius_deg(number)!r}d>", f"{{{outline}}}"))
            copy.write_row((N_PLATES, None, None))
    survey.make(
        """
        CREATE INDEX ON stars USING gist (pos);
        CREATE INDEX ON plates USING gist (field);
        CREATE INDEX ON plates USING gist (outline);
        ANALYZE stars; ANALYZE plates;
        """
    )
