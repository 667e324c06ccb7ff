"""What only the embedded engine has: files that are attached, detached, gone or broken."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.engine.samples import DOUBLE, INT, LONG, SKY, TEXT, answer, publish, sky_rows, start
from tests.engine.site import DuckdbSite
from vo_server.engine.duckdb.folders import TABLES, WorkFolder, location_of, sweep_work
from vo_server.engine.duckdb.run import DuckdbEngine
from vo_server.errors import ConfigurationError, EngineError, EvaluationError, QueryMemoryError
from vo_server.model.table import Column

_ID = [Column("id", LONG)]


def _attached(engine: DuckdbEngine) -> int:
    return len(engine._releases)


def test_only_so_many_idle_files_stay_attached(duckdb_engine: DuckdbEngine) -> None:
    tables = [publish(duckdb_engine, SKY, [sky_rows(10)], version=str(version)) for version in range(7)]
    for table in tables:
        answer(duckdb_engine, "SELECT count(*) FROM {}", LONG, of=[table])
    assert _attached(duckdb_engine) == 4
    for table in tables:
        assert answer(duckdb_engine, "SELECT count(*) FROM {}", LONG, of=[table]) == [{"c0": 10}]


def test_files_in_use_stay_attached_beyond_the_number(duckdb_engine: DuckdbEngine) -> None:
    tables = [publish(duckdb_engine, SKY, [sky_rows(10)], version=str(version)) for version in range(6)]
    streams = [start(duckdb_engine, "SELECT id FROM {}", _ID, of=[table]) for table in tables]
    assert _attached(duckdb_engine) == 6
    for stream in streams:
        assert next(stream).num_rows == 10
        stream.close()
    assert _attached(duckdb_engine) == 4


def test_a_dropped_release_is_detached_when_its_last_query_ends(duckdb_engine: DuckdbEngine) -> None:
    table = publish(duckdb_engine, SKY, [sky_rows(10)])
    assert table.location is not None
    first, second = (start(duckdb_engine, "SELECT id FROM {}", _ID, of=[table]) for _ in range(2))
    duckdb_engine.drop(table.location)
    first.close()
    assert _attached(duckdb_engine) == 1
    assert next(second).num_rows == 10
    second.close()
    assert _attached(duckdb_engine) == 0


def test_a_release_dropped_by_another_process_is_let_go(duckdb_site: DuckdbSite) -> None:
    here, there = duckdb_site.open(), duckdb_site.open()
    table = publish(here, SKY, [sky_rows(10)])
    assert table.location is not None
    with closing(start(there, "SELECT id FROM {}", _ID, of=[table])) as rows:
        here.drop(table.location)
        assert next(rows).num_rows == 10
    assert _attached(there) == 0


def test_a_release_loaded_again_by_another_process_is_read_anew(duckdb_site: DuckdbSite) -> None:
    here, there = duckdb_site.open(), duckdb_site.open()
    for n_rows in (10, 20):
        table = publish(here, SKY, [sky_rows(n_rows)])
        assert answer(there, "SELECT count(*) FROM {}", LONG, of=[table]) == [{"c0": n_rows}]
        if n_rows == 10:
            assert table.location is not None
            here.drop(table.location)


def test_a_damaged_file_is_told_and_harms_no_other_query(duckdb_site: DuckdbSite) -> None:
    engine = duckdb_site.open()
    good, bad = (publish(engine, SKY, [sky_rows(1000)], version=version) for version in ("good", "bad"))
    assert bad.location is not None
    file = duckdb_site.directory / bad.location
    file.write_bytes(b"x" * 20_000)
    with pytest.raises(EngineError, match="damaged"):
        answer(engine, "SELECT * FROM {}", LONG, of=[bad])
    with pytest.raises(EngineError, match="damaged"):
        start(engine, "SELECT g.id FROM {} g, {} b", _ID, of=[good, bad])
    assert answer(engine, "SELECT count(*) FROM {}", LONG, of=[good]) == [{"c0": 1000}]
    assert engine._releases._attached[str(good.location)].n_readers == 0


_WORLD = {
    "a file": "SELECT size FROM read_blob('/etc/passwd')",
    "a table of text": "SELECT * FROM read_csv('/etc/passwd')",
    "a file by its name": "SELECT * FROM '/etc/passwd.csv'",
    "a folder": "SELECT file FROM glob('/etc/*')",
    "a database": "ATTACH '/tmp/vo_server_test.duckdb'",
    "an extension": "INSTALL httpfs",
    "a release of others": "DETACH memory",
    "a copy among the releases": "COPY (SELECT 1) TO '{directory}/tables/x.csv'",
    "a Python variable": "SELECT * FROM python_rows",
    "a pragma": "PRAGMA database_list",
    "a function of settings": "CALL pragma_version()",
}


@pytest.mark.parametrize("sql", _WORLD.values(), ids=list(_WORLD))
def test_queries_do_not_reach_the_world(duckdb_site: DuckdbSite, sql: str) -> None:
    python_rows = sky_rows(3)
    assert python_rows.num_rows == 3
    engine = duckdb_site.open()
    text = sql.replace("{directory}", str(duckdb_site.directory))
    with pytest.raises(EngineError):
        answer(engine, text.replace("{", "{{"), TEXT)
    assert not list((duckdb_site.directory / TABLES).glob("*.csv"))


def test_a_query_larger_than_the_memory_spills_into_the_data_directory_and_cleans_up(duckdb_site: DuckdbSite) -> None:
    engine = duckdb_site.open(memory_bytes=64 * 1024**2)
    table = publish(engine, SKY, [sky_rows(500_000)] * 2)
    sql = "SELECT id, name FROM {} ORDER BY name, ra"
    with closing(start(engine, sql, [Column("id", LONG), Column("name", TEXT)], of=[table])) as rows:
        n_rows = next(rows).num_rows
        spilled = [file for file in duckdb_site.directory.rglob("*") if file.suffix == ".tmp"]
        n_rows += sum(batch.num_rows for batch in rows)
    assert n_rows == 1_000_000
    assert spilled
    engine.close()
    assert list(duckdb_site.directory.rglob("*.tmp")) == []


def test_too_little_memory_is_told_with_what_to_do(duckdb_site: DuckdbSite) -> None:
    engine = duckdb_site.open(memory_bytes=16 * 1024**2)
    sql = "SELECT len(list(a.i * b.i)) FROM range(20000) a(i), range(2000) b(i)"
    with pytest.raises(QueryMemoryError, match="more memory") as caught:
        answer(engine, sql, LONG)
    assert caught.value.hint is not None
    assert (caught.value.status, caught.value.code, caught.value.transient) == (413, "memory", False)
    assert answer(engine, "SELECT 1", INT) == [{"c0": 1}]


def test_an_unusable_data_directory_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used") as caught:
        DuckdbEngine(tmp_path / "file", memory_bytes=10**8, threads=1, max_attached=1)
    assert caught.value.hint is not None


def test_closing_an_engine_leaves_only_releases(duckdb_site: DuckdbSite) -> None:
    engine = duckdb_site.open()
    table = publish(engine, SKY, [sky_rows(10)])
    engine.close()
    files = {
        file.relative_to(duckdb_site.directory).as_posix()
        for file in duckdb_site.directory.rglob("*")
        if file.is_file()
    }
    assert files == {table.location, "tables/.work/lock"}


def test_dropping_the_last_release_removes_the_folders_of_the_table(duckdb_site: DuckdbSite) -> None:
    engine = duckdb_site.open()
    table = publish(engine, SKY, [sky_rows(10)])
    assert table.location is not None
    engine.drop(table.location)
    engine.drop(table.location)
    assert [file.name for file in (duckdb_site.directory / TABLES).iterdir()] == [".work"]


def test_a_work_folder_of_a_living_process_is_spared(tmp_path: Path) -> None:
    folder = WorkFolder(tmp_path)
    (tmp_path / TABLES / ".work" / "left").mkdir()
    assert sweep_work(tmp_path, kept_s=0) == ["tables/.work/left"]
    assert folder.path.is_dir()
    folder.close()
    folder.close()
    assert sweep_work(tmp_path, kept_s=0) == []


def test_places_read_like_the_names() -> None:
    assert location_of("gaia", "source", "2024-05-01") == "tables/gaia/source/2024-05-01.duckdb"
    assert location_of("a/b", ".x", "ü") == "tables/a%2Fb/%2Ex/%C3%BC.duckdb"


def test_a_hidden_cell_column_prunes_what_is_read(duckdb_engine: DuckdbEngine) -> None:
    table = publish(duckdb_engine, SKY, [sky_rows(100_000, first=first) for first in range(0, 400_000, 100_000)])
    (row,) = answer(
        duckdb_engine,
        "SELECT count(*), avg(dec) FROM {} WHERE _healpix_29 < 1000000000000000",
        LONG,
        DOUBLE,
        of=[table],
    )
    assert 0 < row["c0"] < 10_000


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("CAST(CAST(id * 10000 AS bigint) AS integer)", "too large or too small"),
        ("CAST(CASE WHEN id = 299999 THEN 'x' ELSE '1' END AS integer)", "could not be read as the wanted type"),
    ],
)
def test_a_failure_while_rows_stream_is_told_like_any_other(
    duckdb_engine: DuckdbEngine, value: str, words: str
) -> None:
    table = publish(duckdb_engine, SKY, [sky_rows(300_000)])
    columns = [Column("x", LONG), *SKY.columns[1:4]]
    sql = f"SELECT {value}, ra, dec, name FROM {{}}"
    with (
        closing(start(duckdb_engine, sql, columns, of=[table])) as rows,
        pytest.raises(EvaluationError, match=words),
    ):
        for _ in rows:
            pass


def test_the_progress_of_a_query_grows_and_stays_known_to_its_end(duckdb_engine: DuckdbEngine) -> None:
    table = publish(duckdb_engine, SKY, [sky_rows(200_000)])
    rows = start(duckdb_engine, "SELECT id FROM {}", _ID, of=[table])
    rows.watch()
    with closing(rows):
        told = [rows.progress or 0.0 for _ in rows]
        told.append(rows.progress or 0.0)
    assert told == sorted(told)
    assert 0 < told[-1] <= 1


def test_a_query_that_nobody_watches_tells_no_progress(duckdb_engine: DuckdbEngine) -> None:
    table = publish(duckdb_engine, SKY, [sky_rows(10)])
    with closing(start(duckdb_engine, "SELECT id FROM {}", _ID, of=[table])) as rows:
        next(rows)
        assert rows.progress is None
