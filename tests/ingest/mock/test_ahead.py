"""Pieces that are made ahead come in order, and no more of them are made than are soon wanted."""

from __future__ import annotations

import time
from itertools import count, islice
from threading import Barrier, Lock

import pytest

from ingest.mock.ahead import made_ahead


def test_pieces_come_in_the_order_of_what_they_are_made_of() -> None:
    def make(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number * number

    assert list(made_ahead(make, range(20))) == [number * number for number in range(20)]


def test_nothing_is_made_of_nothing() -> None:
    assert list(made_ahead(str, ())) == []


def test_two_pieces_are_made_at_a_time() -> None:
    both = Barrier(2)

    def make(number: int) -> int:
        both.wait(timeout=30)
        return number

    assert list(made_ahead(make, range(4))) == [0, 1, 2, 3]


def test_few_pieces_are_made_before_they_are_asked_for() -> None:
    begun, guard = [], Lock()

    def make(number: int) -> int:
        with guard:
            begun.append(number)
        return number

    made = made_ahead(make, count())
    assert list(islice(made, 10)) == list(range(10))
    made.close()
    assert len(begun) <= 10 + 2


def test_an_error_comes_in_the_place_of_its_piece() -> None:
    made = made_ahead(lambda number: 1 // (2 - number), range(5))
    assert next(made) == 0
    assert next(made) == 1
    with pytest.raises(ZeroDivisionError):
        next(made)
