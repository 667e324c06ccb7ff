from __future__ import annotations

import pytest

from tests.formats.samples import P, column
from vo_server.formats.names import uniquely_named


@pytest.mark.parametrize(
    ("given", "unique"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a_2", "a_3"]),
        (["ra", "RA"], ["ra", "RA_2"]),
        (["a", "a_2", "a"], ["a", "a_2", "a_3"]),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
        ([" a  b\n", ""], ["a b", "_"]),
        (["", ""], ["_", "__2"]),
    ],
)
def test_names_get_numbers_where_they_repeat(given: list[str], unique: list[str]) -> None:
    assert [one.name for one in uniquely_named([column(name, P.INT) for name in given])] == unique
