"""``vo-server user``: who has an account, and their tokens."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from vo_server.store.users import UserStore

__all__ = ["user"]

_database = click.option("--database", help="Database URL; VO_DATABASE or duckdb:///vo-data when not given.")
_days = click.option(
    "--days", "n_days", type=click.IntRange(min=1), help="Days until the token expires; never when not given."
)
_label = click.option("--label", help="What the token is for.")

_USER_LINE = "{:<32}  {:<20}  {:>6}  {}"
_TOKEN_LINE = "{:<8}  {:<20}  {:<20}  {}"  # noqa: S105 - a form, no token


@click.group()
def user() -> None:
    """Give accounts to people, and take them away."""


@user.command()
@click.argument("name")
@click.option("--note", help="What to remember of them, e.g. an address.")
@_days
@_database
def add(name: str, note: str | None, n_days: int | None, database: str | None) -> None:
    """Add the user NAME and print a first token."""
    with _opened(database) as users:
        users.add(name, note=note)
        _make_token(users, name, n_days=n_days, label=None)


@user.command()
@click.argument("name")
@_days
@_label
@_database
def token(name: str, n_days: int | None, label: str | None, database: str | None) -> None:
    """Make another token for the user NAME and print it; it is shown this once."""
    with _opened(database) as users:
        _make_token(users, name, n_days=n_days, label=label)


@user.command("list")
@_database
def list_users(database: str | None) -> None:
    """List all users."""
    with _opened(database) as users:
        found = users.list()
    click.echo(_USER_LINE.format("NAME", "CREATED", "TOKENS", "NOTE"))
    for one in found:
        click.echo(_USER_LINE.format(one.name, _time(one.created), one.n_tokens, _shown(one.note)))


@user.command("tokens")
@click.argument("name")
@_database
def list_tokens(name: str, database: str | None) -> None:
    """List the tokens of the user NAME, by the ids that `revoke` takes; the tokens themselves are kept nowhere."""
    with _opened(database) as users:
        found = users.tokens(name)
    click.echo(_TOKEN_LINE.format("ID", "CREATED", "EXPIRES", "LABEL"))
    for one in found:
        expires = "never" if one.expires is None else _time(one.expires)
        click.echo(_TOKEN_LINE.format(one.id, _time(one.created), expires, _shown(one.label)))


@user.command()
@click.argument("token_ids", metavar="ID...", nargs=-1, required=True)
@_database
def revoke(token_ids: tuple[str, ...], database: str | None) -> None:
    """Revoke tokens; running servers refuse them within seconds."""
    with _opened(database) as users:
        for token_id in token_ids:
            gone = users.revoke(token_id)
            click.echo(f"token {gone.id} of {gone.user_name} is revoked")


@user.command()
@click.argument("name")
@_database
def remove(name: str, database: str | None) -> None:
    """Remove the user NAME with all tokens, jobs and tables."""
    with _opened(database) as users:
        n_jobs = users.remove(name)
    click.echo(f"{name} is removed; a server removes {n_jobs} jobs and all tables of theirs within a minute")


def _make_token(users: UserStore, name: str, *, n_days: int | None, label: str | None) -> None:
    from vo_server.access.tokens import digest_of, new_token  # noqa: PLC0415 - late: not needed to show the help
    from vo_server.store.tables import utc_now  # noqa: PLC0415

    secret = new_token()
    expires = None if n_days is None else utc_now() + timedelta(days=n_days)
    made = users.add_token(name, digest_of(secret), expires=expires, label=label)
    click.echo(f"token {made.id} of {name}, shown this once:", err=True)
    click.echo(secret)  # alone on standard output, for scripts


@contextmanager
def _opened(database: str | None) -> Iterator[UserStore]:
    from vo_server.settings import load_settings  # noqa: PLC0415 - late: `--help` need not wait for the libraries
    from vo_server.store.open import open_store  # noqa: PLC0415

    settings = load_settings(database=database)
    store = open_store(settings.database, store_schema=settings.postgres.store_schema)
    try:
        yield store.users
    finally:
        store.close()


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _shown(text: str | None) -> str:
    """Return what somebody wrote without what would steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text or "-")
