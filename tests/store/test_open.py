from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text, update

from tests.store.samples import GAIA, STARS, release
from tests.support.stores import Place
from vo_server.errors import CatalogueError, ConfigurationError
from vo_server.store.open import directory_of, open_store
from vo_server.store.tables import formats
from vo_server.store.upgrade import FORMAT

OPEN = (
    "import sys; from vo_server.store.open import open_store; open_store(sys.argv[1], store_schema=sys.argv[2]).close()"
)


def test_a_store_is_still_there_when_opened_again(place: Place) -> None:
    first = place.open()
    first.catalogue.publish(release(STARS), schema=GAIA)
    first.close()
    second = place.open()
    assert second.catalogue.load().find(STARS.full_name) is not None
    second.close()


def test_threads_that_open_a_new_store_at_once_all_succeed(place: Place) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: place.open(), range(8)))
    assert {store.catalogue.version() for store in stores} == {0}
    for store in stores:
        store.close()


def test_processes_that_open_a_new_store_at_once_all_succeed(place: Place) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", OPEN, place.url, place.schema], stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    failures = [process.communicate()[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], failures


def test_a_store_of_a_newer_version_is_refused_with_the_way_out(place: Place) -> None:
    store = place.open()
    with store.database.write() as connection:
        connection.execute(update(formats).values(version=FORMAT + 1, created_by="9.9"))
    store.close()
    with pytest.raises(CatalogueError, match=f"format {FORMAT + 1}, made by vo-server 9.9.*upgrade"):
        place.open()


def test_the_embedded_store_is_one_file_with_a_write_ahead_log(tmp_path: Path) -> None:
    open_store(f"duckdb:///{tmp_path}/deep/data").close()
    with sqlite3.connect(tmp_path / "deep" / "data" / "catalogue.sqlite") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_place_without_a_store_is_refused_by_who_only_looks(place: Place) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing is published in|no data directory at"):
        open_store(place.url, store_schema=place.schema, create=False)
    place.open().close()
    open_store(place.url, store_schema=place.schema, create=False).close()


def test_a_relative_and_an_absolute_directory_are_told_apart() -> None:
    assert directory_of("duckdb:///data") == Path("data")
    assert directory_of("duckdb:////srv/data") == Path("/srv/data")
    assert directory_of("postgresql://vo@host/db") is None


@pytest.mark.parametrize("url", ["", "data", "duckdb://", "duckdb:///", "mysql://u@h/d", "duckdb://data"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not understood"):
        directory_of(url)


def test_a_directory_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be made"):
        open_store(f"duckdb:///{tmp_path}/file/data")


def test_a_file_that_is_no_database_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "catalogue.sqlite").write_text("not a database, but long enough to look like one" * 100)
    with pytest.raises(ConfigurationError, match="not a database"):
        open_store(f"duckdb:///{tmp_path}")


def test_a_server_that_does_not_answer_is_a_configuration_error_without_the_password() -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened") as caught:
        open_store("postgresql://vo:secret@127.0.0.1:1/db")
    assert "secret" not in str(caught.value)


def test_a_server_that_does_not_answer_is_told_once_with_the_usual_cause(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConfigurationError, match="refused") as caught:
        open_store("postgresql://vo@127.0.0.1:1/db")
    assert caught.value.hint is not None
    assert "is PostgreSQL running there?" in caught.value.hint
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


@pytest.mark.postgres
def test_a_database_that_does_not_exist_is_told_with_how_to_make_it(postgres_dsn: str) -> None:
    with pytest.raises(ConfigurationError, match='database "vo_none" does not exist') as caught:
        open_store(f"{postgres_dsn.rpartition('/')[0]}/vo_none")
    assert caught.value.hint is not None
    assert "`createdb vo_none`" in caught.value.hint


@pytest.mark.postgres
@pytest.mark.parametrize("place", ["postgres"], indirect=True)
def test_a_role_that_may_not_create_opens_a_store_that_exists(place: Place) -> None:
    store = place.open()
    role = f"r_{place.schema}"
    with store.database.write() as connection:
        connection.execute(text(f"CREATE ROLE {role}"))
        connection.execute(text(f"GRANT {role} TO CURRENT_USER"))  # A superuser has it anyway.
        connection.execute(text(f"GRANT USAGE ON SCHEMA {place.schema} TO {role}"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA {place.schema} TO {role}"))
    try:
        separator = "&" if "?" in place.url else "?"
        other = open_store(f"{place.url}{separator}options=-c%20role%3D{role}", store_schema=place.schema)
        assert other.catalogue.version() == 0
        other.close()
    finally:
        with store.database.write() as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
        store.close()
