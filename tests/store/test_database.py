"""The ways to use the database of the server's own tables: whoever writes waits for others, whatever breaks is told."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import psycopg
import pytest
from sqlalchemy import event, insert, select, text

from tests.support.stores import Place
from vo_server.store.open import Store
from vo_server.store.tables import users, utc_now


def add(store: Store, name: str) -> None:
    with store.database.write() as connection:
        connection.execute(insert(users).values(name=name, created=utc_now()))


def names(store: Store) -> list[str]:
    with store.database.read() as connection:
        return list(connection.scalars(select(users.c.name).order_by(users.c.name)))


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_writers_of_a_process_take_turns_before_sqlite_makes_them_wait(store: Store) -> None:
    def give_up_at_once(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA busy_timeout = 0")

    store.database.engine.dispose()
    event.listen(store.database.engine, "connect", give_up_at_once)
    wanted = [f"user{number:02}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(add, store), wanted))
    assert names(store) == wanted


def test_a_writer_that_fails_leaves_its_turn_and_nothing_else(store: Store) -> None:
    for _ in range(2):
        with suppress(ZeroDivisionError), store.database.write() as connection:
            connection.execute(insert(users).values(name="rita", created=utc_now()))
            raise ZeroDivisionError
    add(store, "anna")
    assert names(store) == ["anna"]


def test_a_single_statement_sees_what_was_committed_just_now(store: Store, place: Place) -> None:
    other = place.open()
    try:
        for number in range(5):
            add(other, f"user{number}")
            assert len(names(store)) == number + 1
    finally:
        other.close()


def test_several_statements_see_one_state_while_others_write(store: Store) -> None:
    add(store, "anna")
    with store.database.snapshot() as connection:
        before = connection.scalars(select(users.c.name)).all()
        thread = threading.Thread(target=add, args=(store, "rita"))
        thread.start()
        thread.join(10)
        assert connection.scalars(select(users.c.name)).all() == before
    assert names(store) == ["anna", "rita"]


@pytest.mark.postgres
@pytest.mark.parametrize("place", ["postgres"], indirect=True)
def test_connections_that_the_server_has_ended_are_replaced_even_when_just_used(
    store: Store, postgres_dsn: str
) -> None:
    add(store, "anna")
    with store.database.read() as one, store.database.read() as two:  # both go back to the pool
        pids = [connection.scalar(text("SELECT pg_backend_pid()")) for connection in (one, two)]
    with psycopg.connect(postgres_dsn, autocommit=True) as operator:
        for pid in pids:
            assert operator.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,)).fetchone() == (True,)
    assert names(store) == ["anna"]
    with store.database.read() as one, store.database.read() as two:
        now = {connection.scalar(text("SELECT pg_backend_pid()")) for connection in (one, two)}
    assert not now & set(pids)
