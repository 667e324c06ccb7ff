"""Every recipe over the mock sky on both engines, against pandas and against the truth."""

from __future__ import annotations

from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ingest.mock.publish import publish_mock_sky
from ingest.mock.sky import MockSky
from tests.support.contexts import a_context
from tests.support.pandas_recipes import ORACLES
from vo_server.model.query import Query
from vo_server.resources import recipe_files
from vo_server.services.recipe_files import read_recipes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vo_server.factory import ProcessContext
    from vo_server.model.recipe import Recipe

N_OBJECTS = 60_000
RECIPES = {recipe.name: recipe for recipe in read_recipes(recipe_files())}
JUDGED = {name: recipe for name, recipe in RECIPES.items() if recipe.expected is not None}


@pytest.fixture(scope="module", params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def sky(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessContext]:
    """The mock sky on each engine."""
    with a_context(request, tmp_path_factory.mktemp("sky")) as made:
        list(publish_mock_sky(MockSky(N_OBJECTS), engine=made.engine, store=made.store))
        yield made


@pytest.fixture(scope="module")
def tables(sky: ProcessContext) -> Mapping[str, pd.DataFrame]:
    """All rows of all its tables."""

    @cache
    def read(name: str) -> pd.DataFrame:
        table = sky.store.catalogue.load().find(name)
        assert table is not None
        # As floats, identifiers beside NULLs would lose their last digits.
        is_exact = name == "mock.truth"
        rows = pa.Table.from_batches(list(sky.engine.read(table)))
        frame: pd.DataFrame = rows.to_pandas(integer_object_nulls=is_exact)
        return frame

    names = [table.full_name for table in sky.store.catalogue.load().tables if table.location is not None]
    return {name: read(name) for name in names}


def answer(sky: ProcessContext, recipe: Recipe, given: Mapping[str, str]) -> pd.DataFrame:
    with closing(sky.queries.run(Query(recipe.query(given), maxrec=100_000), timeout_s=120)) as result:
        rows: pd.DataFrame = pa.Table.from_batches(list(result.batches), result.schema).to_pandas()
    return rows


def in_order(rows: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    return rows[list(columns)].sort_values(list(columns)).reset_index(drop=True)


@pytest.mark.parametrize("name", [name for name in RECIPES if not name.startswith("tap_schema/")])
def test_a_recipe_selects_what_pandas_selects(
    sky: ProcessContext, tables: Mapping[str, pd.DataFrame], name: str
) -> None:
    oracle = ORACLES[name]
    found, wanted = answer(sky, RECIPES[name], oracle.given(tables)), oracle.select(tables)
    assert len(found) == len(wanted)
    if oracle.columns:
        pd.testing.assert_frame_equal(
            in_order(found, oracle.columns), in_order(wanted, oracle.columns), check_dtype=False, rtol=oracle.rtol
        )


def test_every_recipe_selects_something(tables: Mapping[str, pd.DataFrame]) -> None:
    empty = {name for name, oracle in ORACLES.items() if len(oracle.select(tables)) == 0}
    assert empty == set()


@pytest.mark.parametrize("name", JUDGED)
def test_purity_and_completeness_are_those_of_the_truth_and_as_expected(
    sky: ProcessContext, tables: Mapping[str, pd.DataFrame], name: str
) -> None:
    recipe = JUDGED[name]
    expected = recipe.expected
    assert expected is not None
    found = sky.recipes.judge(recipe)
    truth, key = tables[expected.truth], dict(expected.key)
    objects = truth[[*key.values(), "class"]].dropna().infer_objects().drop_duplicates(list(key.values()))
    catalogue = (
        tables[expected.table][list(key)]
        .drop_duplicates()
        .merge(objects, left_on=list(key), right_on=list(key.values()))
    )
    selected = (
        ORACLES[name]
        .select(tables)[list(key)]
        .drop_duplicates()
        .merge(objects, left_on=list(key), right_on=list(key.values()))
    )
    n_right = int((selected["class"] == expected.class_name).sum())
    n_class = int((catalogue["class"] == expected.class_name).sum())
    assert (found.n_selected, found.n_right, found.n_class) == (len(selected), n_right, n_class)
    _expect(found.purity, expected.purity, len(selected))
    _expect(found.completeness, expected.completeness, n_class)


def _expect(share: float | None, wanted: float, n_objects: int) -> None:
    """Compare a share with what is expected, as far as chance lets it."""
    chance = np.sqrt(max(wanted * (1 - wanted), 0.01) / n_objects)
    assert share == pytest.approx(wanted, abs=0.02 + 4 * chance)


def test_two_sigma_is_purer_and_less_complete_than_one_and_one_purer_than_the_highest_median(
    sky: ProcessContext,
) -> None:
    purity, completeness = {}, {}
    for name in ("2sigma_class", "1sigma_class", "highest_median"):
        found = [sky.recipes.judge(RECIPES[f"bannjos/{kind}_{name}"]) for kind in ("galaxy", "qso", "star")]
        n_right = sum(one.n_right for one in found)
        purity[name] = n_right / sum(one.n_selected for one in found)
        completeness[name] = n_right / sum(one.n_class for one in found)
    assert purity["2sigma_class"] > purity["1sigma_class"] > purity["highest_median"]
    assert completeness["2sigma_class"] < completeness["1sigma_class"] < completeness["highest_median"]


def verdict(sky: ProcessContext, ra_deg: float, dec_deg: float) -> str:
    found = answer(sky, RECIPES["ls_psc/broker"], {"ra": str(ra_deg), "dec": str(dec_deg)})
    return str(found.verdict[0])


def test_the_broker_tells_stars_hosts_and_what_nobody_looked_at(
    sky: ProcessContext, tables: Mapping[str, pd.DataFrame]
) -> None:
    sources = tables["ls_psc.main"]
    star = sources[sources.score > 0.9].iloc[0]
    galaxy = sources[sources.score < 0.1].iloc[0]
    assert verdict(sky, star.ra, star.dec) == "stellar"
    assert verdict(sky, galaxy.ra, galaxy.dec) == "hosted"
    assert verdict(sky, 20.0, -80.0) == "unknown"
