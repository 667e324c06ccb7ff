"""Locations in PostgreSQL: what is ours, and what belongs to others."""

from __future__ import annotations

import pytest

from vo_server.engine.postgres.place import adopted_location, is_adopted, location_of, relation_of, split
from vo_server.errors import EngineError

PUBLISHED = {"schema": "survey", "table": "stars", "version": "1"}


@pytest.mark.parametrize(
    "relation", [("public", "stars"), ("My Schema", 'odd "t"'), ("a.b", "c#d\ne"), ("x", "adopted:")]
)
def test_an_adopted_relation_is_named_as_it_is(relation: tuple[str, str]) -> None:
    location = adopted_location(relation, **PUBLISHED)
    assert is_adopted(location)
    schema, name = (part.replace('"', '""') for part in relation)
    assert relation_of(location) == f'"{schema}"."{name}"'


def test_releases_of_one_relation_have_different_locations() -> None:
    first = adopted_location(("public", "stars"), **PUBLISHED)
    again = adopted_location(("public", "stars"), **PUBLISHED | {"version": "2"})
    elsewhere = adopted_location(("public", "stars"), **PUBLISHED | {"table": "other"})
    assert len({first, again, elsewhere}) == 3


def test_nothing_that_is_adopted_can_be_taken_for_ours() -> None:
    with pytest.raises(EngineError, match="is not a place in PostgreSQL"):
        split(adopted_location(("vo_data", "stars"), **PUBLISHED))
    ours = location_of("vo_data", **PUBLISHED)
    assert not is_adopted(ours)
    assert relation_of(ours) == '"{}"."{}"'.format(*split(ours))


@pytest.mark.parametrize("location", ["adopted:", 'adopted:"a"."b"', 'adopted:"a"."b"; DROP TABLE x#00000000', "a.b.c"])
def test_what_is_no_location_is_refused(location: str) -> None:
    with pytest.raises(EngineError, match="is not a place in PostgreSQL"):
        relation_of(location)
