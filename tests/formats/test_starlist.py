from __future__ import annotations

import pyarrow as pa
import pytest

from vo_server.formats.starlist import write_star_list
from vo_server.model.query import Note, QueryResult, arrow_schema
from vo_server.services.targets import TARGET_COLUMNS


def lines(name: str, ra: float, dec: float, magnitude: float | None = None, priority: float | None = None) -> list[str]:
    values = {"name": name, "ra": ra, "dec": dec, "magnitude": magnitude, "priority": priority}
    row = {column.name: values.get(column.name) for column in TARGET_COLUMNS}
    batch = pa.RecordBatch.from_pylist([row], schema=arrow_schema(TARGET_COLUMNS))
    notes = (Note("RECIPE", "a/b", "Title"), Note("QUERY", "SELECT 1"))
    result = QueryResult(TARGET_COLUMNS, iter([batch]), 1, notes)
    return b"".join(write_star_list(result)).decode().splitlines()


def test_a_line_has_name_position_equinox_and_keywords() -> None:
    comment, line = lines("NGC 1", 10.684708, 41.268750, 20.5, 0.97)
    assert comment == "# RECIPE: a/b Title"
    assert line == "NGC_1           00 42 44.330 +41 16 07.50 2000.0 vmag=20.500 priority=0.970"


@pytest.mark.parametrize(
    ("ra", "dec", "shown"),
    [
        (0.0, -0.0001, "00 00 00.000 -00 00 00.36"),
        (359.99999999, 90.0, "00 00 00.000 +90 00 00.00"),
        (14.9999999999, 59.9999999, "01 00 00.000 +60 00 00.00"),
    ],
)
def test_no_sixty_appears_and_small_negative_declinations_keep_their_sign(ra: float, dec: float, shown: str) -> None:
    assert lines("x", ra, dec)[1].split(maxsplit=1)[1] == f"{shown} 2000.0"


def test_long_names_keep_their_end_in_which_identifiers_differ() -> None:
    assert lines("a name that is 0123456789", 1, 1)[1].startswith("at_is_0123456789"[-15:])


def test_what_is_not_known_is_left_out() -> None:
    assert "vmag" not in lines("x", 1.0, 1.0)[1]
