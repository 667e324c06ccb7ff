from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from vo_server.errors import TooManyError
from vo_server.web.gate import QUEUE_FACTOR, Gate


class _Query:
    """Something that runs until it is stopped."""

    def __init__(self) -> None:
        self.n_stops = 0

    def stop(self) -> None:
        self.n_stops += 1


async def _hold(gate: Gate, query: _Query, until: anyio.Event) -> None:
    async with gate.enter(query):
        await until.wait()


def test_queries_beyond_the_limit_wait_for_a_place() -> None:
    async def scene() -> None:
        gate, first_leaves = Gate(1), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(_hold, gate, _Query(), first_leaves)
            await anyio.wait_all_tasks_blocked()
            with anyio.move_on_after(0.05) as waiting:
                async with gate.enter(_Query()):
                    pytest.fail("two queries run at once")
            assert waiting.cancelled_caught
            first_leaves.set()
            with anyio.fail_after(5):
                async with gate.enter(_Query()):
                    assert gate.n_running == 1
        assert gate.n_running == 0

    anyio.run(scene)


def test_a_query_that_waits_too_long_is_refused() -> None:
    async def scene() -> None:
        gate, leave = Gate(1, max_wait_s=0.05), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(_hold, gate, _Query(), leave)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(TooManyError, match="busy with 1 queries"):
                async with gate.enter(_Query()):
                    pytest.fail("two queries run at once")
            leave.set()

    anyio.run(scene)


def test_a_full_queue_refuses_at_once_and_empties_again() -> None:
    async def scene() -> None:
        gate, leave = Gate(1), anyio.Event()
        async with anyio.create_task_group() as group:
            for _ in range(1 + QUEUE_FACTOR):
                group.start_soon(_hold, gate, _Query(), leave)
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(1), pytest.raises(TooManyError):
                async with gate.enter(_Query()):
                    pytest.fail("the queue has no end")
            leave.set()
        async with gate.enter(_Query()):
            assert gate.n_running == 1

    anyio.run(scene)


def test_all_running_queries_can_be_stopped_together() -> None:
    async def scene() -> None:
        gate, leave = Gate(2), anyio.Event()
        queries = [_Query(), _Query()]
        async with anyio.create_task_group() as group:
            for query in queries:
                group.start_soon(_hold, gate, query, leave)
            await anyio.wait_all_tasks_blocked()
            await gate.stop_all()
            leave.set()
        assert [query.n_stops for query in queries] == [1, 1]

    anyio.run(scene)


async def _queue_up(gate: Gate, client: str, order: list[str]) -> None:
    try:
        async with gate.enter(_Query(), client=client):
            order.append(client)
            await anyio.sleep(0.01)
    except TooManyError:
        order.append(f"{client} refused")


def test_a_client_with_many_requests_does_not_keep_others_waiting() -> None:
    async def scene() -> list[str]:
        gate, leave = Gate(1), anyio.Event()
        order: list[str] = []
        async with anyio.create_task_group() as group:
            group.start_soon(_hold, gate, _Query(), leave)
            await anyio.wait_all_tasks_blocked()
            for client in "aaaaaab":
                group.start_soon(_queue_up, gate, client, order)
                await anyio.wait_all_tasks_blocked()
            leave.set()
        return order

    assert anyio.run(scene) == ["a", "b", "a", "a", "a", "a", "a"]


def test_who_has_fewest_running_comes_first() -> None:
    async def scene() -> list[str]:
        gate, leave = Gate(2), anyio.Event()
        order: list[str] = []

        async def hold() -> None:
            async with gate.enter(_Query(), client="a"):
                await leave.wait()

        async with anyio.create_task_group() as group:
            group.start_soon(hold)
            async with gate.enter(_Query(), client="c"):
                for client in "aaab":
                    group.start_soon(_queue_up, gate, client, order)
                    await anyio.wait_all_tasks_blocked()
            await anyio.sleep(0.2)
            leave.set()
        return order

    assert anyio.run(scene) == ["b", "a", "a", "a"]


def test_a_full_queue_refuses_the_client_with_the_most_waiting() -> None:
    async def scene() -> list[str]:
        gate, leave = Gate(1), anyio.Event()
        order: list[str] = []
        async with anyio.create_task_group() as group:
            group.start_soon(_hold, gate, _Query(), leave)
            await anyio.wait_all_tasks_blocked()
            for client in "a" * QUEUE_FACTOR + "b":
                group.start_soon(_queue_up, gate, client, order)
                await anyio.wait_all_tasks_blocked()
            assert order == ["a refused"]
            leave.set()
        return order

    order = anyio.run(scene)
    assert order.count("a") == QUEUE_FACTOR - 1
    assert order.count("b") == 1


def test_a_request_that_is_cancelled_while_it_is_called_gives_its_place_on() -> None:
    async def scene() -> None:
        gate = Gate(1)
        for _ in range(50):
            leave = anyio.Event()
            async with anyio.create_task_group() as group, anyio.create_task_group() as waiting:
                group.start_soon(_hold, gate, _Query(), leave)
                await anyio.wait_all_tasks_blocked()
                waiting.start_soon(_hold, gate, _Query(), anyio.Event())
                await anyio.wait_all_tasks_blocked()
                leave.set()
                await anyio.lowlevel.checkpoint()
                waiting.cancel_scope.cancel()
            with anyio.fail_after(1):
                async with gate.enter(_Query()):
                    assert gate.n_running == 1

    anyio.run(scene)


def test_a_client_holds_no_more_places_than_it_may_and_leaves_the_rest_to_others() -> None:
    async def scene() -> None:
        gate, leave, order = Gate(3), anyio.Event(), list[str]()

        async def pass_through(name: str, client: str) -> None:
            async with gate.enter(_Query(), client=client, most=1):
                order.append(name)
                await leave.wait()

        async with anyio.create_task_group() as group:
            for name, client in [("first", "rita"), ("second", "rita"), ("other", "anna")]:
                group.start_soon(pass_through, name, client)
                await anyio.wait_all_tasks_blocked()
            assert order == ["first", "other"]
            assert gate.n_running == 2
            leave.set()
        assert order == ["first", "other", "second"]
        assert gate.n_running == 0

    anyio.run(scene)
