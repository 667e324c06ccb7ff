from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, inspect, select, text

from tests.store.old import OLD_JOB, make_old_store
from tests.support.read_only import access, as_nobody_special
from tests.support.stores import Place
from vo_server.errors import CatalogueError
from vo_server.model.job import Phase
from vo_server.store.open import Store, open_store
from vo_server.store.tables import formats, metadata
from vo_server.store.upgrade import FORMAT, STEPS, Upgrade, upgrade

OPEN = (
    "import sys; from vo_server.store.open import open_store; open_store(sys.argv[1], store_schema=sys.argv[2]).close()"
)


@pytest.fixture
def old(place: Place) -> Place:
    make_old_store(place)
    return place


@pytest.fixture
def other(place: Place, tmp_path: Path) -> Iterator[Place]:
    """A second place on the same kind of database, for a store that was never old."""
    if place.url.startswith("duckdb"):
        yield Place(f"duckdb:///{tmp_path / 'new'}", "unused")
        return
    schema = f"store_{uuid.uuid4().hex[:12]}"
    yield Place(place.url, schema)
    with psycopg.connect(place.url) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())


def described(store: Store) -> dict[str, Any]:
    """Return the columns and indexes of all tables, as the database has them."""
    with store.database.read() as connection:
        found = inspect(connection)
        schema = store.database.schema
        return {
            name: (
                {
                    column["name"]: (str(column["type"]), column["nullable"], "nextval" in str(column["default"]))
                    for column in found.get_columns(name, schema=schema)
                },
                {
                    (index["name"], tuple(index["column_names"]), bool(index["unique"]))
                    for index in found.get_indexes(name, schema=schema)
                },
                {
                    (tuple(key["constrained_columns"]), key["referred_table"])
                    for key in found.get_foreign_keys(name, schema=schema)
                },
            )
            for name in found.get_table_names(schema=schema)
        }


def format_of(store: Store) -> int:
    with store.database.read() as connection:
        return int(connection.scalar(select(formats.c.version)) or 0)


def test_an_old_store_becomes_what_a_new_one_is(old: Place, other: Place) -> None:
    upgraded, new = old.open(), other.open()
    assert format_of(upgraded) == format_of(new) == FORMAT
    assert described(upgraded) == described(new)
    upgraded.close()
    new.close()


def test_the_steps_lead_from_format_to_format_without_a_gap() -> None:
    assert list(STEPS) == list(range(2, FORMAT + 1))


def test_a_job_of_an_old_store_stays_as_it_was(old: Place) -> None:
    store = old.open()
    job = store.jobs.get(OLD_JOB)
    assert (job.phase, job.owner, job.parameters) == (Phase.COMPLETED, "ada", (("QUERY", "SELECT 1 AS n"),))
    assert job.created == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    (result,) = job.results
    assert (result.n_rows, result.size_bytes, result.overflow) == (7, 99, True)
    assert store.catalogue.version() == 42
    store.close()


def test_a_release_of_an_old_store_is_listed_with_its_rows_and_can_be_pinned(old: Place) -> None:
    store = old.open()
    assert store.catalogue.pin("s.t", "r1", "first") == "s.first"
    (entry,) = store.catalogue.load().releases
    assert (entry.full_name, entry.version, entry.n_rows, entry.aliases) == ("s.t", "r1", 7, ("first",))
    assert (entry.checksum, entry.changes) == (None, None)
    store.close()


def test_a_store_is_upgraded_only_once(old: Place) -> None:
    old.open().close()
    store = old.open()
    with store.database.write() as connection:
        upgrade(connection, schema=store.database.schema)
    assert format_of(store) == FORMAT
    store.close()


def test_processes_that_open_an_old_store_at_once_all_succeed(old: Place) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", OPEN, old.url, old.schema], stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    failures = [process.communicate()[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], failures
    store = old.open()
    assert format_of(store) == FORMAT
    store.close()


def test_a_step_that_fails_leaves_the_store_as_it_was(old: Place) -> None:
    store = old.open()
    before = described(store)

    def fail(to: Upgrade) -> None:
        to.connection.execute(text("no statement at all"))

    def add(to: Upgrade) -> None:
        to.add_columns(Table("jobs", MetaData(), Column("colour", Text)).c.colour)

    with pytest.raises(CatalogueError), store.database.write() as connection:
        upgrade(connection, schema=store.database.schema, steps={**STEPS, FORMAT + 1: add, FORMAT + 2: fail})
    assert format_of(store) == FORMAT
    assert described(store) == before
    store.close()


def test_a_column_that_is_there_is_not_added_again(place: Place) -> None:
    store = place.open()
    before = described(store)
    with store.database.write() as connection:
        Upgrade(connection, schema=store.database.schema).add_columns(*metadata.tables["jobs"].c[-2:])
    assert described(store) == before
    store.close()


def test_a_column_without_a_value_for_old_rows_is_refused(place: Place) -> None:
    store = place.open()
    column = Table("jobs", MetaData(), Column("n", Integer, nullable=False)).c.n
    with pytest.raises(ValueError, match="neither a default nor NULL"), store.database.write() as connection:
        Upgrade(connection, schema=store.database.schema).add_columns(column)
    store.close()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_an_old_store_that_cannot_be_written_is_refused_with_the_way_out(old: Place, tmp_path: Path) -> None:
    with access(tmp_path / "data", folder=0o555, file=0o444):
        done = subprocess.run(
            [*as_nobody_special(), sys.executable, "-c", OPEN, old.url, old.schema],
            check=False,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert "has format 1, made by vo-server 0.1.0; this is vo-server" in done.stderr
    assert "may not write here (run vo-server once as the owner of the database" in done.stderr


@pytest.mark.postgres
@pytest.mark.parametrize("place", ["postgres"], indirect=True)
def test_a_role_that_may_not_alter_the_tables_is_told_what_to_do(old: Place) -> None:
    role = f"r_{old.schema}"
    with psycopg.connect(old.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role}".encode())
        connection.execute(f"GRANT {role} TO CURRENT_USER".encode())
        connection.execute(f"GRANT USAGE ON SCHEMA {old.schema} TO {role}".encode())
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {old.schema} TO {role}".encode())
        separator = "&" if "?" in old.url else "?"
        try:
            with pytest.raises(CatalogueError, match=f"cannot be brought to format {FORMAT}.*jobs") as caught:
                open_store(f"{old.url}{separator}options=-c%20role%3D{role}", store_schema=old.schema)
        finally:
            connection.execute(f"DROP OWNED BY {role}".encode())
            connection.execute(f"DROP ROLE {role}".encode())
    assert caught.value.hint is not None
    assert "as the owner of the database" in caught.value.hint
