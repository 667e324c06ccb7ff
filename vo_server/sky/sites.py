"""Where telescopes stand."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Final

from vo_server.errors import UsageError

__all__ = ["SITES", "Site", "find_site"]

_N_NUMBERS: Final = (2, 3)
_MOST_LON_DEG: Final = 360.0
_MOST_LAT_DEG: Final = 90.0


@dataclass(frozen=True)
class Site:
    """A place on Earth, on the WGS84 ellipsoid."""

    name: str
    lon_deg: float
    """East of Greenwich [deg]."""
    lat_deg: float
    """Geodetic [deg]."""
    height_m: float = 0.0
    aliases: tuple[str, ...] = ()


SITES: Final = (
    Site("apache point", -105.8204, 32.7803, 2788, ("apo", "sdss")),
    Site("calar alto", -2.5468, 37.2236, 2168, ("caha",)),
    Site("cerro pachon", -70.7494, -30.2446, 2663, ("rubin", "lsst", "simonyi")),
    Site("cerro tololo", -70.8150, -30.1653, 2215, ("ctio", "blanco")),
    Site("gemini north", -155.4690, 19.8238, 4213),
    Site("gemini south", -70.7367, -30.2407, 2722),
    Site("greenwich", 0.0, 51.4778, 46),
    Site("haute provence", 5.7133, 43.9308, 650, ("ohp",)),
    Site("javalambre", -1.0163, 40.0418, 1957, ("oaj",)),
    Site("keck", -155.4783, 19.8283, 4160, ("mauna kea", "maunakea")),
    Site("kitt peak", -111.5999, 31.9634, 2120, ("kpno", "mayall")),
    Site("la palma", -17.8825, 28.7583, 2327, ("orm", "roque de los muchachos", "gtc", "wht", "not")),
    Site("la silla", -70.7300, -29.2567, 2347, ("lasilla",)),
    Site("las campanas", -70.7017, -29.0033, 2282, ("lco", "magellan")),
    Site("lick", -121.6367, 37.3433, 1290),
    Site("mcdonald", -104.0217, 30.6717, 2075, ("het",)),
    Site("meerkat", 21.4439, -30.7132, 1053, ("ska mid",)),
    Site("mount graham", -109.8892, 32.7017, 3221, ("lbt",)),
    Site("palomar", -116.8630, 33.3560, 1706),
    Site("paranal", -70.4045, -24.6272, 2635, ("vlt", "vista")),
    Site("siding spring", 149.0672, -31.2770, 1164, ("aat",)),
    Site("subaru", -155.4761, 19.8256, 4139),
    Site("sutherland", 20.8108, -32.3760, 1798, ("saao", "salt")),
    Site("teide", -16.5097, 28.3000, 2390, ("ot", "izana")),
    Site("vla", -107.6183, 34.0787, 2124),
)
"""Observatories by the names that people use, good to about a hundred metres, as the observatories publish them."""


def find_site(given: str) -> Site:
    """Return the site of a name, in any case, or of numbers ``longitude,latitude[,height]`` [deg, deg, m].

    Raises
    ------
    UsageError
        If no site is called so, or the numbers are none of a place on Earth.
    """
    wanted = " ".join(given.lower().replace("_", " ").replace("-", " ").split())
    by_name = {name: site for site in SITES for name in (site.name, *site.aliases)}
    if wanted in by_name:
        return by_name[wanted]
    if "," in given:
        return _of_numbers(given)
    near = difflib.get_close_matches(wanted, by_name, n=3, cutoff=0.6)
    known = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(site.name for site in SITES)}"
    raise UsageError(f"no site is called {given!r}", hint=f"{known}; or give longitude,latitude,height [deg, deg, m]")


def _of_numbers(given: str) -> Site:
    try:
        numbers = [float(part) for part in given.split(",")]
    except ValueError:
        numbers = []
    is_place = (
        len(numbers) in _N_NUMBERS
        and all(math.isfinite(one) for one in numbers)
        and abs(numbers[0]) <= _MOST_LON_DEG
        and abs(numbers[1]) <= _MOST_LAT_DEG
    )
    if not is_place:
        raise UsageError(
            f"{given!r} is not a place; expected longitude,latitude[,height] in degrees east, degrees and metres",
            hint="for example --site=-70.4045,-24.6272,2635",
        )
    return Site(given, numbers[0], numbers[1], numbers[2] if len(numbers) == _N_NUMBERS[1] else 0.0)
