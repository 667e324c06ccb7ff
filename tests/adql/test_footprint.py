from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.testsky import FOOTPRINT, catalogue
from vo_server.adql.front import check_open, compile_query
from vo_server.errors import AdqlError, ProblemKind
from vo_server.model.footprints import Footprints


def cells(call: str) -> object:
    query = compile_query(f"SELECT {call} AS f FROM sky.objects", catalogue())
    (found,) = query.footprints.values()
    return found


@pytest.mark.parametrize("name", ["sky.objects", "objects", "SKY.Objects", '"sky"."objects"', " sky.objects "])
def test_a_footprint_is_found_by_the_name_of_its_table(name: str) -> None:
    assert cells(f"in_footprint('{name}', ra, dec)") == FOOTPRINT


def test_an_unknown_table_is_told_with_the_nearest() -> None:
    with pytest.raises(AdqlError) as caught:
        cells("in_footprint('sky.objcts', ra, dec)")
    (problem,) = caught.value.problems
    assert problem.kind is ProblemKind.UNKNOWN
    assert problem.hint == "did you mean sky.objects?"
    assert problem.token == "'sky.objcts'"


def test_a_table_without_a_footprint_is_told() -> None:
    with pytest.raises(AdqlError, match=r"the footprint of sky\.pairs is not known"):
        cells("in_footprint('sky.pairs', ra, dec)")


def test_footprints_of_too_many_cells_together_are_refused() -> None:
    scattered = tuple((2 * number, 2 * number) for number in range(10_000))
    sky = replace(catalogue(), footprints=Footprints(lambda _: scattered))
    asked = [f"in_footprint('sky.objects', ra, dec) AS f{number}" for number in range(8)]
    compile_query(f"SELECT {', '.join(asked[:5])} FROM sky.objects", sky)
    with pytest.raises(AdqlError, match="too many cells of footprints: at most 50000") as caught:
        compile_query(f"SELECT {', '.join(asked)} FROM sky.objects", sky)
    (problem,) = caught.value.problems
    assert problem.kind is ProblemKind.LIMIT


def test_the_name_cannot_be_calculated() -> None:
    with pytest.raises(AdqlError, match="takes a literal string for table"):
        cells("in_footprint('sky.' || 'objects', ra, dec)")


def test_without_a_catalogue_any_table_will_do() -> None:
    check_open("SELECT in_footprint('no.such', ra, dec) AS f FROM a.b")
