"""The budget of memory: who waits, who may go on, and that nobody waits for ever."""

from __future__ import annotations

import anyio
import anyio.lowlevel
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vo_server.web.budget import ByteBudget


def test_an_answer_waits_until_others_hold_less() -> None:
    async def scene() -> None:
        budget = ByteBudget(100)
        await budget.want("a", 60)
        with anyio.move_on_after(0.05) as waiting:
            await budget.want("b", 50)
        assert waiting.cancelled_caught
        async with anyio.create_task_group() as group:
            group.start_soon(budget.want, "b", 50)
            await anyio.wait_all_tasks_blocked()
            assert budget.held_bytes == 60
            budget.hold("a", 50)
        assert budget.held_bytes == 100
        budget.release("a")
        budget.release("b")
        assert budget.held_bytes == 0

    anyio.run(scene)


def test_what_an_answer_holds_itself_makes_room_for_what_it_wants() -> None:
    async def scene() -> None:
        budget = ByteBudget(100)
        await budget.want("a", 60)
        with anyio.fail_after(1):
            await budget.want("a", 90)
        assert budget.held_bytes == 90

    anyio.run(scene)


def test_a_batch_larger_than_the_budget_passes_alone() -> None:
    async def scene() -> None:
        budget = ByteBudget(100)
        with anyio.fail_after(1):
            await budget.want("a", 1000)

    anyio.run(scene)


def test_two_that_wait_for_each_other_go_on_one_by_one() -> None:
    async def scene() -> None:
        budget = ByteBudget(100)
        for owner in "ab":
            budget.hold(owner, 80)

        async def go_on(owner: str) -> None:
            await budget.want(owner, 80)
            await anyio.sleep(0.01)
            budget.release(owner)

        with anyio.fail_after(1):
            async with anyio.create_task_group() as group:
                for owner in "ab":
                    group.start_soon(go_on, owner)

    anyio.run(scene)


@example([[33, 67], [34, 68], [34, 68], [34, 68]])
@given(st.lists(st.lists(st.integers(0, 150), min_size=1, max_size=6), min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_any_number_of_answers_ends_and_all_but_one_batch_stay_within_the_budget(batches: list[list[int]]) -> None:
    async def scene() -> None:
        budget, largest = ByteBudget(100), max(max(sizes) for sizes in batches)

        async def answer(owner: int, sizes: list[int]) -> None:
            for size in sizes:
                await budget.want(owner, size)
                assert budget.held_bytes <= 100 + largest
                await anyio.lowlevel.checkpoint()
                budget.hold(owner, size)
            budget.release(owner)

        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for owner, sizes in enumerate(batches):
                    group.start_soon(answer, owner, sizes)
        assert budget.held_bytes == 0

    anyio.run(scene)
