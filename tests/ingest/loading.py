"""A load in a process of its own, which stops wherever something is told until it is sent a line.

Run as ``python -m tests.ingest.loading URL SUFFIX FILE...``: URL and SUFFIX are those of a ``Site``.
"""

from __future__ import annotations

import sys
from contextlib import closing

from ingest.load import load_table
from tests.ingest.conftest import Site
from vo_server.load.progress import Silent


class _Stages(Silent):
    def say(self, what: str) -> None:
        stop(what)


def stop(text: str) -> None:
    """Tell the parent and wait for its word."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    sys.stdin.readline()


def main(url: str, name: str, files: list[str]) -> None:
    site = Site(url, name)
    with closing(site.open_engine()) as engine, closing(site.open_store()) as store:
        load_table(
            files,
            table="s.t",
            version="v1",
            engine=engine,
            store=store,
            progress=_Stages(),
            told=lambda file: stop(f"{file.state} {file.name}"),
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
