"""``vo-server ingest releases``, ``pin``, ``unpin``, ``rollback``, ``drop``: look after the releases of tables."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ingest.database import adopted_words, database_option, opened, rows_words
from vo_server.errors import MissingError, UsageError
from vo_server.model.released import AT

if TYPE_CHECKING:
    from vo_server.engine.base import Engine
    from vo_server.model.release import Release
    from vo_server.store.open import Store

__all__ = ["drop", "pin", "releases", "rollback", "unpin"]


@click.command()
@click.argument("table", required=False, metavar="[SCHEMA.TABLE]")
@click.option("--files", is_flag=True, help="Show the files that each release was made from.")
@database_option
def releases(table: str | None, database: str | None, *, files: bool) -> None:
    """List the releases of a table, or of all tables; a star marks the current one.

    Below each is what differs from the release that was current before, the names that it is pinned under, and the
    checksum of its rows.
    """
    from ingest.files import print_files  # noqa: PLC0415 - rich takes a while that other commands need not wait

    with opened(database) as (_, store):
        catalogue = store.catalogue.load_all()
        pinned = {(one.full_name, one.version): one.aliases for one in catalogue.releases}
        names = [table] if table else _published(store)
        for name in names:
            found = store.catalogue.releases(name)
            if not found:
                raise MissingError(f"no table {name} is published", hint="`vo-server ingest releases` lists all")
            for release in found:
                _tell(release, pinned.get((name, release.version), ()))
                if files:
                    print_files(release.sources)


@click.command()
@click.argument("release", metavar="SCHEMA.TABLE@RELEASE")
@click.option("--as", "name", metavar="NAME", help="Name in the same schema; TABLE@RELEASE itself when not given.")
@database_option
def pin(release: str, name: str | None, database: str | None) -> None:
    """List a release beside the tables, under a name of its own, and keep it from being dropped.

    Every release can be asked for as SCHEMA."TABLE@RELEASE"; one that is pinned is listed for all clients to see, under
    NAME, which need not be quoted when it is a plain one.
    """
    table, version = _split(release)
    with opened(database) as (_, store):
        given = store.catalogue.pin(table, version, name or f"{table}{AT}{version}")
    click.echo(f"{given}: release {version} of {table}")


@click.command()
@click.argument("name", metavar="SCHEMA.NAME")
@database_option
def unpin(name: str, database: str | None) -> None:
    """Take back the NAME that a release was pinned under; the release stays."""
    with opened(database) as (_, store):
        table, version = store.catalogue.unpin(name)
    click.echo(f"{name} is gone; release {version} of {table} stays")


@click.command()
@click.argument("table", metavar="SCHEMA.TABLE")
@click.option("--version", metavar="NAME", help="Release to go back to; the one before the current one when not given.")
@database_option
def rollback(table: str, version: str | None, database: str | None) -> None:
    """Make an earlier release of a table the current one again."""
    with opened(database) as (_, store):
        chosen = version or _previous(store, table)
        store.catalogue.make_current(table, chosen)
    click.echo(f"{table}: release {chosen} is current")


@click.command()
@click.argument("table", metavar="SCHEMA.TABLE")
@click.option("--version", metavar="NAME", help="Drop only this release; the whole table when not given.")
@click.option(
    "--keep",
    "n_kept",
    type=click.IntRange(min=1),
    metavar="N",
    help="Drop old releases only: all but the N newest, the current one and those that are pinned.",
)
@click.option("--even-pinned", is_flag=True, help="Drop what is pinned, too, with its names.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@database_option
def drop(
    table: str, version: str | None, n_kept: int | None, even_pinned: bool, yes: bool, database: str | None
) -> None:
    """Remove a table, one release of it, or old releases, for good; queries that read them end in peace."""
    if n_kept is not None and (version is not None or even_pinned):
        raise UsageError("--keep says itself what goes", hint="leave out --version and --even-pinned")
    what = _what(table, version, n_kept)
    with opened(database) as (engine, store):
        _require(store, table, version)
        if not yes:
            _confirm(what)
        if n_kept is None:
            locations = store.catalogue.remove(table, version, even_pinned=even_pinned)
            told = [f"{what} was removed"]
        else:
            removal = store.catalogue.remove_old(table, n_kept=n_kept)
            locations = removal.locations
            told = [f"{table}: {_listed(removal.versions)} removed"]
            if removal.pinned:
                told.append(f"{table}: {_listed(removal.pinned)} pinned and kept")
        _drop(engine, locations)
    click.echo("\n".join(told))
    for words in sorted({words for one in locations if (words := adopted_words(one))}):
        click.echo(f"it was {words}, which stays as it is")


def _require(store: Store, table: str, version: str | None) -> None:
    """Refuse what is not there before anybody is asked about it."""
    from vo_server.store.release_rows import require  # noqa: PLC0415 - SQLAlchemy takes a while

    known = {release.version: release.is_current for release in store.catalogue.releases(table)}
    require(version in known if version is not None else bool(known), table, version, known)


def _confirm(what: str) -> None:
    try:
        click.confirm(f"Remove {what}?", abort=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise UsageError(f"nobody said whether to remove {what}: nothing was done", hint="--yes does not ask") from None


def _what(table: str, version: str | None, n_kept: int | None) -> str:
    if n_kept is not None:
        return f"the releases of {table} but the {n_kept} newest"
    return f"table {table} with all its releases" if version is None else f"release {version} of {table}"


def _listed(versions: tuple[str, ...]) -> str:
    if not versions:
        return "no release was"
    return f"release{'s' if len(versions) > 1 else ''} {', '.join(versions)} {'were' if len(versions) > 1 else 'was'}"


def _drop(engine: Engine, locations: tuple[str, ...]) -> None:
    for location in locations:
        engine.drop(location)


def _split(release: str) -> tuple[str, str]:
    """Cut ``schema.table@version``; quotes around the name, as queries need them, do no harm."""
    table, at, version = release.replace('"', "").rpartition(AT)
    if not (table and at and version):
        raise UsageError(
            f"{release!r} names no release; expected SCHEMA.TABLE@RELEASE",
            hint="`vo-server ingest releases SCHEMA.TABLE` lists them",
        )
    return table, version


def _tell(release: Release, pinned: tuple[str, ...]) -> None:
    """Print what is known of a release."""
    table = release.table
    sources = adopted_words(table.location) or ", ".join(source.name for source in release.sources)
    created = f"{release.created:%Y-%m-%d %H:%M:%S}"
    mark = "*" if release.is_current else " "
    click.echo(f"{mark} {table.full_name}  {release.version}  {created}  {rows_words(table)}  {sources}")
    more = [
        release.changes.words if release.changes is not None else None,
        f"pinned as {', '.join(f'{table.schema}.{name}' for name in pinned)}" if pinned else None,
        f"checksum {release.checksum}" if release.checksum is not None else None,
    ]
    for line in more:
        if line is not None:
            click.echo(f"    {line}")


def _published(store: Store) -> list[str]:
    tables = store.catalogue.load_all().tables
    return [table.full_name for table in tables if table.location is not None and table.release_of is None]


def _previous(store: Store, table: str) -> str:
    found = store.catalogue.releases(table)
    current = next((index for index, release in enumerate(found) if release.is_current), None)
    if current is None:
        raise MissingError(f"no table {table} is published")
    if current + 1 >= len(found):
        raise MissingError(f"table {table} has no release before {found[current].version}")
    return found[current + 1].version
