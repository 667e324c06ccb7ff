from __future__ import annotations

import anyio
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
