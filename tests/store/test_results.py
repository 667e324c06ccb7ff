from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.support.object_store import ObjectStore
from tests.support.stores import content
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

PLACES = ["directory", "file-url", "object-store"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "results"


@pytest.fixture
def results(directory: Path) -> ResultStore:
    return ResultStore(directory)


@pytest.fixture(params=PLACES)
def anywhere(request: pytest.FixtureRequest, directory: Path, bucket: str) -> ResultStore:
    """A results store of each kind."""
    places: dict[str, Path | str] = {"directory": directory, "file-url": directory.as_uri(), "object-store": bucket}
    return ResultStore(places[request.param])


@pytest.fixture
def bucket() -> Iterator[str]:
    """An empty object store; nothing may be left of uploads that were not committed."""
    ObjectStore.store.clear()
    ObjectStore.pseudo_dirs[:] = [""]
    yield "objects://bucket/results"
    ObjectStore.refused_after_bytes, ObjectStore.is_away = None, False
    assert ObjectStore.uploads == set()


def put(results: ResultStore, job: str = "job", name: str = "result.vot", data: bytes = b"rows") -> str:
    return put_pieces(results, [data], job, name)


def put_pieces(results: ResultStore, pieces: Iterable[bytes], job: str = "job", name: str = "result.vot") -> str:
    with results.create(job, name) as file:
        for piece in pieces:
            file.write(piece)
    return file.path


def dying() -> Iterator[bytes]:
    yield b"head" * 2_000_000
    raise ZeroDivisionError


def make_old(path: Path) -> None:
    before = time.time() - 7200
    os.utime(path, (before, before))


def test_a_result_comes_back_as_it_was_written(anywhere: ResultStore) -> None:
    with anywhere.create("job", "result.vot") as file:
        file.write(b"head")
        file.write(b"")
        file.write(b"tail" * 3_000_000)
    assert file.path == "job/result.vot"
    assert file.size_bytes == 12_000_004
    assert content(anywhere, file.path) == b"head" + b"tail" * 3_000_000


def test_a_result_without_a_byte_is_there(anywhere: ResultStore) -> None:
    assert content(anywhere, put(anywhere, data=b"")) == b""


def test_a_result_is_not_there_before_it_is_whole(anywhere: ResultStore) -> None:
    with anywhere.create("job", "result.vot") as file:
        file.write(b"head" * 2_000_000)
        with pytest.raises(MissingError, match="not there any more"):
            anywhere.open(file.path)
    anywhere.open(file.path).close()


def test_a_writer_that_fails_leaves_nothing(anywhere: ResultStore) -> None:
    with pytest.raises(ZeroDivisionError):
        put_pieces(anywhere, dying())
    with pytest.raises(MissingError):
        anywhere.open("job/result.vot")


def test_a_writer_that_fails_leaves_no_file_of_any_name(results: ResultStore, directory: Path) -> None:
    with pytest.raises(RuntimeError), results.create("job", "result.vot"):
        raise RuntimeError
    assert list((directory / "job").iterdir()) == []


def test_the_failure_of_a_writer_is_not_taken_for_one_of_the_disk(anywhere: ResultStore) -> None:
    with pytest.raises(BrokenPipeError), anywhere.create("job", "result.vot"):
        raise BrokenPipeError


def test_a_writer_that_fails_leaves_the_result_of_another_run(results: ResultStore) -> None:
    path = put(results, data=b"good")
    with pytest.raises(RuntimeError), results.create("job", "result.vot"):
        raise RuntimeError
    assert content(results, path) == b"good"


def test_a_result_stays_readable_while_it_is_removed(results: ResultStore) -> None:
    path = put(results)
    with results.open(path) as file:
        results.remove("job")
        assert file.read() == b"rows"


def test_what_was_removed_is_missing(anywhere: ResultStore) -> None:
    path = put(anywhere)
    anywhere.remove("job")
    with pytest.raises(MissingError, match="not there any more"):
        anywhere.open(path)


def test_removing_what_is_not_there_is_no_failure(anywhere: ResultStore) -> None:
    anywhere.remove("job")
    anywhere.discard("job/result.vot")
    put(anywhere)
    anywhere.discard("job/other.vot")


def test_one_result_is_discarded_alone(anywhere: ResultStore) -> None:
    first, second = put(anywhere, name="a"), put(anywhere, name="b")
    anywhere.discard(first)
    assert content(anywhere, second) == b"rows"
    with pytest.raises(MissingError):
        anywhere.open(first)


@pytest.mark.parametrize(
    "path", ["../secret", "job/../../secret", "", "job", "job/", "/etc/passwd", "job/.part-x", "job/a/b"]
)
def test_a_path_out_of_the_store_is_missing(anywhere: ResultStore, directory: Path, path: str) -> None:
    put(anywhere)
    directory.mkdir(parents=True, exist_ok=True)
    (directory.parent / "secret").write_text("secret")
    with pytest.raises(MissingError):
        anywhere.open(path)


def test_a_full_disk_is_told_and_leaves_nothing(directory: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(directory)], capture_output=True, text=True, check=True)
    assert "the result cannot be written: File too large" in done.stdout
    assert list((directory / "job").iterdir()) == []


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    results = ResultStore(tmp_path / "results")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        put(results)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        results.check()


@pytest.mark.parametrize("taken_bytes", [0, 6_000_000], ids=["at-the-end", "in-the-middle"])
def test_a_full_object_store_is_told_and_leaves_nothing(bucket: str, taken_bytes: int) -> None:
    results = ResultStore(bucket)
    ObjectStore.refused_after_bytes = taken_bytes
    with pytest.raises(ConfigurationError, match="cannot be written: RuntimeError: QuotaExceeded"):
        put_pieces(results, [b"x" * 4_000_000] * (3 if taken_bytes else 1))
    assert ObjectStore.store == {}


def test_an_object_store_that_does_not_answer_is_told(bucket: str) -> None:
    results = ResultStore(bucket)
    path = put(results)
    ObjectStore.is_away = True
    for ask in (lambda: results.open(path), lambda: put(results), lambda: results.sweep(()), results.check):
        with pytest.raises(ConfigurationError, match="the object store does not answer"):
            ask()


@pytest.mark.parametrize("url", ["gs://bucket/results", "nowhere://bucket"])
def test_a_url_without_a_file_system_is_refused_with_what_to_install(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"results cannot be kept at .*install the package"):
        ResultStore(url)


def test_results_in_memory_are_for_one_process(tmp_path: Path) -> None:
    results = ResultStore(f"memory://{tmp_path}")
    path = put(results)
    assert content(results, path) == b"rows"
    assert content(ResultStore(f"memory://{tmp_path}"), path) == b"rows"
    results.remove("job")


def test_a_check_leaves_nothing(anywhere: ResultStore, directory: Path) -> None:
    anywhere.check()
    assert not directory.exists() or list(directory.iterdir()) == []
    assert ObjectStore.store == {}


def test_a_sweep_removes_the_results_of_unknown_jobs(anywhere: ResultStore) -> None:
    kept, gone = put(anywhere, "known"), put(anywhere, "gone")
    time.sleep(0.01)
    assert anywhere.sweep({"known"}, min_age_s=0) == ("gone",)
    assert content(anywhere, kept) == b"rows"
    with pytest.raises(MissingError):
        anywhere.open(gone)


def test_a_sweep_spares_the_young(anywhere: ResultStore) -> None:
    path = put(anywhere, "young")
    assert anywhere.sweep(()) == ()
    assert content(anywhere, path) == b"rows"


def test_a_sweep_goes_by_the_age_of_a_folder(results: ResultStore, directory: Path) -> None:
    for job in ("known", "gone", "young"):
        put(results, job)
    make_old(directory / "known")
    make_old(directory / "gone")
    assert results.sweep({"known"}) == ("gone",)
    assert sorted(folder.name for folder in directory.iterdir()) == ["known", "young"]


def test_a_sweep_removes_what_killed_writers_left_behind(results: ResultStore, directory: Path) -> None:
    path = put(results, "known")
    left, young = directory / "known" / ".part-a", directory / "known" / ".part-b"
    left.touch()
    young.touch()
    make_old(left)
    assert results.sweep({"known"}) == ()
    assert (left.exists(), young.exists()) == (False, True)
    assert content(results, path) == b"rows"


def test_a_sweep_of_a_store_without_results_does_nothing(anywhere: ResultStore) -> None:
    assert anywhere.sweep(()) == ()
