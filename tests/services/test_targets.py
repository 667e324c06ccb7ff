"""Target lists of a small table, against astropy and pandas."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from tests.support.contexts import a_context
from tests.support.service import publish
from vo_server.errors import UsageError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import Column, Table
from vo_server.services.recipe_files import parse_recipe
from vo_server.services.targets import TARGET_COLUMNS, Observing
from vo_server.sky.sites import find_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

    from vo_server.factory import ProcessContext
    from vo_server.model.recipe import Recipe

DOUBLE = DataType(Primitive.DOUBLE)
QUASARS = Table(
    "sel",
    "quasars",
    (
        Column("id", DataType(Primitive.LONG)),
        *(Column(name, DOUBLE) for name in ("ra", "dec", "mag", "p", "pmra", "pmdec")),
    ),
)
TEXT = """\
-- title: Quasars
-- selects: Quasars brighter than a limit.
-- parameters: {faintest: {type: double, default: 21, description: Faintest magnitude}}
-- targets: {name: name, ra: ra, dec: dec, magnitude: mag, probability: p, pm_ra: pmra, pm_dec: pmdec, epoch: 2016.0}
-- source: These tests
SELECT CAST(id AS VARCHAR) AS name, ra, dec, mag, p, pmra, pmdec FROM sel.quasars WHERE mag < :faintest
"""
RECIPE = parse_recipe(TEXT, name="sel/quasars")
NIGHT = dt.date(2026, 11, 20)
PARANAL = find_site("paranal")
OBSERVING = Observing(PARANAL, NIGHT, sun_deg=-18)
BIG = 2**60


def rows() -> pa.Table:
    random = np.random.default_rng(5)
    number = np.arange(300)
    lost = number % 50 == 49
    return pa.Table.from_arrays(
        [
            pa.array(BIG + number),
            pa.array(random.uniform(0, 360, 300), mask=lost),
            pa.array(np.degrees(np.arcsin(random.uniform(-1, 1, 300))), mask=lost),
            pa.array(random.uniform(17, 23, 300)),
            pa.array(random.uniform(0.3, 1, 300).round(2)),
            pa.array(random.normal(0, 300, 300), mask=number % 7 == 0),
            pa.array(random.normal(0, 300, 300), mask=number % 7 == 0),
        ],
        schema=arrow_schema(QUASARS.columns),
    )


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ProcessContext]:
    with a_context(request, tmp_path) as made:
        publish(made, QUASARS, rows())
        yield made


def targets(
    context: ProcessContext, observing: Observing = OBSERVING, recipe: Recipe = RECIPE, **given: str
) -> pd.DataFrame:
    result = context.targets.make(recipe, given, observing, timeout_s=60)
    found: pd.DataFrame = pa.Table.from_batches(list(result.batches), result.schema).to_pandas()
    return found


def test_altitudes_agree_with_astropy_to_a_hundredth_of_a_degree(context: ProcessContext) -> None:
    found = targets(context)
    assert len(found) > 20
    place = EarthLocation(lon=PARANAL.lon_deg * u.deg, lat=PARANAL.lat_deg * u.deg, height=PARANAL.height_m * u.m)
    objects = SkyCoord(found.ra, found.dec, unit="deg")
    with iers.conf.set_temp("auto_download", value=False), iers.conf.set_temp("auto_max_age", value=None):
        times = Time(found.best_time.to_numpy())
        then = objects.transform_to(AltAz(obstime=times, location=place)).alt.deg
        later, earlier = (
            objects.transform_to(AltAz(obstime=times + shift, location=place)).alt.deg
            for shift in (30 * u.s, -30 * u.s)
        )
    assert then == pytest.approx(found.max_altitude, abs=0.01)
    # Most culminate in the dark: then neither side is higher.
    in_the_middle = (found.best_time > found.best_time.min()) & (found.best_time < found.best_time.max())
    assert in_the_middle.sum() > 10
    assert (np.maximum(later, earlier)[in_the_middle] < then[in_the_middle] + 0.001).all()


def test_positions_are_those_of_the_night(context: ProcessContext) -> None:
    found = targets(context).set_index("name")
    known = rows().to_pandas().assign(name=lambda table: table.id.astype(str)).set_index("name").loc[found.index]
    years = found.epoch.iloc[0] - 2016
    assert found.epoch.iloc[0] == pytest.approx(2026.885, abs=0.01)
    moved = known.dec + known.pmdec.fillna(0) * years / 3.6e6
    assert found.dec.to_numpy() == pytest.approx(moved.to_numpy(), abs=2e-9 * 3600)
    stays = known.pmdec.isna()
    assert found.dec[stays].to_numpy() == pytest.approx(known.dec[stays].to_numpy(), abs=1e-11)


def test_only_what_is_up_is_listed_the_most_probable_first(context: ProcessContext) -> None:
    found = targets(context)
    assert (found.hours_up > 0).all()
    assert found.max_altitude.min() >= 30 - 0.01
    assert found.priority.is_monotonic_decreasing
    assert (found.priority == found.probability).all()
    assert found.magnitude.max() < 21
    low = targets(context, replace(OBSERVING, lowest_deg=-90))
    selected = rows().to_pandas().query("mag < 21 and ra == ra")
    assert len(low) == len(selected) > len(found)


def test_a_list_can_be_short(context: ProcessContext) -> None:
    found = targets(context)
    assert targets(context, replace(OBSERVING, n_targets=3)).equals(found.head(3))


def test_parameters_of_the_recipe_hold(context: ProcessContext) -> None:
    assert targets(context, faintest="19").magnitude.max() < 19


def test_a_selection_of_nothing_makes_an_empty_list(context: ProcessContext) -> None:
    found = targets(context, faintest="1")
    assert len(found) == 0
    assert list(found) == [column.name for column in TARGET_COLUMNS]


def test_a_recipe_without_targets_is_refused(context: ProcessContext) -> None:
    with pytest.raises(UsageError, match="does not say which of its columns make a target"):
        targets(context, recipe=replace(RECIPE, targets=None))


def test_a_column_that_is_not_there_is_told_with_those_that_are(context: ProcessContext) -> None:
    assert RECIPE.targets is not None
    wrong = replace(RECIPE, targets=replace(RECIPE.targets, magnitude="magnitude"))
    with pytest.raises(UsageError, match=r"no column 'magnitude'.*name, ra, dec, mag"):
        targets(context, recipe=wrong)
