"""``vo-server doctor``: check the installation and the database, and say what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from contextlib import closing
from importlib import metadata
from typing import TYPE_CHECKING

import click

from vo_server import __version__
from vo_server.commands.finding import Finding, Verdict
from vo_server.commands.upkeep import examine_upkeep
from vo_server.errors import VoError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vo_server.engine.base import Engine
    from vo_server.model.table import Table
    from vo_server.settings import Settings
    from vo_server.store.open import Store

__all__ = ["doctor"]

DISTRIBUTION = "vo-server"


@click.command()
@click.option("--database", help="Database URL; VO_DATABASE or duckdb:///vo-data when not given.")
def doctor(database: str | None) -> None:
    """Check the installation and the database.

    The exit status is 1 when something is at fault, else 0. Nothing is changed or left behind.
    """
    faults = 0
    for finding in examine(database):
        click.echo(f"{finding.verdict:>5}  {finding.text}")
        if finding.hint is not None:
            click.echo(f"{'':>5}  hint: {finding.hint}")
        faults += finding.verdict is Verdict.FAULT
    if faults:
        click.echo(f"{faults} fault{'s' if faults > 1 else ''}")
        sys.exit(1)
    click.echo("all is well")


def examine(database: str | None) -> Iterator[Finding]:
    """Look at everything, from the interpreter to the rows of each published table and the jobs of users.

    Parameters
    ----------
    database
        Database URL; that of the settings when None.
    """
    yield Finding(Verdict.OK, f"vo-server {__version__} on Python {platform.python_version()}, {platform.platform()}")
    yield from _packages()
    yield from _files()
    yield from _programs()
    yield from _service(database)


def _packages() -> Iterator[Finding]:
    """Compare what is installed with what the distribution asks for."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - late: not needed to show the help

    try:
        required = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or ()]
    except metadata.PackageNotFoundError:
        yield Finding(Verdict.FAULT, "vo-server is not installed as a package", "run pip install in its directory")
        return
    wrong = 0
    for one in required:
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        found = _version(one.name)
        if found is None or not one.specifier.contains(found, prereleases=True):
            wrong += 1
            state = "is missing" if found is None else f"has version {found}"
            yield Finding(Verdict.FAULT, f"package {one.name} {state}", f"pip install '{one}'")
    if not wrong:
        yield Finding(Verdict.OK, "all required packages are installed")
    if _version("scikit-learn") is None or _version("xgboost-cpu") is None:
        yield Finding(Verdict.NOTE, "training of models is not installed", "pip install 'vo-server[ml]'")
    if _version("aiohttp") is None or _version("s3fs") is None:
        yield Finding(Verdict.NOTE, "loading from URLs is not installed", "pip install 'vo-server[remote]'")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _files() -> Iterator[Finding]:
    """Find the files that are not Python."""
    from vo_server.resources import schema_files  # noqa: PLC0415 - late: not needed to show the help

    try:
        names = sorted(path.stem for path in schema_files().glob("*.yaml"))
    except VoError as error:
        yield Finding(Verdict.FAULT, error.message, error.hint)
        return
    yield Finding(Verdict.OK, f"schema files: {', '.join(names)}")


def _programs() -> Iterator[Finding]:
    """Find programs that are useful beside the server."""
    if shutil.which("stilts") is None:
        yield Finding(Verdict.NOTE, "stilts is not installed; it checks TAP services", "apt-get install stilts")
    else:
        yield Finding(Verdict.OK, "stilts is installed")


def _service(database: str | None) -> Iterator[Finding]:
    """Check settings, database and published tables as far as each can be reached."""
    from vo_server.settings import load_settings, missing_for_registry  # noqa: PLC0415 - late: not needed to show the help
    from vo_server.store.open import directory_of, has_store, open_store  # noqa: PLC0415
    from vo_server.store.tables import utc_now  # noqa: PLC0415

    try:
        settings = load_settings(database=database)
        yield Finding(Verdict.OK, "the settings are valid")
        yield _registry(missing_for_registry(settings))
        directory = directory_of(settings.database)
        is_there = has_store(settings.database, store_schema=settings.postgres.store_schema)
        yield _place(settings, directory)
        if not is_there:
            yield Finding(Verdict.NOTE, "nothing is published yet", "vo-server ingest load FILE --table schema.name")
        if directory is None:
            q3c = _q3c(settings.database, is_needed=is_there)
            yield q3c
            if q3c.verdict is not Verdict.OK:
                return  # To look at the engine would make what is missing.
        elif not is_there:
            return  # As above, its directory.
        with closing(_open_engine(settings)) as engine:
            engine.check()
            yield Finding(Verdict.OK, f"the engine {engine.name} answers")
            if is_there:
                with closing(open_store(settings.database, store_schema=settings.postgres.store_schema)) as store:
                    yield from _tables(engine, store)
                    yield from examine_upkeep(settings, store, utc_now())
    except VoError as error:
        yield Finding(Verdict.FAULT, error.message, error.hint)


def _registry(missing: list[str]) -> Finding:
    """Tell whether the service has records for the VO registry."""
    if missing:
        return Finding(Verdict.NOTE, "there are no records for the VO registry", f"set {', '.join(missing)}")
    return Finding(Verdict.OK, "records for the VO registry are at /oai")


def _place(settings: Settings, directory: Path | None) -> Finding:
    """Name the database that is looked at."""
    if directory is None:
        from sqlalchemy.engine import make_url  # noqa: PLC0415 - late: not needed to show the help

        return Finding(Verdict.OK, f"the database {make_url(settings.database).render_as_string()} answers")
    path = directory.absolute()
    if not path.exists():
        return Finding(Verdict.NOTE, f"the data directory {path} does not exist yet")
    if not os.access(path, os.W_OK | os.X_OK):
        return Finding(Verdict.NOTE, f"the data directory {path} can only be read: no loads, no jobs")
    return Finding(Verdict.OK, f"the data directory is {path}")


def _q3c(dsn: str, *, is_needed: bool) -> Finding:
    """Find Q3C in a PostgreSQL database."""
    from vo_server.engine.postgres.setup import connect, q3c_versions  # noqa: PLC0415 - late: one engine only

    with closing(connect(dsn)) as connection:
        installed, available = q3c_versions(connection)
    if installed is not None:
        return Finding(Verdict.OK, f"Q3C {installed}")
    if available is None:
        hint = "install it on the database server (Debian: postgresql-15-q3c), then CREATE EXTENSION q3c"
        return Finding(Verdict.FAULT, "Q3C is not installed on the database server", hint)
    hint = "CREATE EXTENSION q3c; the first load does it when its role may"
    return Finding(Verdict.FAULT if is_needed else Verdict.NOTE, "Q3C is not installed in the database", hint)


def _open_engine(settings: Settings) -> Engine:
    from vo_server.engine.open import open_engine  # noqa: PLC0415 - late: the engine's libraries take a while

    return open_engine(settings.database, pool_size=1, data_schema=settings.postgres.data_schema)


def _tables(engine: Engine, store: Store) -> Iterator[Finding]:
    """Read the beginning of every published table."""
    published = [table for table in store.catalogue.load_all().tables if table.location is not None]
    faults = [fault for table in published if (fault := _read_some(engine, table)) is not None]
    yield from faults
    yield Finding(Verdict.OK, f"{len(published) - len(faults)} of {len(published)} published tables can be read")


def _read_some(engine: Engine, table: Table) -> Finding | None:
    """Read the beginning of a table; None when that works."""
    try:
        with closing(engine.read(table)) as batches:  # type: ignore[type-var]  # engines give generators
            next(batches, None)
    except VoError as error:
        hint = error.hint or f"vo-server ingest rollback {table.full_name}, or load it again"
        return Finding(Verdict.FAULT, f"table {table.full_name} cannot be read: {error.message}", hint)
    return None
