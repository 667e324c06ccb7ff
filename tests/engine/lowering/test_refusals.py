"""What cannot be lowered is refused with its place in the text, and nothing else gets into the SQL."""

from __future__ import annotations

import pytest

from tests.support.testengines import SkyEngine
from vo_server.adql import tree
from vo_server.engine.rules import RULES
from vo_server.errors import AdqlError, ProblemKind


@pytest.mark.parametrize(
    ("value", "token", "kind"),
    [
        (
            "CONTAINS(CIRCLE(id, 0, 1), REGION('Union (Circle 1 2 3 Circle 4 5 6)'))",
            "CONTAINS",
            ProblemKind.UNSUPPORTED,
        ),
        ("CONTAINS(POINT(1, 1), BOX(1, 1, 200, 1))", "BOX", ProblemKind.TYPE),
        ("BOX(1, 1, 1, 0)", "BOX", ProblemKind.TYPE),
        ("POLYGON(0, 0, 180, 0, 90, 45)", "POLYGON", ProblemKind.TYPE),
        ("POLYGON(0, 0, 10, 10 * 10, 20, 0)", "10 * 10", ProblemKind.TYPE),
        ("REGION('Circle 1 95 3')", "'Circle", ProblemKind.TYPE),
        ("AREA(REGION('Circle FK4 1 2 3'))", "'Circle", ProblemKind.TYPE),
        ("AREA(REGION('Circle 1 2'))", "'Circle", ProblemKind.TYPE),
        ("AREA(REGION('moc 3/1-4000'))", "'moc", ProblemKind.TYPE),
        ("AREA(REGION('moc 3/1 30/7'))", "'moc", ProblemKind.TYPE),
        ("AREA(REGION('squiggle 1 2 3'))", "'squiggle", ProblemKind.TYPE),
        ("CAST('1 two' AS POINT)", "'1 two'", ProblemKind.TYPE),
        ("CAST('1 2 3' AS POINT)", "'1 2 3'", ProblemKind.TYPE),
        ("CAST('1 2 3 4' AS POLYGON)", "'1 2 3 4'", ProblemKind.TYPE),
        ("DISTANCE(0, 0, 0, 45 * 3)", "45 * 3", ProblemKind.TYPE),
        ("CIRCLE(0, 0, 100 + 100)", "100 + 100", ProblemKind.TYPE),
        ("1e400", "1e400", ProblemKind.TYPE),
    ],
)
def test_what_cannot_be_lowered_is_named_with_its_place(
    value: str, token: str, kind: ProblemKind, sky: SkyEngine
) -> None:
    adql = f"SELECT id, {value} FROM sky.tiny"
    with pytest.raises(AdqlError) as caught:
        sky.translate(adql)
    assert caught.value.problems[0].kind is kind
    assert adql[caught.value.span.start : caught.value.span.end].startswith(token)


_NOT_IN = "SELECT t.id FROM sky.tiny AS t WHERE {} (SELECT o.n FROM sky.tiny AS o WHERE {})"


@pytest.mark.parametrize("outside", ["t.id NOT IN", "NOT t.id IN"])
@pytest.mark.parametrize("chance", ["RAND() >= 0", "ivo_normal_random(0, 1) < 9"])
def test_duckdb_refuses_chance_in_not_in_that_names_what_is_outside(
    outside: str, chance: str, duckdb_sky: SkyEngine
) -> None:
    adql = _NOT_IN.format(outside, f"o.id > t.id AND {chance}")
    with pytest.raises(AdqlError, match="in a subquery of NOT IN") as caught:
        duckdb_sky.translate(adql)
    assert "NOT EXISTS" in str(caught.value.problems[0].hint)
    assert adql[caught.value.span.start : caught.value.span.end].startswith("t.id")


@pytest.mark.parametrize(
    "adql",
    [
        _NOT_IN.format("t.id NOT IN", "RAND() >= 0"),
        _NOT_IN.format("t.id IN", "o.id > t.id AND RAND() >= 0"),
        _NOT_IN.format("NOT EXISTS", "o.id > t.id AND RAND() >= 0"),
        _NOT_IN.format("t.id NOT IN", "o.id > t.id AND o.n > 0"),
    ],
)
def test_chance_is_taken_everywhere_else(adql: str, duckdb_sky: SkyEngine) -> None:
    assert duckdb_sky.translate(adql)


@pytest.mark.parametrize("system", ["GALACTIC", "FK4", "ECLIPTIC", "anything"])
def test_other_coordinate_systems_are_refused(system: str, sky: SkyEngine) -> None:
    with pytest.raises(AdqlError, match="coordinate system") as caught:
        sky.translate(f"SELECT id FROM sky.tiny WHERE 1 = CONTAINS(POINT('{system}', id, n), CIRCLE('', 1, 2, 3))")
    assert caught.value.problems[0].hint is not None


@pytest.mark.parametrize(
    "adql",
    [
        """SELECT '"; DROP TABLE x; --' AS "a""; DROP TABLE x" FROM sky.tiny""",
        "SELECT id FROM sky.tiny WHERE s = '\\'' OR 1=1 --'",
        "SELECT id FROM sky.tiny WHERE s LIKE '%''; SELECT pg_sleep(9); --'",
    ],
)
def test_texts_and_names_stay_texts_and_names(adql: str, sky: SkyEngine) -> None:
    assert len(sky.answer(adql)) in {0, 6}


def test_every_kind_of_node_has_a_rule() -> None:
    named = [getattr(tree, name) for name in tree.__all__]
    families = (tree.Expression, tree.Condition, tree.TableReference)
    kinds = {kind for kind in named if isinstance(kind, type) and issubclass(kind, families) and kind not in families}
    assert set(RULES) == kinds | {tree.QueryNode, tree.Select, tree.SetOperation}


def test_the_limit_of_the_service_and_of_the_query_are_one(sky: SkyEngine) -> None:
    for top, limit, expected in ((None, 2, 2), (3, 2, 2), (1, 2, 1), (None, None, 6), (0, 5, 0)):
        select = "SELECT" if top is None else f"SELECT TOP {top}"
        assert len(sky.answer(f"{select} id FROM sky.tiny", limit=limit)) == expected
    union = "SELECT TOP 4 id FROM sky.tiny UNION ALL SELECT k FROM sky.pairs"
    assert len(sky.answer(union)) == 9
    assert len(sky.answer(union, limit=7)) == 7
