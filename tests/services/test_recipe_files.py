from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from vo_server.errors import ConfigurationError
from vo_server.resources import recipe_files
from vo_server.services.recipe_files import parse_recipe, read_recipes

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
-- title: Bright stars
-- selects: Stars brighter than a limit.
-- parameters:
--   faintest: {type: double, default: 20, min: 0, max: 30, unit: mag, description: Faintest magnitude}
-- expected: {class: STAR, table: s.t, key: {id: id}, truth: s.truth, purity: 0.9, completeness: 0.8}
-- source: A paper
SELECT id FROM s.t WHERE mag < :faintest
"""


def test_the_leading_comment_describes_a_recipe() -> None:
    made = parse_recipe(GOOD, name="s/bright")
    assert (made.name, made.title, made.source) == ("s/bright", "Bright stars", "A paper")
    assert made.query() == "SELECT id FROM s.t WHERE mag < 20"
    assert made.parameters[0].expected == "a number from 0 to 30 [mag]"
    assert made.expected is not None
    assert (made.expected.class_name, made.expected.purity) == ("STAR", 0.9)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("-- source: A paper\n", "", "source: Field required"),
        ("-- title", "-- sauce: 1\n-- title", "sauce: Extra inputs are not permitted"),
        ("-- title", "-- published: [{value: 7 rows}]\n-- title", "published.0.source: Field required"),
        ("-- title", "-- targets: {name: id, ra: a, dec: d, size: s}\n-- title", "targets.size: Unexpected"),
        ("-- title", "-- targets: {name: id, ra: a, dec: d, epoch: old}\n-- title", "targets.epoch: Input should be a"),
        (":faintest\n", ":faint\n", "places for faint, not described"),
        ("mag < :faintest", "mag < 1", "no place for faintest"),
        ("default: 20", "default: 40", "the default of faintest is 40"),
        ("default: 20", "default: bright", "the default of faintest is 'bright'"),
        ("WHERE mag", "WERE mag", "line 1"),
        ("purity: 0.9", "purity: 90", "expected.purity"),
        ("{type: double", "{type: double: ", "is not YAML"),
        ("type: double", "type: angle", "parameters.faintest.type"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused_with_its_name(before: str, after: str, reason: str) -> None:
    assert before in GOOD
    with pytest.raises(ConfigurationError, match="the recipe s/bright does not hold together") as caught:
        parse_recipe(GOOD.replace(before, after), name="s/bright")
    assert reason in str(caught.value)


def test_recipes_are_called_as_their_files(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "b.adql").write_text(GOOD)
    (tmp_path / "s" / "a.adql").write_text(GOOD)
    (tmp_path / "s" / "notes.txt").write_text("not a recipe")
    assert [one.name for one in read_recipes(tmp_path)] == ["s/a", "s/b"]


def test_without_a_directory_there_are_none(tmp_path: Path) -> None:
    assert read_recipes(tmp_path / "nothing") == ()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "b.adql").write_bytes(b"-- title: \xff\n")
    with pytest.raises(ConfigurationError, match=r"b\.adql cannot be read"):
        read_recipes(tmp_path)


def test_all_recipes_that_come_with_the_server_hold_together_and_have_different_names() -> None:
    found = read_recipes(recipe_files())
    names = [name for one in found for name in (one.name, *one.aliases)]
    assert {one.name.partition("/")[0] for one in found} >= {"bannjos", "ls_psc", "vexas", "dp1", "vlkb"}
    assert len(set(names)) == len(names)


@pytest.mark.catalogues
def test_every_published_query_is_a_recipe_and_runs_as_corrected(catalogues_dir: Path) -> None:
    published = json.loads((catalogues_dir.parent / "catalogues" / "queries.json").read_text())
    by_alias = {alias: one for one in read_recipes(recipe_files()) for alias in one.aliases}
    assert {one["id"]: one["adql"] for one in published} == {
        one["id"]: by_alias[one["id"]].query() for one in published
    }
