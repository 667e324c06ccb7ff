"""What the surveys see of the mock sky: depths, colours, matches between them, and classes that behave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.mock import caesar, counterparts, dp1, jplus, legacy, spectra, vexas, vialactea
from ingest.mock.clumps import clumps_of
from ingest.mock.rows import Rows
from ingest.mock.sky import BLOCK_SIZE, Block, Kind, MockSky
from ingest.mock.truth import truth
from tests.support.sky import oracle_separation_deg

SKY = MockSky(24 * BLOCK_SIZE)
BLOCKS = list(SKY.blocks())

Columns = dict[str, NDArray[Any]]


def joined(made: list[Rows]) -> Columns:
    return {name: np.concatenate([one.columns[name] for one in made]) for name in made[0].columns}


def objects(select: list[Block]) -> dict[str, NDArray[Any]]:
    names = ("kind", "r_mag", "index", "ra_deg", "dec_deg", "redshift", "radius_arcsec")
    return {name: np.concatenate([getattr(block, name) for block in select]) for name in names}


@pytest.fixture(scope="module")
def desw() -> Columns:
    return joined([vexas.desw(block) for block in BLOCKS])


@pytest.fixture(scope="module")
def everything() -> Columns:
    return joined([truth(block) for block in BLOCKS])


def kind_of(source_id: NDArray[np.int64]) -> NDArray[np.int64]:
    """The kind of VEXAS sources, from the running number in their identifiers."""
    kinds = np.concatenate([block.kind for block in BLOCKS])
    return np.asarray(kinds[source_id - vexas.source_id(BLOCKS[0])[0]])


def test_colours_are_those_of_stars_galaxies_and_quasars() -> None:
    block = BLOCKS[0]
    g, r, i, w1, w2 = spectra.ab_mag(block, np.array([477.0, 623.0, 763.0, 3353.0, 4603.0])).T
    is_star, is_galaxy, is_quasar = (block.kind == kind for kind in (Kind.STAR, Kind.GALAXY, Kind.QSO))
    # Stars lie along a line: blue ones in g - r are blue in r - i.
    assert np.corrcoef((g - r)[is_star], (r - i)[is_star])[0, 1] > 0.95
    sun_like = is_star & (np.abs(block.absolute_mag - 4.7) < 0.3)
    assert np.median((g - r)[sun_like]) == pytest.approx(0.45, abs=0.1)
    # Old galaxies at redshift 0.3 are redder than all others; quasars are blue and bright in the infrared.
    is_old = is_galaxy & (block.colour > 0.8) & (np.abs(block.redshift - 0.3) < 0.1)
    assert np.median((g - r)[is_old]) == pytest.approx(1.5, abs=0.25)
    assert np.median((g - r)[is_quasar & (block.redshift < 2.5)]) < 0.4
    vega = (w1 - w2) + spectra.VEGA_MINUS_AB["W1"] - spectra.VEGA_MINUS_AB["W2"]
    assert np.mean(vega[is_quasar] > 0.8) > 0.8
    assert np.mean(vega[is_star] > 0.8) < 0.01


def test_magnitudes_of_jplus_are_missing_as_often_as_noise_makes_them() -> None:
    """The oracle throws dice for each object and filter again, in a loop over the filters."""
    seen = [jplus.seen(block) for block in BLOCKS[:8]]
    made = joined([jplus.mag_ab_dual_obj(block) for block in BLOCKS[:8]])
    wavelengths = [625.4, 480.3, 766.8, 911.4, 348.5, 378.5, 395.0, 410.0, 430.0, 515.0, 660.0, 861.0]
    limits = [22.0, 22.0, 21.5, 20.9, 21.1, 21.0, 20.9, 21.1, 21.1, 21.0, 21.0, 20.4]
    point = np.concatenate([block.is_point for block in seen])
    random = np.random.default_rng(7)
    for place, (wavelength, limit) in enumerate(zip(wavelengths, limits, strict=True)):
        mag = np.concatenate([spectra.ab_mag(block, np.array([wavelength]))[:, 0] for block in seen])[point]
        snr = 5.0 * 10.0 ** (-0.4 * (mag - limit)) + random.standard_normal(len(mag))
        expected = (snr < 2.0).mean()
        missing = np.isnan(made["MAG_AUTO"][point, place]).mean()
        assert missing == pytest.approx(expected, abs=0.02), place


def test_errors_of_magnitudes_are_what_they_say() -> None:
    made = joined([jplus.mag_ab_dual_obj(block) for block in BLOCKS[:8]])
    true = np.concatenate([spectra.ab_mag(jplus.seen(block), np.array([625.4]))[:, 0] for block in BLOCKS[:8]])
    bright = made["MAG_ERR_AUTO"][:, 0] < 0.1
    pulls = (made["MAG_AUTO"][:, 0] - true)[bright] / made["MAG_ERR_AUTO"][bright, 0]
    assert pulls.std() == pytest.approx(1.0, abs=0.04)
    assert abs(pulls.mean()) < 0.1


@pytest.mark.parametrize("band", legacy.BANDS)
def test_legacy_fluxes_scatter_by_their_errors_around_the_truth(band: str) -> None:
    place = legacy.BANDS.index(band)
    seen = [legacy.observed(block) for block in BLOCKS[:6]]
    flux, sigma = (
        np.concatenate([getattr(one.measured, name)[:, place] for one in seen]) for name in ("flux", "sigma")
    )
    pulls = (flux - np.concatenate([one.true_flux[:, place] for one in seen])) / sigma
    is_north = np.concatenate([one.is_north for one in seen])
    assert np.array_equal(np.isnan(pulls), is_north & (band == "i"))
    assert np.nanstd(pulls) == pytest.approx(1.0, abs=0.03)


def test_surveys_match_within_their_errors_and_hardly_ever_with_another_object(everything: Columns) -> None:
    """By brute force: every DES position against every Legacy Surveys position near it."""
    tractor = joined([legacy.tractor(block) for block in BLOCKS])
    des = joined([vexas.desw(block) for block in BLOCKS])
    source = {int(s): int(i) for s, i in zip(everything["SOURCEID_VISTA"], everything["ls_id"], strict=True)}
    order = np.argsort(tractor["dec"])
    dec = tractor["dec"][order]
    n_matched, n_right, n_tried = 0, 0, 0
    for row in range(0, len(des["RA_DES"]), 9):
        low, high = np.searchsorted(dec, des["DEC_DES"][row] + np.array([-1.0, 1.0]) / 3600.0)
        near = order[low:high]
        away = oracle_separation_deg(des["RA_DES"][row], des["DEC_DES"][row], tractor["ra"][near], tractor["dec"][near])
        n_tried += 1
        if len(away) and away.min() < 1.0 / 3600.0:
            n_matched += 1
            n_right += int(tractor["ls_id"][near[away.argmin()]]) == source[int(des["SOURCEID_VISTA"][row])]
    # One row in a hundred is a wrong counterpart, one to three arcseconds away.
    assert n_tried > 1000
    assert 0.98 < n_matched / n_tried < 1.0
    assert n_right / n_matched > 0.995


def test_gaia_knows_bright_stars_and_their_parallaxes_are_right() -> None:
    is_star_known, pulls = [], []
    for block in BLOCKS[:6]:
        measured = counterparts.motion(block)
        bright_star = (block.kind == Kind.STAR) & (block.r_mag < 20)
        is_star_known.append(measured.is_measured[bright_star])
        true = 1000.0 / block.distance_pc[bright_star]
        pulls.append((measured.parallax[bright_star] - true) / measured.error[bright_star])
    assert np.concatenate(is_star_known).mean() == pytest.approx(0.99, abs=0.01)
    assert np.concatenate(pulls).std() == pytest.approx(1.0, abs=0.05)


def test_vexas_probabilities_are_right_and_the_class_is_the_largest(desw: Columns) -> None:
    kinds = kind_of(desw["SOURCEID_VISTA"])
    names = ("GALAXY", "QSO", "STAR")
    probability = np.stack([desw[f"p_{name}"] for name in names], axis=1)
    assert np.allclose(probability.sum(axis=1), 1.0, atol=1e-6)
    assert np.array_equal(desw["CLASS"], np.array(names)[probability.argmax(axis=1)])
    for kind in (Kind.GALAXY, Kind.QSO, Kind.STAR):
        for low in (0.1, 0.5):
            chosen = (probability[:, kind] > low) & (probability[:, kind] < low + 0.4)
            error = np.sqrt(0.25 / chosen.sum())
            right = (kinds[chosen] == kind).mean()
            assert right == pytest.approx(probability[chosen, kind].mean(), abs=0.02 + 3 * error)


def test_secure_quasars_of_vexas_are_purer_and_less_complete(desw: Columns) -> None:
    is_quasar = kind_of(desw["SOURCEID_VISTA"]) == Kind.QSO
    chosen = [desw["CLASS"] == "QSO", desw["p_QSO"] >= 0.7, desw["p_QSO"] >= 0.9]
    purities = [is_quasar[one].mean() for one in chosen]
    completenesses = [one[is_quasar].mean() for one in chosen]
    assert purities == sorted(set(purities))
    assert completenesses == sorted(set(completenesses), reverse=True)
    assert purities[-1] > 0.98
    assert completenesses[0] > 0.85


def test_imputation_names_the_magnitudes_that_are_missing(desw: Columns) -> None:
    lists = [text.split(",") for text in desw["Imputation_flag"].tolist()]
    for band in "grizy":
        named = np.array([band in one for one in lists])
        assert np.array_equal(named, np.isnan(desw[f"mag_auto_{band}_DES"]))
    # The published share of observed W2 magnitudes is 0.886.
    assert np.mean(["W2" in one for one in lists]) == pytest.approx(0.114, abs=0.012)


def test_vexas_sources_seldom_repeat_and_spectra_are_of_sources_of_the_table(desw: Columns) -> None:
    _, numbers = np.unique(desw["SOURCEID_VISTA"], return_counts=True)
    assert set(numbers) == {1, 2}
    assert (numbers == 2).mean() == pytest.approx(0.01, abs=0.004)
    spectra_of = joined([vexas.spec_good(block) for block in BLOCKS])
    assert len(spectra_of["Z_spec"]) > 200
    assert np.isin(spectra_of["SOURCEID_VISTA"], desw["SOURCEID_VISTA"]).all()
    assert spectra_of["Separation-VISTA-SPEC"].max() <= 1.5
    right = np.array(["GALAXY", "QSO", "STAR"])[kind_of(spectra_of["SOURCEID_VISTA"])] == spectra_of["CLASS_Spec"]
    assert 0.98 < right.mean() < 1.0


def test_extendedness_of_dp1_finds_stars_down_to_a_magnitude_and_loses_them_below() -> None:
    made = joined([dp1.objects(block) for block in BLOCKS])
    inside = objects([block.select(dp1.is_inside(block)) for block in BLOCKS])
    is_star = inside["kind"] == Kind.STAR
    is_point = made["refExtendedness"] == 0
    for low, high, least, most in ((16.0, 22.0, 0.98, 1.0), (24.5, 25.5, 0.5, 0.85)):
        chosen = is_star & (inside["r_mag"] >= low) & (inside["r_mag"] < high)
        assert least <= is_point[chosen].mean() <= most
    galaxies = (inside["kind"] == Kind.GALAXY) & (inside["r_mag"] > 24.5)
    assert 0.02 < is_point[galaxies].mean() < 0.35
    away = oracle_separation_deg(made["coord_ra"], made["coord_dec"], *dp1.CENTRE_DEG)
    assert away.max() < 1.001


def test_dp1_reaches_its_published_depth() -> None:
    made = joined([dp1.objects(block) for block in BLOCKS])
    at_limit = np.abs(made["r_psfMag"] - 25.96) < 0.1
    assert np.nanmedian(1.0857 / made["r_psfMagErr"][at_limit]) == pytest.approx(5.0, rel=0.1)


def test_radio_counts_have_the_stated_slope_and_components_belong_to_islands(everything: Columns) -> None:
    flux = np.concatenate([caesar.true_flux_jy(block) for block in BLOCKS])
    flux = flux[flux > 0]
    many, few = (flux > 5e-4).sum(), (flux > 5e-3).sum()
    assert np.log10(many / few) == pytest.approx(0.8, abs=4 / np.sqrt(few) / np.log(10))
    islands = joined([caesar.islands(block) for block in BLOCKS])
    components = joined([caesar.components(block) for block in BLOCKS])
    assert np.isin(components["name"], islands["name"]).all()
    names, numbers = np.unique(components["name"], return_counts=True)
    expected = dict(zip(islands["name"].tolist(), islands["nComponents"].tolist(), strict=True))
    assert all(expected[name] == number for name, number in zip(names.tolist(), numbers.tolist(), strict=True))
    assert np.isin(islands["name"], everything["caesar_name"]).all()
    assert all(name.startswith("MOCK") for name in islands["iauName"].tolist())


def test_clumps_are_seen_where_their_dust_is_bright_enough() -> None:
    clumps = clumps_of(BLOCKS[0])
    merged = vialactea.sed_view_final(BLOCKS[0]).columns
    single = vialactea.higal("250")(BLOCKS[0]).columns
    assert len(single["FINT"]) == (clumps.flux_jy(250.0) >= 1.0).sum()
    has_250 = merged["designation250"] != "missing"
    assert np.array_equal(has_250, ~np.isnan(merged["flux250"]))
    assert np.isin(merged["designation250"][has_250], single["DESIGNATION"]).all()
    # Dust of 10 to 25 K is brightest between 100 and 350 um.
    median = {band: np.nanmedian(merged[f"flux{band}"]) for band in ("160", "250", "350", "500", "870", "1100")}
    assert median["250"] > median["350"] > median["500"] > median["870"] > median["1100"]


def test_branches_belong_to_filaments_of_a_sky_of_whole_cycles() -> None:
    filaments = joined([vialactea.filaments(block) for block in BLOCKS])["idfil_mos"]
    branches = joined([vialactea.branches(block) for block in BLOCKS])["idfil_mos"]
    assert len(np.unique(filaments)) == len(filaments)
    assert np.isin(branches, filaments).all()


def test_the_truth_has_every_identifier_that_a_survey_has(everything: Columns) -> None:
    made = {
        "ls_id": joined([legacy.tractor(block) for block in BLOCKS])["ls_id"],
        "objectId": joined([dp1.objects(block) for block in BLOCKS])["objectId"],
        "designationft": joined([vialactea.sed_view_final(block) for block in BLOCKS])["designationft"],
    }
    nulls = [truth(block).nulls for block in BLOCKS]
    for name, found in made.items():
        is_null = np.concatenate([one[name] for one in nulls])
        assert sorted(found.tolist()) == sorted(everything[name][~is_null].tolist()), name
