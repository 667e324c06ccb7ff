"""Which objects of a list can be observed in a night, and how well."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_sun
from astropy.coordinates.erfa_astrom import ErfaAstromInterpolator, erfa_astrom
from astropy.time import Time, TimeDelta
from astropy.utils import iers
from astropy.utils.exceptions import AstropyWarning
from erfa import ErfaWarning

from vo_server.errors import UsageError
from vo_server.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vo_server.sky.sites import Site

__all__ = ["DARK_DEG", "Night", "Visibility", "at_epoch", "night_of", "visibility"]

DARK_DEG: Final = -18.0
"""Altitude of the Sun below which a night is dark [deg]."""

_SUN_STEP_S: Final = 60.0
_STEP_S: Final = 300.0
"""Steps of the search for the highest altitude [s]: over the night, then around the best of the step before."""
_FINER_S: Final = (15.0, 1.0)

_AT_ONCE: Final = 1_000
"""Objects that are computed together."""

_INTERPOLATED: Final = 300 * u.s
"""Between such times the slow part of the Earth's motion is interpolated: good to a microarcsecond."""

_DAY_S: Final = 86_400.0


@dataclass(frozen=True)
class Night:
    """The dark part of a night at a site."""

    site: Site
    evening: dt.date
    """Local date of the evening."""
    start: Time
    """UTC."""
    end: Time
    """UTC."""

    @property
    def middle(self) -> Time:
        """Middle of the dark time."""
        return self.start + (self.end - self.start) / 2

    @property
    def length_s(self) -> float:
        """Length of the dark time [s]."""
        return float((self.end - self.start).to_value(u.s))


@dataclass(frozen=True)
class Visibility:
    """How objects are seen in the dark part of a night; arrays of shape (n,)."""

    max_altitude_deg: NDArray[np.float64]
    """Highest altitude, without refraction [deg]."""
    best_time: Time
    """When it is reached."""
    hours_up: NDArray[np.float64]
    """Time above the lowest useful altitude [h]."""


def night_of(site: Site, evening: dt.date, *, sun_deg: float = DARK_DEG) -> Night:
    """Return the time of a night in which the Sun is low enough.

    Parameters
    ----------
    site
        Where.
    evening
        Local date on which the night begins.
    sun_deg
        Altitude of the Sun below which it is dark [deg].

    Raises
    ------
    UsageError
        If it does not get dark.
    """
    with _earth_as_known():
        # Mean solar midnight at the site: no time zone is needed.
        midnight = Time(f"{evening.isoformat()}T00:00:00", scale="utc") + TimeDelta(
            _DAY_S * (1 - site.lon_deg / 360), format="sec"
        )
        seconds = np.arange(-_DAY_S / 2, _DAY_S / 2, _SUN_STEP_S)
        times = midnight + TimeDelta(seconds, format="sec")
        is_dark = _altitude_deg(get_sun(times), times, site) < sun_deg
    if not is_dark.any():
        raise UsageError(
            f"the night of {evening} does not get dark at {site.name}: the Sun stays above {sun_deg:g} deg",
            hint="allow a higher Sun, e.g. --sun-altitude -12",
        )
    first, last = np.flatnonzero(is_dark)[[0, -1]]
    return Night(site, evening, times[first], times[last])


def at_epoch(
    ra_deg: NDArray[np.float64],
    dec_deg: NDArray[np.float64],
    *,
    pm_ra_masyr: NDArray[np.float64],
    pm_dec_masyr: NDArray[np.float64],
    epoch: float,
    when: Time,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ICRS positions at another time.

    Parameters
    ----------
    ra_deg, dec_deg
        Positions at the epoch [deg], shape (n,).
    pm_ra_masyr, pm_dec_masyr
        Proper motions, that in right ascension times cos(dec) [mas/yr], shape (n,); NaN for none.
    epoch
        Of the positions [Julian year].
    when
        The time wanted.
    """
    if len(ra_deg) == 0:  # astropy refuses to move nothing
        return ra_deg, dec_deg
    here = SkyCoord(
        ra_deg * u.deg,
        dec_deg * u.deg,
        pm_ra_cosdec=np.nan_to_num(pm_ra_masyr) * u.mas / u.yr,
        pm_dec=np.nan_to_num(pm_dec_masyr) * u.mas / u.yr,
        # So far away that parallax and radial motion play no part; without a distance astropy warns.
        distance=np.full(len(ra_deg), 1e3) * u.kpc,
        obstime=Time(epoch, format="jyear"),
    )
    with _earth_as_known():
        there = here.apply_space_motion(new_obstime=when)
    return np.asarray(there.ra.deg), np.asarray(there.dec.deg)


def visibility(
    ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64], night: Night, *, lowest_deg: float
) -> Visibility:
    """Tell how objects are seen in a night.

    Parameters
    ----------
    ra_deg, dec_deg
        ICRS positions [deg], shape (n,).
    night
        Where and when.
    lowest_deg
        Lowest useful altitude [deg].

    Returns
    -------
    Visibility
        Altitudes good to 0.005 deg; no air between.
    """
    steps = np.arange(0.0, night.length_s + _STEP_S, _STEP_S).clip(max=night.length_s)
    altitude = np.empty(len(ra_deg))
    best_s = np.empty(len(ra_deg))
    hours = np.empty(len(ra_deg))
    with _earth_as_known(), erfa_astrom.set(ErfaAstromInterpolator(_INTERPOLATED)):
        for start in range(0, len(ra_deg), _AT_ONCE):
            chosen = slice(start, start + _AT_ONCE)
            objects = SkyCoord(ra_deg[chosen, None] * u.deg, dec_deg[chosen, None] * u.deg)
            seen = _altitudes(objects, steps[None, :], night)
            hours[chosen] = _hours_above(seen, steps, lowest_deg)
            altitude[chosen], best_s[chosen] = _best(objects, seen, steps, night)
    return Visibility(altitude, night.start + TimeDelta(best_s, format="sec"), hours)


@contextmanager
def _earth_as_known() -> Iterator[None]:
    """Take the turning of the Earth from the tables that are installed, without asking the network for newer ones.

    What they do not reach is at most a second of time off in a decade: 0.004 deg.
    """
    with (
        quiet(AstropyWarning, ErfaWarning),
        iers.conf.set_temp("auto_download", value=False),
        iers.conf.set_temp("auto_max_age", value=None),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
    ):
        yield


def _best(
    objects: SkyCoord, seen: NDArray[np.float64], steps: NDArray[np.float64], night: Night
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the highest altitude of each object [deg] and its time from the start [s]."""
    rows = np.arange(len(seen))
    index = seen.argmax(axis=1)
    altitude, best_s, width_s = seen[rows, index], steps[index], _STEP_S
    for step_s in _FINER_S:
        around = np.arange(-width_s, width_s + step_s, step_s)
        times = (best_s[:, None] + around).clip(0, night.length_s)
        finer = _altitudes(objects, times, night)
        index = finer.argmax(axis=1)
        altitude, best_s, width_s = finer[rows, index], times[rows, index], step_s
    return altitude, best_s


def _altitudes(objects: SkyCoord, seconds: NDArray[np.float64], night: Night) -> NDArray[np.float64]:
    """Return altitudes [deg], shape (objects, times)."""
    shape = np.broadcast_shapes(objects.shape, seconds.shape)
    times = night.start + TimeDelta(np.broadcast_to(seconds, shape), format="sec")
    return _altitude_deg(objects, times, night.site)


def _altitude_deg(objects: SkyCoord, times: Time, site: Site) -> NDArray[np.float64]:
    place = EarthLocation.from_geodetic(site.lon_deg * u.deg, site.lat_deg * u.deg, site.height_m * u.m)
    seen: Any = objects.transform_to(AltAz(obstime=times, location=place))
    return np.asarray(seen.alt.deg)


def _hours_above(altitude: NDArray[np.float64], steps: NDArray[np.float64], lowest_deg: float) -> NDArray[np.float64]:
    """Return the time above an altitude [h], with straight lines between the steps."""
    before, after = altitude[:, :-1] - lowest_deg, altitude[:, 1:] - lowest_deg
    change = after - before
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(change == 0, before >= 0, np.maximum(before, after) / np.abs(change))
    return np.asarray((part.clip(0, 1) * np.diff(steps)).sum(axis=1) / 3600.0)
