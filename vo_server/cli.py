"""The command line: a root that finds its commands by entry points and imports none before it is called."""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from vo_server import __version__
from vo_server.errors import VoError

__all__ = ["main", "root"]

COMMAND_GROUP = "vo_server.commands"
"""Entry-point group whose members are the commands; `ingest` and any other package may add some."""

_EXIT_STATUS = (
    "Exit status: 0 when all went well; 2 for what you can mend, an option, a name, a query or a file to load; "
    "1 for any other failure, such as one of the database or the installation, or a limit that may pass; "
    "130 when interrupted."
)


class _EntryPointGroup(click.Group):
    """A group whose commands are the entry points of the group ``vo_server.commands``."""

    def _found(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=COMMAND_GROUP)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(self._found())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        point = self._found().get(cmd_name)
        if point is None:
            return None
        command = point.load()
        assert isinstance(command, click.Command)
        return command


@click.command(cls=_EntryPointGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXIT_STATUS)
@click.version_option(__version__, prog_name="vo-server")
def root() -> None:
    """Publish catalogues with machine-learning value-added columns to the Virtual Observatory."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    Exit status: 0 when all went well, 2 for a request that the caller can mend (a bad option, name, query or file; see
    :attr:`~vo_server.errors.VoError.is_of_request`), 1 for anything else that has a clear error, 130 when interrupted.

    Parameters
    ----------
    arguments
        Words after the program's name; those of the process when None.
    """
    try:
        status: Any = root.main(arguments, prog_name="vo-server", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except VoError as error:
        click.echo(f"vo-server: {error.message}", err=True)
        if error.hint is not None:
            click.echo(f"  hint: {error.hint}", err=True)
        sys.exit(2 if error.is_of_request else 1)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not a failure, and nothing more can be printed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        # A file or directory that the user named. What names none is not the user's, and its traceback is wanted.
        if error.filename is None:
            raise
        click.echo(f"vo-server: {_of_file(error)}", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _of_file(error: OSError) -> str:
    """Tell which file or directory could not be used, and why."""
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else error.filename
    return f"{name} cannot be used: {error.strerror or error}"
