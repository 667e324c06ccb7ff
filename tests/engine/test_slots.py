"""Places in the order in which they were asked for."""

from __future__ import annotations

import threading
import time

from vo_server.engine.slots import Slots


def _until_waiting(thread: threading.Thread) -> None:
    thread.start()
    time.sleep(0.05)


def test_who_has_waited_longest_gets_the_next_place() -> None:
    slots = Slots(1)
    slots.take(timeout_s=0)
    order: list[int] = []

    def take(number: int) -> None:
        assert slots.take(timeout_s=10)
        order.append(number)
        slots.give_back()

    threads = [threading.Thread(target=take, args=(number,)) for number in range(5)]
    for thread in threads:
        _until_waiting(thread)
    slots.give_back()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_a_place_that_is_given_back_goes_to_who_waits_and_not_to_who_comes() -> None:
    slots = Slots(1)
    slots.take(timeout_s=0)
    got = threading.Event()

    def wait() -> None:
        slots.take(timeout_s=10)
        got.set()

    thread = threading.Thread(target=wait)
    _until_waiting(thread)
    slots.give_back()
    assert not slots.take(timeout_s=0)
    thread.join()
    assert got.is_set()


def test_who_gives_up_leaves_the_place_to_others() -> None:
    slots = Slots(2)
    assert slots.take(timeout_s=0)
    assert slots.take(timeout_s=0)
    assert not slots.take(timeout_s=0.05)
    slots.give_back()
    assert slots.take(timeout_s=0)
    assert not slots.take(timeout_s=0)


def test_never_more_places_are_taken_than_there_are() -> None:
    slots = Slots(3)
    lock = threading.Lock()
    taken, most = 0, 0

    def work() -> None:
        nonlocal taken, most
        for _ in range(300):
            if slots.take(timeout_s=0.0005):
                with lock:
                    taken += 1
                    most = max(most, taken)
                time.sleep(0.0001)
                with lock:
                    taken -= 1
                slots.give_back()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3
    assert [slots.take(timeout_s=0) for _ in range(4)] == [True, True, True, False]
