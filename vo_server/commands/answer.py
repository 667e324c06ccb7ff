"""Writing the answer of a query to a file or to standard output."""

from __future__ import annotations

import sys
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

import click

from vo_server.errors import AdqlError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vo_server.factory import ProcessContext
    from vo_server.model.query import QueryResult

__all__ = ["told_of_emptiness", "write_answer"]


def write_answer(
    result: QueryResult,
    format_name: str,
    output: Path | None,
    *,
    write: Callable[[QueryResult], Iterator[bytes]] | None = None,
) -> None:
    """Write a result, close it, and tell on standard error when rows were left out.

    Parameters
    ----------
    result
        What is written.
    format_name
        Any value of RESPONSEFORMAT.
    output
        File that is there whole or not at all; None for standard output.
    write
        Writes it in another form; None for the format of that name.

    Raises
    ------
    UsageError
        If there is no such format or the file cannot be written.
    VoError
        What the query fails with.
    """
    from vo_server.formats.registry import find_format  # noqa: PLC0415 - late: see commands.query

    with closing(result):
        write = write or find_format(format_name).writer.write
        result.prefetch()
        if output is None:
            sys.stdout.buffer.writelines(write(result))
        else:
            _write(write(result), output)
    if result.truncation is not None:
        click.echo(f"vo-server: {result.n_rows} rows: {result.truncation.message} (--maxrec)", err=True)


@contextmanager
def told_of_emptiness(context: ProcessContext) -> Iterator[None]:
    """Say so when a query fails because nothing is published."""
    try:
        yield
    except AdqlError as error:
        if context.store.catalogue.locations():
            raise
        place = context.store.database.place
        raise UsageError(error.message, hint=f"nothing is published in {place}, see `vo-server ingest load`") from error


def _write(pieces: Iterator[bytes], output: Path) -> None:
    """Write a file that is there whole or not at all."""
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as file:
            file.writelines(pieces)
        part.replace(output)
    except OSError as error:
        raise UsageError(
            f"the file {output} cannot be written: {error.strerror or error}", hint="choose another with --output"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
