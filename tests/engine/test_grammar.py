"""The grammars of the databases, which sqlglot would make when they are asked for."""

from __future__ import annotations

import subprocess
import sys

_FIRST_QUERIES = """
import sys, threading, time
from sqlglot.dialects import dialect

quick = dialect.new_trie

def slow(*given, **options):
    time.sleep(0.2)
    return quick(*given, **options)

dialect.new_trie = slow  # called while a dialect is made, after it was listed

from vo_server.engine.templates import Template

told = set()

def write():
    try:
        told.add(repr(Template.of("CAST({x} AS DOUBLE PRECISION)", sys.argv[1]).pieces))
    except Exception as error:
        told.add(repr(error))

threads = [threading.Thread(target=write) for _ in range(4)]
for thread in threads:
    thread.start()
    time.sleep(0.05)
for thread in threads:
    thread.join()
print(*sorted(told), sep="\\n")
"""


def test_first_queries_that_come_at_once_are_written_in_the_grammar_of_the_database() -> None:
    for name, written in (("postgres", "DOUBLE PRECISION"), ("duckdb", "DOUBLE")):
        command = [sys.executable, "-c", _FIRST_QUERIES, name]
        told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
        assert told.splitlines() == [repr(("CAST(", f" AS {written})"))]
