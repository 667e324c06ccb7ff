"""Recipes against small tables whose truth is known, on both engines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from tests.support.contexts import a_context
from tests.support.service import publish
from vo_server.errors import AdqlError, MissingError, UsageError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.recipe import Recipe
from vo_server.model.table import Column, Table
from vo_server.services.recipe_files import parse_recipe
from vo_server.services.recipes import RecipeService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vo_server.factory import ProcessContext

OBJECTS = Table(
    "sel",
    "objects",
    (Column("id", DataType(Primitive.LONG)), Column("p", DataType(Primitive.DOUBLE))),
)
TRUTH = Table(
    "sel",
    "truth",
    (Column("object_id", DataType(Primitive.LONG)), Column("class", DataType(Primitive.CHAR, "*"))),
)
TEXT = """\
-- title: Stars
-- selects: Objects of high probability.
-- parameters: {least: {type: double, default: 0.5, min: 0, max: 1, description: Lowest probability}}
-- expected: {class: STAR, table: sel.objects, key: {id: object_id}, truth: sel.truth, purity: 0.5, completeness: 0.5}
-- source: These tests
SELECT o.id, o.p FROM sel.objects AS o WHERE o.p >= :least
"""
RECIPE = parse_recipe(TEXT, name="sel/stars")
ELSEWHERE = replace(RECIPE, name="other/stars", adql="SELECT x FROM no.where WHERE 1 < :least")


def rows() -> tuple[pa.Table, pa.Table]:
    """Return 400 objects, every tenth of them twice, of which 300 are in the table, and the truth of all."""
    random = np.random.default_rng(3)
    is_star = random.random(400) < 0.4
    p = np.clip(np.where(is_star, 0.7, 0.3) + random.normal(0, 0.25, 400), 0, 1)
    number = np.arange(300)
    seen = np.concatenate([number, number[::10]])
    objects = pa.Table.from_pydict({"id": seen, "p": p[seen]}, schema=arrow_schema(OBJECTS.columns))
    told = {"object_id": np.arange(400), "class": np.where(is_star, "STAR", "GALAXY")}
    return objects, pa.Table.from_pydict(told, schema=arrow_schema(TRUTH.columns))


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ProcessContext]:
    with a_context(request, tmp_path) as made:
        for table, content in zip((OBJECTS, TRUTH), rows(), strict=True):
            publish(made, table, content)
        yield made


def service(context: ProcessContext, *recipes: Recipe) -> RecipeService:
    return RecipeService(read=lambda: recipes, catalogue=context.catalogue, queries=context.queries)


@pytest.mark.parametrize("least", [0.0, 0.3, 0.5, 0.9])
def test_purity_and_completeness_are_those_that_pandas_counts(context: ProcessContext, least: float) -> None:
    found = service(context, RECIPE).judge(RECIPE, {"least": str(least)})
    objects, truth = (table.to_pandas() for table in rows())
    known = objects.drop_duplicates("id").merge(truth, left_on="id", right_on="object_id")
    selected, stars = known[known.p >= least], known[known["class"] == "STAR"]
    right = selected[selected["class"] == "STAR"]
    assert found.purity == pytest.approx(len(right) / len(selected))
    assert found.completeness == pytest.approx(len(right) / len(stars))
    assert found.n_selected == len(selected)


def test_what_selects_nothing_has_no_purity(context: ProcessContext) -> None:
    empty = replace(RECIPE, adql="SELECT o.id, o.p FROM sel.objects AS o WHERE o.p > 1 + :least")
    found = service(context, empty).judge(empty)
    assert (found.purity, found.completeness) == (None, 0.0)


def test_only_recipes_whose_tables_are_published_can_be_run(context: ProcessContext) -> None:
    (ready,) = service(context, RECIPE, ELSEWHERE).ready()
    assert ready.recipe is RECIPE
    assert ready.tables == ("sel.objects",)


def test_recipes_are_compiled_again_when_something_is_published_and_not_before(context: ProcessContext) -> None:
    later = replace(ELSEWHERE, adql="SELECT x FROM sel.later WHERE 1 < :least")
    recipes = service(context, RECIPE, later)
    first = recipes.ready()
    assert recipes.ready() is first
    publish(context, Table("sel", "later", (Column("x", DataType(Primitive.LONG)),)), pa.table({"x": [1]}))
    assert [one.recipe.name for one in recipes.ready()] == ["sel/stars", "other/stars"]
    without_p = Table("sel", "objects", (Column("id", DataType(Primitive.LONG)),))
    publish(context, without_p, pa.table({"id": [1]}), version="2")
    assert [one.recipe.name for one in recipes.ready()] == ["other/stars"]
    context.store.catalogue.make_current("sel.objects", "1")
    (found, _) = recipes.ready()
    assert [table.release for table in found.query.tables] == ["1"]


def test_a_recipe_of_no_class_cannot_be_judged(context: ProcessContext) -> None:
    plain = replace(RECIPE, expected=None)
    with pytest.raises(UsageError, match="does not select a class"):
        service(context, plain).judge(plain)


def test_without_the_truth_nothing_is_judged(context: ProcessContext) -> None:
    assert RECIPE.expected is not None
    lost = replace(RECIPE, expected=replace(RECIPE.expected, truth="no.truth"))
    with pytest.raises(AdqlError, match=r"no\.truth"):
        service(context, lost).judge(lost)


def test_a_recipe_is_found_by_its_name_an_alias_and_its_last_part(context: ProcessContext) -> None:
    known = service(context, replace(RECIPE, aliases=("paper.stars",)), replace(ELSEWHERE, name="other/quasars"))
    assert known.get("sel/stars").name == known.get("paper.stars").name == known.get("stars").name == "sel/stars"


def test_an_ending_of_several_names_is_refused(context: ProcessContext) -> None:
    with pytest.raises(UsageError, match=r"write sel/stars or other/stars"):
        service(context, RECIPE, ELSEWHERE).get("stars")


def test_an_unknown_name_brings_the_nearest(context: ProcessContext) -> None:
    with pytest.raises(MissingError, match=r"did you mean sel/stars"):
        service(context, RECIPE).get("sel/star")
