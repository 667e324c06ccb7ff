"""Connections to PostgreSQL that break at any step: what has gone wrong is told as what passes, never as a riddle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import adbc_driver_manager
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import ExecStatus

from tests.engine.samples import INT, SKY, answer, publish, sky_rows, start
from tests.engine.site import PostgresSite
from tests.support.relay import How, Relay, relay_to
from vo_server.engine.faults import Fault
from vo_server.engine.postgres.copied import _decoder_of
from vo_server.engine.postgres.faults import postgres_fault
from vo_server.errors import UnavailableError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

pytestmark = pytest.mark.postgres

_ARRAY = DataType(Primitive.INT, arraysize="*")
_COPIED = ("SELECT i FROM generate_series(1, 3000000) AS s(i)", Column("i", INT))
_BY_ARROW = ("SELECT ARRAY[i] AS i FROM generate_series(1, 3000000) AS s(i)", Column("i", _ARRAY))
_HOW: tuple[How, ...] = ("reset", "end")


@pytest.fixture
def relay(postgres_site: PostgresSite) -> Iterator[Relay]:
    """What the engines of the site go through."""
    given = conninfo_to_dict(postgres_site.dsn)
    with relay_to(str(given["host"]), int(str(given.get("port") or 5432))) as found:
        # Encrypted, the statements could not be seen.
        changed: dict[str, Any] = {"host": "127.0.0.1", "port": found.port, "sslmode": "disable"}
        postgres_site.dsn = make_conninfo(postgres_site.dsn, **changed)
        yield found


@pytest.mark.parametrize("how", _HOW)
@pytest.mark.parametrize("asked", [_COPIED, _BY_ARROW], ids=["copied", "arrow"])
@pytest.mark.parametrize("sent", [b"BEGIN", b"generate_series", b"COPY (", b"ROLLBACK"])
def test_a_connection_that_breaks_at_a_statement_is_told_as_lost(
    relay: Relay, postgres_site: PostgresSite, sent: bytes, asked: tuple[str, Column], how: How
) -> None:
    engine = postgres_site.open()
    sql, column = asked
    relay.break_at(sent, how=how)
    with closing(start(engine, sql, [column], limit=10)) as rows:
        if sent == b"ROLLBACK":
            assert sum(batch.num_rows for batch in rows) == 10
        else:
            with pytest.raises(UnavailableError, match="connection to the database was lost"):
                list(rows)
    assert not relay.is_armed
    assert answer(engine, "SELECT 1", INT) == [{"c0": 1}]


@pytest.mark.parametrize("how", _HOW)
@pytest.mark.parametrize("asked", [_COPIED, _BY_ARROW], ids=["copied", "arrow"])
@pytest.mark.parametrize("n_bytes", [200, 1_000_000, 20_000_000])
def test_a_connection_that_breaks_among_the_rows_is_told_as_lost(
    relay: Relay, postgres_site: PostgresSite, n_bytes: int, asked: tuple[str, Column], how: How
) -> None:
    engine = postgres_site.open()
    sql, column = asked
    assert answer(engine, "SELECT 1", INT) == [{"c0": 1}]
    relay.break_after(n_bytes, how=how)
    with (
        closing(start(engine, sql, [column])) as rows,
        pytest.raises(UnavailableError, match="connection to the database was lost"),
    ):
        list(rows)
    assert not relay.is_armed
    assert answer(engine, "SELECT 1", INT) == [{"c0": 1}]


@pytest.mark.parametrize("how", _HOW)
def test_a_connection_that_breaks_in_a_load_is_told_as_lost(
    relay: Relay, postgres_site: PostgresSite, how: How
) -> None:
    engine = postgres_site.open()
    rows = sky_rows(20_000)
    table = publish(engine, SKY, [rows])
    relay.break_at(b"object 19", how=how)
    with pytest.raises(UnavailableError, match="connection to the database was lost") as caught:
        publish(engine, SKY, [rows], version="2")
    assert "nothing was published" in str(caught.value.hint)
    assert not relay.is_armed
    assert answer(engine, "SELECT count(*) FROM {}", DataType(Primitive.LONG), of=[table]) == [{"c0": 20_000}]


class _Ended:
    """A connection whose session is ended just behind its first answer, a moment that cannot be met."""

    def __init__(self, real: PGconn) -> None:
        self._real = real
        self._n_results = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def get_result(self) -> PGresult | None:
        self._n_results += 1
        if self._n_results == 1:
            return self._real.get_result()
        return self._real.make_empty_result(ExecStatus.FATAL_ERROR) if self._n_results == 2 else None


def test_a_session_that_ends_behind_its_answer_is_told_as_lost(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.DatabaseError) as caught:
            _decoder_of(cast("PGconn", _Ended(connection.pgconn)), "SELECT 1")
        assert postgres_fault(caught.value) == (Fault.CONNECTION, "DatabaseError")


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("could not receive data from server: Connection timed out\n"),
        psycopg.OperationalError("sending query failed: could not send data to server: No route to host\n"),
        psycopg.OperationalError("consuming input failed: no error details available"),
        psycopg.DatabaseError("SSL error: unexpected eof while reading\n"),
        ConnectionResetError(104, "Connection reset by peer"),
        adbc_driver_manager.OperationalError(
            "[libpq] PQgetCopyData() failed: ", status_code=adbc_driver_manager.AdbcStatusCode.IO
        ),
    ],
    ids=repr,
)
def test_whatever_libpq_says_without_a_state_is_told_as_a_lost_connection(error: Exception) -> None:
    """What a machine that is switched off, or a cut cable, makes of a connection; here they cannot be had."""
    assert postgres_fault(error) == (Fault.CONNECTION, type(error).__name__)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.ProgrammingError("the last operation didn't produce a result"),
        adbc_driver_manager.InternalError("cannot decode", status_code=adbc_driver_manager.AdbcStatusCode.INTERNAL),
        OSError(9, "Bad file descriptor"),
    ],
    ids=repr,
)
def test_what_the_network_has_not_done_is_not_told_as_a_lost_connection(error: Exception) -> None:
    assert postgres_fault(error) == (Fault.OTHER, type(error).__name__)
