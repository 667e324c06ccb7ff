from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vo_server.errors import ConfigurationError, MissingError
from vo_server.store.results import ResultStore

FULL_DISK = """
import resource, sys
from pathlib import Path
from vo_server.errors import ConfigurationError
from vo_server.store.results import ResultStore
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    with ResultStore(Path(sys.argv[1])).create("job", "result.vot") as file:
        for _ in range(100):
            file.write(b"x" * 300)
except ConfigurationError as error:
    print(error)
"""


@pytest.fixture
def results(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "deep" / "results")


def put(results: ResultStore, job: str = "job", name: str = "result.vot", content: bytes = b"rows") -> str:
    with results.create(job, name) as file:
        file.write(content)
    return file.path


def make_old(path: Path) -> None:
    before = time.time() - 7200
    os.utime(path, (before, before))


def test_a_result_comes_back_as_it_was_written(results: ResultStore) -> None:
    with results.create("job", "result.vot") as file:
        file.write(b"head")
        file.write(b"")
        file.write(b"tail" * 1_000_000)
    assert file.path == "job/result.vot"
    assert file.size_bytes == 4_000_004
    with results.open(file.path) as found:
        assert found.read() == b"head" + b"tail" * 1_000_000
    assert results.locate(file.path).stat().st_size == file.size_bytes


def test_a_result_is_not_there_before_it_is_whole(results: ResultStore) -> None:
    with results.create("job", "result.vot") as file:
        file.write(b"head")
        with pytest.raises(MissingError):
            results.locate(file.path)
    assert results.locate(file.path).is_file()


def test_a_writer_that_fails_leaves_nothing(results: ResultStore) -> None:
    with pytest.raises(ZeroDivisionError), results.create("job", "result.vot") as file:
        file.write(b"head" * (1 // file.size_bytes))
    assert list((results.directory / "job").iterdir()) == []


def test_a_writer_that_fails_leaves_the_result_of_another_run(results: ResultStore) -> None:
    path = put(results, content=b"good")
    with pytest.raises(RuntimeError), results.create("job", "result.vot"):
        raise RuntimeError
    assert results.locate(path).read_bytes() == b"good"


def test_a_result_stays_readable_while_it_is_removed(results: ResultStore) -> None:
    path = put(results)
    with results.open(path) as file:
        results.remove("job")
        assert file.read() == b"rows"
    with pytest.raises(MissingError, match="not there any more"):
        results.open(path)


def test_removing_what_is_not_there_is_no_failure(results: ResultStore) -> None:
    results.remove("job")
    results.discard("job/result.vot")


def test_one_result_is_discarded_alone(results: ResultStore) -> None:
    first, second = put(results, name="a"), put(results, name="b")
    results.discard(first)
    assert results.locate(second).is_file()
    with pytest.raises(MissingError):
        results.locate(first)


@pytest.mark.parametrize(
    "path", ["../secret", "job/../../secret", "", "job", "job/", "/etc/passwd", "job/.part-x", "job/a/b"]
)
def test_a_path_out_of_the_store_is_missing(results: ResultStore, path: str) -> None:
    put(results)
    (results.directory.parent / "secret").write_text("secret")
    with pytest.raises(MissingError):
        results.locate(path)


def test_a_full_disk_is_told_and_leaves_nothing(results: ResultStore) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(results.directory)], capture_output=True, text=True, check=True
    )
    assert "the result cannot be written: File too large" in done.stdout
    assert list((results.directory / "job").iterdir()) == []


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    results = ResultStore(tmp_path / "results")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        put(results)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        results.check()


def test_a_check_leaves_nothing(results: ResultStore) -> None:
    results.check()
    assert list(results.directory.iterdir()) == []


def test_a_sweep_removes_the_results_of_unknown_jobs_and_spares_the_young(results: ResultStore) -> None:
    for job in ("known", "gone", "young"):
        put(results, job)
    make_old(results.directory / "known")
    make_old(results.directory / "gone")
    assert results.sweep({"known"}) == ("gone",)
    assert sorted(folder.name for folder in results.directory.iterdir()) == ["known", "young"]


def test_a_sweep_removes_what_killed_writers_left_behind(results: ResultStore) -> None:
    path = put(results, "known")
    left, young = results.directory / "known" / ".part-a", results.directory / "known" / ".part-b"
    left.touch()
    young.touch()
    make_old(left)
    assert results.sweep({"known"}) == ()
    assert (left.exists(), young.exists()) == (False, True)
    assert results.locate(path).is_file()


def test_a_sweep_of_a_store_without_results_does_nothing(results: ResultStore) -> None:
    assert results.sweep(()) == ()
