"""A process that does nothing but run jobs, and one that keeps several of them alive."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from vo_server.worker.staff import Staff

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess
    from types import FrameType

    from vo_server.factory import ProcessContext

__all__ = ["start_log", "supervise", "work"]

logger = logging.getLogger(__name__)

_LOOK_S: Final = 0.2
"""Time between two looks whether a process has died, or its parent [s]."""

_PAUSE_S: Final = 1.0
"""Pause before a process that has died is started again [s]: it may die at once each time."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def start_log() -> None:
    """Have warnings and the lives of jobs on standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s")


def work(connect: Callable[[], ProcessContext], *, grace_s: float, announce: Callable[[str], None]) -> None:
    """Run jobs until SIGTERM, SIGINT or the death of the parent, then stop in good order.

    Parameters
    ----------
    connect
        Makes what the process needs.
    grace_s
        Time that running jobs get to end by themselves [s]; a second signal ends it.
    announce
        Called with the name of the worker when it takes jobs.
    """
    told, told_again = threading.Event(), threading.Event()

    def hear(_number: int, _frame: FrameType | None) -> None:
        (told_again if told.is_set() else told).set()

    for number in _SIGNALS:
        signal.signal(number, hear)
    parent = multiprocessing.parent_process()
    with closing(connect()) as context:
        staff = Staff.of(context)
        assert staff.worker is not None
        staff.start()
        announce(staff.worker.name)
        while not told.wait(_LOOK_S):
            if parent is not None and not parent.is_alive():
                logger.warning("the process that started this worker is gone: stopping")
                break
        staff.stop(grace_s=grace_s, hurry=told_again)


def supervise(run: Callable[[], None], *, n_processes: int) -> None:
    """Run several processes until SIGTERM or SIGINT, and start those again that die meanwhile.

    Parameters
    ----------
    run
        What each process does, until it is told to stop by SIGTERM; picklable.
    n_processes
        How many.
    """
    signals: list[int] = []
    for number in _SIGNALS:
        signal.signal(number, lambda number, _frame: signals.append(number))
    context = multiprocessing.get_context("spawn")
    processes: list[BaseProcess] = []
    next_start = [0.0] * n_processes

    def keep_alive() -> None:
        for place in range(n_processes):
            is_new = place >= len(processes)
            if not is_new and (processes[place].is_alive() or time.monotonic() < next_start[place]):
                continue
            if not is_new:
                logger.warning("process %s has died (%s); starting another", *_death(processes[place]))
            process = context.Process(target=run, name=f"worker-{place}")
            process.start()
            next_start[place] = time.monotonic() + _PAUSE_S
            processes[place : place + 1] = [process]

    while not signals:
        keep_alive()
        time.sleep(_LOOK_S)
    n_passed_on = 0
    while any(process.is_alive() for process in processes):
        for _ in signals[n_passed_on:]:
            n_passed_on += 1
            for process in processes:
                process.terminate()
        time.sleep(_LOOK_S)


def _death(process: BaseProcess) -> tuple[int | None, int | None]:
    return process.pid, process.exitcode
