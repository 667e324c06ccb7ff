"""Nights and altitudes, against astropy second by second."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_sun
from astropy.time import Time
from astropy.utils import iers

from vo_server.errors import UsageError
from vo_server.sky.sites import Site, find_site
from vo_server.sky.visibility import Night, at_epoch, night_of, visibility

PARANAL = find_site("paranal")
EVENING = dt.date(2026, 11, 20)


def altitudes(objects: SkyCoord, times: Time, site: Site) -> np.ndarray:
    """Return altitudes as a user of astropy computes them."""
    place = EarthLocation(lon=site.lon_deg * u.deg, lat=site.lat_deg * u.deg, height=site.height_m * u.m)
    with iers.conf.set_temp("auto_download", value=False), iers.conf.set_temp("auto_max_age", value=None):
        return np.asarray(objects.transform_to(AltAz(obstime=times, location=place)).alt.deg)


@pytest.fixture(scope="module")
def night() -> Night:
    return night_of(PARANAL, EVENING)


def test_a_night_begins_and_ends_with_the_sun_at_the_limit(night: Night) -> None:
    sun = altitudes(get_sun(Time([night.start, night.end])), Time([night.start, night.end]), PARANAL)
    assert sun == pytest.approx([-18, -18], abs=0.25)  # the Sun sinks by a quarter of a degree in a minute
    assert (sun < -18).all()


def test_the_night_of_an_evening_contains_the_midnight_after_it(night: Night) -> None:
    local_midnight = Time("2026-11-21T00:00:00") - PARANAL.lon_deg / 15 * u.hour
    assert night.start < local_midnight < night.end


@pytest.mark.parametrize("name", ["siding spring", "keck", "greenwich", "paranal"])
def test_the_date_is_that_of_the_evening_on_every_side_of_the_earth(name: str) -> None:
    site = find_site(name)
    found = night_of(site, EVENING)
    local = (found.start + site.lon_deg / 15 * u.hour).datetime
    assert local.date() == EVENING
    assert local.hour >= 17


def test_a_summer_night_of_the_north_is_refused_and_may_be_brighter() -> None:
    north = find_site("10,60")
    with pytest.raises(UsageError, match="does not get dark"):
        night_of(north, dt.date(2026, 6, 21))
    assert night_of(north, dt.date(2026, 6, 21), sun_deg=-5).length_s > 3600


def test_highest_altitudes_agree_with_astropy_to_a_hundredth_of_a_degree(night: Night) -> None:
    # One passes the zenith, some culminate, rise or set in the dark, one never rises, two are at the poles.
    ra = np.array([60.0, 60.0, 120.0, 350.0, 200.0, 0.0, 0.0, 359.999, 90.0])
    dec = np.array([PARANAL.lat_deg, 20.0, -80.0, -10.0, 75.0, 90.0, -90.0, 0.0, -24.62])
    found = visibility(ra, dec, night, lowest_deg=30)
    minutes = np.arange(0, night.length_s + 60, 60.0).clip(max=night.length_s)
    for index in range(len(ra)):
        one = SkyCoord(ra[index], dec[index], unit="deg")
        roughly = altitudes(one, night.start + minutes * u.s, PARANAL)
        seconds = (minutes[roughly.argmax()] + np.arange(-61, 62)).clip(0, night.length_s)
        highest = altitudes(one, night.start + seconds * u.s, PARANAL).max()
        assert found.max_altitude_deg[index] == pytest.approx(highest, abs=0.01)
        assert found.hours_up[index] == pytest.approx((roughly >= 30).mean() * night.length_s / 3600, abs=0.04)
    then = altitudes(SkyCoord(ra, dec, unit="deg"), found.best_time, PARANAL)
    assert then == pytest.approx(found.max_altitude_deg, abs=0.01)


def test_no_objects_give_nothing(night: Night) -> None:
    found = visibility(np.empty(0), np.empty(0), night, lowest_deg=30)
    assert len(found.max_altitude_deg) == len(found.hours_up) == 0


def test_positions_move_by_their_proper_motions(night: Night) -> None:
    ra, dec = at_epoch(
        np.array([10.0, 10.0, 359.9999999]),
        np.array([60.0, 60.0, 0.0]),
        pm_ra_masyr=np.array([1000.0, np.nan, 1000.0]),
        pm_dec_masyr=np.array([-500.0, np.nan, 0.0]),
        epoch=2016.0,
        when=Time(2026.0, format="jyear"),
    )
    arcsec = 1 / 3600
    assert dec == pytest.approx([60 - 5 * arcsec, 60, 0], abs=1e-6)
    assert ra == pytest.approx([10 + 10 * arcsec / np.cos(np.radians(60)), 10, 10 * arcsec - 1e-7], abs=2e-6)
