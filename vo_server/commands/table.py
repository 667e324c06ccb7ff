"""``vo-server table``: tables of users, looked after from the command line in the name of their owners."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.factory import ProcessContext
    from vo_server.model.identity import Identity
    from vo_server.model.user_table import UserTable

__all__ = ["table"]

_database = click.option("--database", help="Database URL; VO_DATABASE or duckdb:///vo-data when not given.")
_user = click.option("--user", "user_name", required=True, help="Whose tables; the command acts for this user.")
_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))

_LINE = "{:<40}  {:<16}  {:>12}  {:>14}  {:<10}  {}"


@click.group()
def table() -> None:
    """Look after the tables that users keep."""


@table.command("list")
@click.option("--user", "user_name", help="Only the tables of this user.")
@_database
def list_tables(user_name: str | None, database: str | None) -> None:
    """List the tables of all users."""
    with _opened(database) as context:
        found = context.store.user_tables.list(user_name)
    click.echo(_LINE.format("NAME", "OWNER", "ROWS", "BYTES", "EXPIRES", "SEEN BY"))
    for one in found:
        click.echo(_line(one))


@table.command()
@click.argument("name")
@_file
@_user
@_database
def create(name: str, file: Path, user_name: str, database: str | None) -> None:
    """Make the table NAME of FILE: a table of any known format, or the VOSI description of one without rows."""
    with _opened(database) as context:
        made = context.user_tables.create(_acting(context, user_name), name, file, shown_as=str(file))
    click.echo(f"{made.release.table.full_name} is made: {made.n_rows} rows")


@table.command()
@click.argument("name")
@_file
@_user
@_database
def load(name: str, file: Path, user_name: str, database: str | None) -> None:
    """Add the rows of FILE to the table NAME."""
    with _opened(database) as context:
        made = context.user_tables.append(_acting(context, user_name), name, file, shown_as=str(file))
    click.echo(f"{made.release.table.full_name} has {made.n_rows} rows now")


@table.command()
@click.argument("name")
@click.argument("column")
@click.option("--unique", "is_unique", is_flag=True, help="Allow no value twice, now and later.")
@_user
@_database
def index(name: str, column: str, *, is_unique: bool, user_name: str, database: str | None) -> None:
    """Have conditions on COLUMN of the table NAME answered by an index."""
    with _opened(database) as context:
        context.user_tables.index(_acting(context, user_name), name, column, is_unique=is_unique)
    click.echo(f"{column} of {name} is indexed")


@table.command()
@click.argument("name")
@click.option("--with", "readers", multiple=True, metavar="USER", help="A user who sees it; may be given repeatedly.")
@click.option("--public", "is_public", is_flag=True, help="Let everybody see it.")
@_user
@_database
def share(name: str, readers: tuple[str, ...], *, is_public: bool, user_name: str, database: str | None) -> None:
    """Set who sees the table NAME besides its owner; nobody when no option is given."""
    with _opened(database) as context:
        caller = _acting(context, user_name)
        kept = context.user_tables.share(caller, name, is_public=is_public, readers=readers)
    click.echo(f"{kept.full_name} is seen by {_seen_by(kept)}")


@table.command()
@click.argument("name")
@click.option("--days", "n_days", type=click.IntRange(min=1), required=True, help="Days from now.")
@_user
@_database
def keep(name: str, n_days: int, user_name: str, database: str | None) -> None:
    """Keep the table NAME for some days, or for as long as the settings allow if that is less."""
    from vo_server.store.tables import utc_now  # noqa: PLC0415 - late: `--help` need not wait for the libraries

    with _opened(database) as context:
        expires = utc_now() + timedelta(days=n_days)
        kept = context.user_tables.keep_until(_acting(context, user_name), name, expires)
    click.echo(f"{kept.full_name} is kept until {_day(kept.expires)}")


@table.command()
@click.argument("name")
@_user
@_database
def drop(name: str, user_name: str, database: str | None) -> None:
    """Remove the table NAME with all its rows."""
    with _opened(database) as context:
        context.user_tables.drop(_acting(context, user_name), name)
    click.echo(f"{name} is removed")


@contextmanager
def _opened(database: str | None) -> Iterator[ProcessContext]:
    from contextlib import closing  # noqa: PLC0415 - late: `--help` need not wait for the libraries

    from vo_server.factory import ProcessContext  # noqa: PLC0415
    from vo_server.settings import load_settings  # noqa: PLC0415

    with closing(ProcessContext.create(load_settings(database=database), make_store=False)) as context:
        yield context


def _acting(context: ProcessContext, user_name: str) -> Identity:
    """Return the identity of a user; MissingError when there is none of that name."""
    from vo_server.model.identity import Identity  # noqa: PLC0415 - late, see above

    context.store.users.tokens(user_name)
    return Identity(user_name)


def _line(one: UserTable) -> str:
    owner = one.owner or "(removed)"
    return _LINE.format(one.full_name, owner, one.n_rows, one.size_bytes, _day(one.expires), _seen_by(one))


def _seen_by(one: UserTable) -> str:
    if one.is_public:
        return "everybody"
    return ", ".join(sorted(one.readers)) or "its owner alone"


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
