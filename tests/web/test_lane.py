from __future__ import annotations

import anyio
import pytest

from vo_server.web.lane import Lane


async def _hold(lane: Lane, until: anyio.Event) -> None:
    async with lane.enter():
        await until.wait()


def test_answers_beyond_the_width_wait_until_one_has_begun() -> None:
    async def scene() -> None:
        lane, has_begun = Lane(2, brief_s=60), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(_hold, lane, has_begun)
            group.start_soon(_hold, lane, has_begun)
            await anyio.wait_all_tasks_blocked()
            with anyio.move_on_after(0.05) as waiting:
                async with lane.enter():
                    pytest.fail("three answers are begun at once")
            assert waiting.cancelled_caught
            has_begun.set()
            with anyio.fail_after(5):
                async with lane.enter():
                    pass

    anyio.run(scene)


def test_an_answer_that_takes_long_holds_up_nobody() -> None:
    async def scene() -> None:
        lane, never = Lane(1, brief_s=0.01), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(_hold, lane, never)
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(5):
                async with lane.enter():
                    pass
            group.cancel_scope.cancel()

    anyio.run(scene)


def test_a_place_is_given_back_once() -> None:
    async def scene() -> None:
        lane = Lane(1, brief_s=0.01)
        for _ in range(3):
            async with lane.enter():
                await anyio.sleep(0.03)
        leave = anyio.Event()
        async with anyio.create_task_group() as group:
            short = Lane(1, brief_s=60)
            for _ in range(3):
                async with short.enter():
                    pass
            group.start_soon(_hold, short, leave)
            await anyio.wait_all_tasks_blocked()
            with anyio.move_on_after(0.05) as waiting:
                async with short.enter():
                    pytest.fail("two answers are begun at once")
            assert waiting.cancelled_caught
            leave.set()

    anyio.run(scene)


def test_an_answer_that_fails_gives_its_place_back() -> None:
    async def scene() -> None:
        lane = Lane(1, brief_s=60)
        with pytest.raises(ValueError, match="no such table"):
            async with lane.enter():
                raise ValueError("no such table")
        with anyio.fail_after(5):
            async with lane.enter():
                pass

    anyio.run(scene)
