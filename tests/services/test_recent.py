"""What is kept of the values that were asked for last."""

from __future__ import annotations

from vo_server.services.recent import Recent


def test_the_value_that_nobody_has_asked_for_the_longest_makes_room() -> None:
    kept: Recent[str, int] = Recent(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert (kept.get("a"), kept.get("b"), kept.get("c"), len(kept)) == (1, None, 3, 2)


def test_a_value_is_replaced_by_the_new_one_of_its_key() -> None:
    kept: Recent[str, int] = Recent(2)
    for value in (1, 2, 3):
        kept.put("a", value)
    assert (kept.get("a"), len(kept)) == (3, 1)


def test_what_is_forgotten_is_not_there() -> None:
    kept: Recent[str, int] = Recent(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert (kept.pop("a"), kept.pop("a"), len(kept)) == (1, None, 1)
    kept.clear()
    assert (kept.get("b"), len(kept)) == (None, 0)
