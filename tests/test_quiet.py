"""Silence in programs with threads."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings

from vo_server.quiet import quiet

_FIRST_UNITS = """
import threading
from vo_server.adql.conversion import _factor, _invalid
from vo_server.load.units import vounit

UNKNOWN = [f"parsnip{letter}" for letter in "abcdefghijklmnop"]
told = []

def read(unknown):
    told.append((_invalid(unknown) is None, vounit(unknown), _factor("deg", unknown)))
    told.append((_invalid("arcsec") is None, vounit("arcseconds"), _factor("deg", "arcsec")))

threads = [threading.Thread(target=read, args=(one,)) for one in UNKNOWN]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(told), *sorted(map(str, set(told))), sep="\\n")
"""


def test_units_that_are_read_at_once_are_known_or_not_as_when_they_are_read_alone() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _FIRST_UNITS], check=True, capture_output=True, text=True, timeout=120
    ).stdout.splitlines()
    assert told[0] == "32"
    assert told[1:] == ["(False, None, None)", "(True, 'arcsec', 3600.0)"]


def test_what_is_ignored_is_as_before_when_the_thread_that_came_first_ends_first() -> None:
    before = list(warnings.filters)
    inside = [threading.Event(), threading.Event()]
    may_end = [threading.Event(), threading.Event()]

    def ignore(number: int) -> None:
        with quiet(UserWarning):
            inside[number].set()
            may_end[number].wait(60)

    first, second = (threading.Thread(target=ignore, args=(number,)) for number in (0, 1))
    first.start()
    assert inside[0].wait(60)
    second.start()
    assert not inside[1].wait(0.2)
    may_end[0].set()
    first.join(60)
    assert inside[1].wait(60)
    may_end[1].set()
    second.join(60)
    assert list(warnings.filters) == before
