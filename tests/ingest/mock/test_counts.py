"""Numbers, magnitudes and redshifts of the mock objects follow the distributions that are stated."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.mock import counts, footprint
from ingest.mock.footprint import FIELDS, FieldName
from ingest.mock.milky_way import stars_towards
from ingest.mock.sky import BLOCK_SIZE, CYCLE, Kind, MockSky

WIDE = [FieldName.NORTH, FieldName.SOUTH, FieldName.EAST, FieldName.LOW]


@pytest.fixture(scope="module")
def objects() -> dict[str, NDArray[np.float64]]:
    """One whole cycle of the sky: each brick has its share."""
    assert CYCLE % BLOCK_SIZE == 0
    blocks = list(MockSky(CYCLE).blocks())
    names = ("field", "kind", "r_mag", "redshift", "absolute_mag", "radius_arcsec", "ebv_mag", "distance_pc")
    return {name: np.concatenate([getattr(block, name) for block in blocks]) for name in names}


def chosen(objects: dict[str, NDArray[np.float64]], field: FieldName, kind: Kind) -> NDArray[np.bool_]:
    return np.asarray((objects["field"] == field) & (objects["kind"] == kind))


def stars_by_brute_force(field: FieldName, bright_mag: float, faint_mag: float) -> float:
    """Stars per square degree from a sum over small steps of distance along one line of sight."""
    lon, lat = np.radians(footprint.galactic_of(field))
    magnitudes = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    per_thousand = [0.4, 0.9, 1.7, 2.8, 3.0, 2.7, 3.4, 4.6, 6.5, 9.4, 11.0, 10.0, 7.5]
    edges = np.geomspace(5.0, 2e5, 20_001)
    d = np.sqrt(edges[1:] * edges[:-1])
    x, y, z = 8000.0 - d * np.cos(lat) * np.cos(lon), d * np.cos(lat) * np.sin(lon), 25.0 + d * np.sin(lat)
    r = np.sqrt(x * x + y * y)
    rho = np.exp((8000.0 - r) / 2600.0 - (abs(z) - 25.0) / 300.0)
    rho += 0.12 * np.exp((8000.0 - r) / 3600.0 - (abs(z) - 25.0) / 900.0)
    rho += 0.0051 * (8000.0 / np.sqrt(r * r + (z / 0.64) ** 2)) ** 2.77
    total = 0.0
    for absolute in np.arange(2.025, 14.0, 0.05):
        mag = absolute + 5.0 * np.log10(d) - 5.0
        seen = (mag >= bright_mag) & (mag < faint_mag)
        phi = 1e-3 * np.interp(absolute, magnitudes, per_thousand) * 0.05
        total += phi * float((rho * d * d * np.diff(edges))[seen].sum())
    return total / 1.1251 * float(np.radians(1.0)) ** 2


@pytest.mark.parametrize("field", WIDE)
def test_stars_per_square_degree_are_the_sum_along_the_line_of_sight(field: FieldName) -> None:
    one = FIELDS[field]
    counted = counts.stars_of(field).density_deg2
    assert counted == pytest.approx(stars_by_brute_force(field, one.bright_mag, one.faint_mag), rel=0.02)


def test_stars_grow_towards_the_galactic_plane() -> None:
    densities = [stars_towards(90.0, b, bright_mag=14.0, faint_mag=21.0).density_deg2 for b in (90, 60, 40, 20)]
    assert densities == sorted(densities)
    # The north pole has two to four thousand stars per square degree to 21 mag.
    assert 2000 < densities[0] < 4000


@pytest.mark.parametrize("field", [*WIDE, FieldName.DEEP])
def test_each_field_has_the_shares_of_its_counts(field: FieldName, objects: dict[str, NDArray[np.float64]]) -> None:
    here = objects["kind"][objects["field"] == field]
    expected = counts.shares(field)[1]
    for kind in (Kind.GALAXY, Kind.QSO, Kind.STAR):
        share = expected[kind]
        error = np.sqrt(share * (1.0 - share) / len(here))
        assert (here == kind).mean() == pytest.approx(share, abs=4 * error)


def test_counts_of_galaxies_rise_by_a_third_of_a_dex_per_magnitude(objects: dict[str, NDArray[np.float64]]) -> None:
    r_mag = objects["r_mag"][chosen(objects, FieldName.NORTH, Kind.GALAXY)]
    numbers = np.histogram(r_mag, bins=[19.5, 20.5, 21.5, 22.5, 23.5])[0]
    slopes = np.diff(np.log10(numbers))
    errors = np.sqrt(1.0 / numbers[1:] + 1.0 / numbers[:-1]) / np.log(10.0)
    assert np.all(np.abs(slopes - 0.33) < 4 * errors)


@pytest.mark.parametrize("kind", [Kind.QSO, Kind.STAR])
def test_magnitudes_follow_the_differential_counts(kind: Kind, objects: dict[str, NDArray[np.float64]]) -> None:
    edges = np.arange(17.5, 23.6, 1.0)
    expected = np.zeros(len(edges) - 1)
    observed = np.zeros(len(edges) - 1)
    for field in WIDE:
        fine = np.linspace(17.5, 23.5, 601)
        density = counts.differential(field, 0.5 * (fine[1:] + fine[:-1]))[:, kind] * 0.01
        binned = density.reshape(len(edges) - 1, 100).sum(axis=1)
        all_of_it = counts.shares(field)
        expected += binned / (all_of_it[0]) * (objects["field"] == field).sum()
        observed += np.histogram(objects["r_mag"][chosen(objects, field, kind)], bins=edges)[0]
    assert np.all(np.abs(observed - expected) < 4 * np.sqrt(expected) + 2)


def test_redshifts_have_the_stated_medians(objects: dict[str, NDArray[np.float64]]) -> None:
    is_galaxy, is_quasar = objects["kind"] == Kind.GALAXY, objects["kind"] == Kind.QSO
    faint = is_galaxy & (np.abs(objects["r_mag"] - 23.4) < 0.1)
    # z**2 exp(-(z/z0)**1.5) has its median at 1.41 z0.
    assert np.median(objects["redshift"][faint]) == pytest.approx(1.41 * 0.523, rel=0.06)
    near = is_galaxy & (np.abs(objects["r_mag"] - 20.0) < 0.3)
    assert np.median(objects["redshift"][near]) == pytest.approx(1.41 * 0.22, rel=0.12)
    quasars = objects["redshift"][is_quasar]
    assert np.median(quasars) == pytest.approx(1.5, rel=0.08)
    assert quasars.max() <= 4.5


def test_distance_and_absolute_magnitude_of_a_star_give_its_magnitude(
    objects: dict[str, NDArray[np.float64]],
) -> None:
    is_star = objects["kind"] == Kind.STAR
    modulus = 5.0 * np.log10(objects["distance_pc"][is_star] / 10.0)
    assert np.allclose(objects["absolute_mag"][is_star] + modulus, objects["r_mag"][is_star])
    assert np.isnan(objects["distance_pc"][~is_star]).all()


def test_sizes_of_galaxies_have_the_stated_median_and_scatter(objects: dict[str, NDArray[np.float64]]) -> None:
    is_chosen = (objects["kind"] == Kind.GALAXY) & (np.abs(objects["r_mag"] - 23.0) < 0.1)
    radii = np.log(objects["radius_arcsec"][is_chosen])
    assert np.exp(np.median(radii)) == pytest.approx(1.5 * 10 ** (-0.105 * 5.0), rel=0.04)
    assert radii.std() == pytest.approx(0.4, rel=0.1)


def test_reddening_grows_towards_the_galactic_plane(objects: dict[str, NDArray[np.float64]]) -> None:
    means = {field: objects["ebv_mag"][objects["field"] == field].mean() for field in WIDE}
    assert means[FieldName.LOW] > means[FieldName.EAST] > means[FieldName.NORTH]
