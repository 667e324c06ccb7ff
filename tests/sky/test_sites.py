from __future__ import annotations

import pytest

from vo_server.errors import UsageError
from vo_server.sky.sites import SITES, find_site


def test_names_are_found_in_any_case_and_by_other_names() -> None:
    assert find_site("Paranal") is find_site("VLT") is find_site(" paranal ")
    assert find_site("La_Silla").lat_deg == pytest.approx(-29.2567)


def test_no_two_sites_share_a_name() -> None:
    names = [name for site in SITES for name in (site.name, *site.aliases)]
    assert len(set(names)) == len(names)


def test_numbers_are_a_place() -> None:
    site = find_site("-70.4, -24.6, 2635")
    assert (site.lon_deg, site.lat_deg, site.height_m) == (-70.4, -24.6, 2635)
    assert find_site("10,20").height_m == 0


@pytest.mark.parametrize("given", ["10", "10,91", "370,20", "10,20,30,40", "a,b", "nan,3"])
def test_what_is_no_place_is_refused(given: str) -> None:
    with pytest.raises(UsageError):
        find_site(given)


def test_a_misspelt_name_brings_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean paranal"):
        find_site("Paranall")
