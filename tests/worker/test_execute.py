from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.stores import content
from vo_server.errors import EngineError, ParameterError, QueryCancelledError, UsageError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.job import Job, Phase, Progress
from vo_server.model.query import Query, QueryResult, arrow_schema
from vo_server.model.table import Column
from vo_server.model.truncation import Limit, LimitKind, Rest
from vo_server.model.upload import UploadedTable
from vo_server.services.fetch import Fetcher
from vo_server.services.uploads import UploadLimits, UploadService
from vo_server.store.results import ResultStore
from vo_server.worker.control import Control
from vo_server.worker.execute import QueryRun

COLUMNS = (Column("a", DataType(Primitive.LONG)),)
NOW = datetime(2026, 3, 4, tzinfo=UTC)
JOB = Job("f" * 32, Phase.EXECUTING, NOW, NOW, 60, (("QUERY", "SELECT a FROM t"), ("RESPONSEFORMAT", "csv")))

UPLOADS = UploadService(limits=UploadLimits(max_bytes=1000, max_rows=10, max_tables=2), fetcher=Fetcher(1.0, 0))


@dataclass
class Queries:
    """Answers every query with the same batches, unless a fault is switched on."""

    n_batches: int = 2
    dies_at: int | None = None
    hangs_at: int | None = None
    ends_quietly: bool = False
    asked: list[tuple[Query, float]] = field(default_factory=list)
    owner: str | None = None
    closed: threading.Event = field(default_factory=threading.Event)

    def run(
        self,
        query: Query,
        *,
        timeout_s: float,
        rest: Rest | None = None,
        request_url: str | None = None,
        root_url: str | None = None,  # noqa: ARG002 - answers without services need none
        uploads: Sequence[UploadedTable] = (),
        caller: Identity = ANONYMOUS,
    ) -> QueryResult:
        assert caller.name == JOB.owner
        self.asked.append((query, timeout_s))
        assert uploads == ()
        assert caller.name == self.owner
        assert rest is not None
        assert rest.is_job
        assert request_url is None
        result = QueryResult(COLUMNS, iter(()), maxrec=1000, on_close=self.closed.set)
        result.query, result.limit, result.total_rows = query, Limit(LimitKind.DEFAULT_ROWS, 1000), 4321
        result.watch = lambda: setattr(result, "progress", lambda: result.n_rows / 6)
        result.batches = self.batches(result)
        return result

    def batches(self, result: QueryResult) -> Iterator[pa.RecordBatch]:
        for number in range(self.n_batches):
            if number == self.dies_at:
                raise EngineError("the database failed")
            if number == self.hangs_at:
                assert self.closed.wait(10)
                if self.ends_quietly:
                    return
                raise QueryCancelledError("closed")
            result.n_rows += 3
            yield pa.record_batch([pa.array([1, 2, 3], pa.int64())], schema=arrow_schema(COLUMNS))
        result.overflow = True


@pytest.fixture
def results(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "results")


def files(results: ResultStore) -> list[Path]:
    return [path for path in Path(str(results)).rglob("*") if path.is_file()]


def test_rows_become_a_file_in_the_format_that_was_asked_for(results: ResultStore) -> None:
    queries = Queries()
    result = QueryRun(queries=queries, results=results, uploads=UPLOADS)(JOB, Control())
    written = content(results, result.path)
    assert written.split() == b"a 1 2 3 1 2 3".split()
    assert result.mime == "text/csv;header=present"
    assert (result.id, result.size_bytes, result.n_rows, result.overflow) == ("result", len(written), 6, True)
    assert result.path.endswith(".csv")
    assert queries.asked == [(Query("SELECT a FROM t", response_format="csv"), 60)]
    assert queries.closed.is_set()


def test_two_runs_of_one_job_write_two_files(results: ResultStore) -> None:
    run = QueryRun(queries=Queries(), results=results, uploads=UPLOADS)
    assert run(JOB, Control()).path != run(JOB, Control()).path


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ((), "QUERY is missing"),
        ((("QUERY", "SELECT 1"), ("MAXREC", "-1")), "MAXREC"),
        ((("QUERY", "SELECT 1"), ("LANG", "OOBLECK")), "unknown query language"),
        ((("QUERY", "SELECT 1"), ("RESPONSEFORMAT", "papyrus")), "RESPONSEFORMAT"),
        ((("QUERY", "SELECT 1"), ("QUERY", "SELECT 2")), "one value only"),
    ],
)
def test_parameters_are_judged_when_the_job_runs(
    results: ResultStore, parameters: tuple[tuple[str, str], ...], message: str
) -> None:
    queries = Queries()
    with pytest.raises(UsageError, match=message):
        QueryRun(queries=queries, results=results, uploads=UPLOADS)(replace(JOB, parameters=parameters), Control())
    assert queries.asked == []


def test_a_missing_query_is_a_parameter_error(results: ResultStore) -> None:
    with pytest.raises(ParameterError):
        QueryRun(queries=Queries(), results=results, uploads=UPLOADS)(replace(JOB, parameters=()), Control())


def test_a_query_that_dies_half_way_leaves_no_file(results: ResultStore) -> None:
    queries = Queries(n_batches=3, dies_at=1)
    with pytest.raises(EngineError):
        QueryRun(queries=queries, results=results, uploads=UPLOADS)(JOB, Control())
    assert files(results) == []
    assert queries.closed.is_set()


@pytest.mark.parametrize("ends_quietly", [False, True], ids=["raises", "ends"])
def test_a_query_that_gives_no_rows_is_stopped_when_it_is_cancelled(results: ResultStore, ends_quietly: bool) -> None:
    queries = Queries(hangs_at=1, ends_quietly=ends_quietly)
    start = time.monotonic()
    with pytest.raises(QueryCancelledError):
        QueryRun(queries=queries, results=results, uploads=UPLOADS)(
            JOB, Control(lambda: time.monotonic() - start > 0.3)
        )
    assert time.monotonic() - start < 3.0
    assert files(results) == []


def test_a_query_that_gives_rows_without_end_is_stopped_when_it_is_cancelled(results: ResultStore) -> None:
    start = time.monotonic()
    control = Control(lambda: time.monotonic() - start > 0.3)
    with pytest.raises(QueryCancelledError):
        QueryRun(queries=Queries(n_batches=10**9), results=results, uploads=UPLOADS)(JOB, control)
    assert time.monotonic() - start < 3.0
    assert files(results) == []


def test_a_result_tells_which_limit_cut_it(results: ResultStore) -> None:
    result = QueryRun(queries=Queries(), results=results, uploads=UPLOADS)(JOB, Control())
    assert (result.limit, result.total_rows) == (Limit(LimitKind.DEFAULT_ROWS, 1000), 4321)
    assert result.overflow_message is not None
    assert "the service's default limit of 1000 rows" in result.overflow_message


def test_a_run_tells_how_far_it_has_come(results: ResultStore) -> None:
    told: list[Progress] = []
    control = Control()

    def look() -> bool:
        told.append(control.progress())
        return False

    control.is_cancelled = look
    QueryRun(queries=Queries(), results=results, uploads=UPLOADS)(JOB, control)
    assert {one.n_rows for one in told} == {0, 3, 6}
    assert control.progress() == Progress(6, 1.0)


def test_no_watcher_is_left_behind(results: ResultStore) -> None:
    QueryRun(queries=Queries(), results=results, uploads=UPLOADS)(JOB, Control())
    assert not [thread for thread in threading.enumerate() if thread.name == "job-watcher"]
