"""What is made of a catalogue is made once, and again when the catalogue is another one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.support.testsky import catalogue
from vo_server.model.table import Catalogue
from vo_server.services.kept import KeptByCatalogue


def test_a_catalogue_is_worked_on_once_however_many_ask_at_once() -> None:
    made: list[Catalogue] = []
    begun = threading.Event()

    def make(given: Catalogue) -> object:
        begun.wait(timeout=10)
        made.append(given)
        return object()

    kept, published = KeptByCatalogue(make), catalogue()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(kept.of, published) for _ in range(8)]
        begun.set()
        assert len({id(one.result()) for one in asked}) == 1
    assert made == [published]


def test_who_sees_another_catalogue_does_not_wait() -> None:
    mine, yours = catalogue(), Catalogue((), catalogue().version)
    begun, done = threading.Event(), threading.Event()

    def make(given: Catalogue) -> int:
        if given is mine:
            begun.set()
            assert done.wait(timeout=10)
        return len(given.schemas)

    kept = KeptByCatalogue(make)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(kept.of, mine)
        assert begun.wait(timeout=10)
        assert kept.of(yours) == 0
        done.set()
        assert slow.result() == len(mine.schemas)


def test_a_change_of_the_catalogue_makes_it_anew_and_forgets_what_was() -> None:
    kept = KeptByCatalogue(lambda given: given.version)
    first = catalogue()
    second = replace(first, version=first.version + 1)
    assert (kept.of(first), kept.of(second)) == (first.version, first.version + 1)
    assert len(kept) == 1


def test_only_the_last_views_of_a_catalogue_are_kept() -> None:
    made: list[int] = []
    kept = KeptByCatalogue(lambda given: made.append(id(given)))
    views = [Catalogue((), 7) for _ in range(20)]
    for view in (*views, views[-1], views[0]):
        kept.of(view)
    assert len(kept) == 16
    assert made == [id(view) for view in (*views, views[0])]


def test_what_fails_is_tried_again() -> None:
    answers = iter([ValueError("the first time"), 5])

    def make(_: Catalogue) -> object:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    kept, published = KeptByCatalogue(make), catalogue()
    with pytest.raises(ValueError, match="the first time"):
        kept.of(published)
    assert kept.of(published) == 5
