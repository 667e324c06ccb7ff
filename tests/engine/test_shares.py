"""Sizes of batches that answers get while others run."""

from __future__ import annotations

import random

import pytest

from vo_server.engine.base import BATCH_BYTES
from vo_server.engine.shares import SMALLEST_BYTES, BatchShares

MB = 1024**2


@pytest.mark.parametrize("n_answers", [1, 2, 16])
def test_as_many_answers_as_are_allowed_have_no_more_than_all_memory(n_answers: int) -> None:
    total = n_answers * 2 * MB
    shares = BatchShares(total, most_answers=n_answers)
    sizes = [shares.take() for _ in range(n_answers)]
    assert 0.5 * total < sum(sizes) <= total


def test_answers_that_come_and_go_in_any_order_never_have_more_than_all_memory() -> None:
    choices, shares = random.Random(1), BatchShares(40 * MB, most_answers=16)
    held: list[int] = []
    for _ in range(10_000):
        if len(held) < 16 and (not held or choices.random() < 0.55):
            held.append(shares.take())
        else:
            held.pop(choices.randrange(len(held)))
            shares.give_back()
        assert sum(held) <= 40 * MB


def test_one_answer_alone_gets_the_best_size() -> None:
    shares = BatchShares(13 * MB, most_answers=16)
    alone = shares.take()
    shares.give_back()
    assert alone > 3 * MB
    assert shares.take() == alone


def test_no_batch_is_smaller_than_what_pays_or_larger_than_the_best() -> None:
    assert BatchShares(16, most_answers=16).take() == SMALLEST_BYTES
    assert BatchShares(10**12, most_answers=16).take() == BATCH_BYTES


def test_without_a_limit_every_answer_gets_the_best_size() -> None:
    shares = BatchShares.unlimited()
    assert {shares.take() for _ in range(1000)} == {BATCH_BYTES}
