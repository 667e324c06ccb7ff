from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import pyvo

from tests.support.answers import csv_rows, error_text, parse, status_of, text_of
from tests.support.effort import is_below, time_below
from tests.support.server import SLOW
from tests.support.service import N_STARS

if TYPE_CHECKING:
    from tests.support.service import Service

COUNT = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM web.stars", "RESPONSEFORMAT": "csv"}


def _create(client: httpx.Client, **given: str) -> str:
    answer = client.post("async", data={**COUNT, **given})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def _finish(client: httpx.Client, job: str) -> str:
    deadline = time.monotonic() + 90
    while (phase := client.get(f"{job}/phase").text) not in {"COMPLETED", "ERROR", "ABORTED"}:
        assert time.monotonic() < deadline, f"the job stays {phase}"
        client.get(job, params={"WAIT": "2", "PHASE": phase})
    return phase


def test_a_job_runs_from_pending_to_its_result(client: httpx.Client) -> None:
    job = _create(client)
    assert client.get(f"{job}/phase").text == "PENDING"
    assert client.get(f"{job}/results/result").status_code == 404
    answer = client.post(f"{job}/phase", data={"PHASE": "RUN"})
    assert (answer.status_code, answer.headers["Location"]) == (303, job)
    assert client.get(f"{job}/phase").text != "PENDING"
    assert _finish(client, job) == "COMPLETED"
    result = client.get(f"{job}/results/result", headers={"Accept-Encoding": "identity"})
    assert csv_rows(result) == [["n"], [str(N_STARS)]]
    assert result.headers["Content-Type"] == "text/csv;header=present"
    assert int(result.headers["Content-Length"]) == len(result.content)
    assert result.headers["Content-Disposition"] == 'inline; filename="result.csv"'
    head = client.head(f"{job}/results/result", headers={"Accept-Encoding": "identity"})
    assert head.headers["Content-Length"] == result.headers["Content-Length"]
    assert client.get(f"{job}/error").status_code == 404
    assert client.post(f"{job}/phase", data={"PHASE": "RUN"}).status_code == 403


def test_phase_run_in_the_creating_request_starts_the_job(client: httpx.Client) -> None:
    job = _create(client, PHASE="RUN")
    assert client.get(f"{job}/phase").text != "PENDING"
    assert _finish(client, job) == "COMPLETED"


def test_a_job_runs_as_votable_and_tells_an_overflow(client: httpx.Client) -> None:
    job = _create(client, QUERY="SELECT id FROM web.stars", RESPONSEFORMAT="votable", MAXREC="3", PHASE="RUN")
    assert _finish(client, job) == "COMPLETED"
    result = client.get(f"{job}/results/result")
    assert status_of(result) == "OVERFLOW"
    assert result.headers["X-VO-Overflow"] == "true"


@pytest.mark.parametrize("asked", ["votable", "csv", "fits", "parquet", "json"])
def test_a_job_tells_in_headers_what_a_synchronous_query_tells(client: httpx.Client, asked: str) -> None:
    given = {"LANG": "ADQL", "QUERY": "SELECT id FROM web.stars", "RESPONSEFORMAT": asked, "MAXREC": "3"}
    job = _create(client, **given, PHASE="RUN")
    assert _finish(client, job) == "COMPLETED"
    told = client.get(f"{job}/results/result").headers
    assert (told["X-VO-Maxrec"], told["X-VO-Limit"], told["X-VO-Rows"]) == ("3", "maxrec", "3")
    assert (told["X-VO-Status"], told["X-VO-Total-Rows"]) == ("OVERFLOW", str(N_STARS))
    sync = client.get("sync", params=given).headers
    assert told["X-VO-Message"].partition(";")[0] == sync["X-VO-Message"].partition(";")[0]


def test_the_result_of_a_job_that_is_whole_tells_that(client: httpx.Client) -> None:
    job = _create(client, PHASE="RUN")
    assert _finish(client, job) == "COMPLETED"
    told = client.get(f"{job}/results/result").headers
    assert (told["X-VO-Status"], told["X-VO-Overflow"], told["X-VO-Rows"]) == ("OK", "false", "1")
    assert "X-VO-Message" not in told


def test_a_failed_job_has_the_error_document_of_a_synchronous_query(client: httpx.Client) -> None:
    given = {"LANG": "ADQL", "QUERY": "SELECT idd FROM web.stars"}
    answer = client.post("async", data={**given, "PHASE": "RUN"})
    job = answer.headers["Location"]
    assert _finish(client, job) == "ERROR"
    told, sync = client.get(f"{job}/error"), client.get("sync", params=given)
    assert (told.status_code, sync.status_code) == (200, 400)
    assert told.content == sync.content
    assert "line 1, column 8" in error_text(told)
    assert "did you mean" in error_text(told)
    assert told.headers["X-VO-Error"] == sync.headers["X-VO-Error"] == "adql"
    assert text_of(parse(client.get(job)), "message") == error_text(told)


def test_a_running_job_can_be_aborted(client: httpx.Client) -> None:
    job = _create(client, QUERY=SLOW, PHASE="RUN")
    client.get(job, params={"WAIT": "2", "PHASE": "QUEUED"})
    assert client.get(f"{job}/phase").text == "EXECUTING"
    assert client.post(f"{job}/phase", data={"PHASE": "ABORT"}).status_code == 303
    assert _finish(client, job) == "ABORTED"
    assert client.get(f"{job}/results/result").status_code == 404
    assert error_text(client.get(f"{job}/error"))


def test_a_destroyed_job_and_all_below_it_are_gone(client: httpx.Client, server: Service) -> None:
    for method, given in (("DELETE", None), ("POST", {"action": "DELETE"})):
        job = _create(client)
        answer = client.request(method, job, data=given)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{server.tap}/async")
        for child in ("", "/phase", "/parameters", "/results", "/error", "/owner", "/quote"):
            assert client.get(f"{job}{child}").status_code == 404
        assert client.delete(job).status_code == 404


def test_anonymous_jobs_are_listed_to_nobody(client: httpx.Client) -> None:
    job = _create(client)
    answer = client.get("async")
    assert answer.headers["Content-Type"] == "text/xml"
    assert len(parse(answer)) == 0
    assert job.rpartition("/")[2] not in answer.text


@pytest.mark.parametrize("asked", ["PHASE=SLEEPING", "AFTER=yesterday", "LAST=-1"])
def test_a_bad_filter_of_the_list_is_refused(client: httpx.Client, asked: str) -> None:
    answer = client.get(f"async?{asked}")
    assert answer.status_code == 400
    assert asked.partition("=")[0] in answer.text


def test_parameters_are_set_at_their_own_resource_only(client: httpx.Client) -> None:
    job = _create(client, RUNID="first")
    assert client.post(f"{job}/parameters", data={"runid": "second", "MAXREC": "5"}).status_code == 303
    document = parse(client.get(job))
    assert text_of(document, "runId") == "second"
    given = {one.get("id"): one.text for one in parse(client.get(f"{job}/parameters"))}
    assert given["RUNID"] == "second"
    assert given["MAXREC"] == "5"
    refused = client.post(job, data={"MAXREC": "7"})
    assert refused.status_code == 400
    assert "parameters" in refused.text
    client.post(f"{job}/phase", data={"PHASE": "RUN"})
    _finish(client, job)
    assert client.post(f"{job}/parameters", data={"MAXREC": "7"}).status_code == 403


@pytest.mark.parametrize(
    ("child", "given", "told"),
    [
        ("phase", {"PHASE": "SLEEP"}, "RUN or ABORT"),
        ("phase", {}, "RUN or ABORT"),
        ("executionduration", {"EXECUTIONDURATION": "soon"}, "EXECUTIONDURATION"),
        ("executionduration", {}, "EXECUTIONDURATION"),
        ("destruction", {"DESTRUCTION": "soon"}, "DESTRUCTION"),
    ],
)
def test_a_bad_control_value_is_refused_and_changes_nothing(
    client: httpx.Client, child: str, given: dict[str, str], told: str
) -> None:
    job = _create(client)
    before = client.get(job).content
    answer = client.post(f"{job}/{child}", data=given)
    assert answer.status_code == 400
    assert told in answer.text
    assert client.get(job).content == before


def test_controls_are_cut_to_what_the_service_allows(client: httpx.Client) -> None:
    job = _create(client)
    assert client.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "99999999"}).status_code == 303
    assert client.get(f"{job}/executionduration").text == "3600"
    assert client.post(f"{job}/destruction", data={"DESTRUCTION": "2999-01-01T00:00:00Z"}).status_code == 303
    assert not client.get(f"{job}/destruction").text.startswith("2999")


def test_wait_returns_when_the_phase_changes_or_the_time_is_over(client: httpx.Client) -> None:
    job = _create(client)
    begin = time.monotonic()
    assert text_of(parse(client.get(job, params={"WAIT": "1"})), "phase") == "PENDING"
    took_s = time.monotonic() - begin
    assert took_s > 0.9
    assert is_below(took_s, 1.9)
    with time_below(0.5):
        client.get(job, params={"WAIT": "-1", "PHASE": "EXECUTING"})  # it is not: no reason to wait
        client.get(job, params={"WAIT": "nonsense"})
    begin = time.monotonic()
    client.get(job, params={"WAIT": "-1"})
    took_s = time.monotonic() - begin
    assert took_s > 1.5
    assert is_below(took_s, 4), "capped at the limit of this service, 2 s"


def test_a_wrong_method_is_told_with_the_right_ones(client: httpx.Client) -> None:
    job = _create(client)
    for url, allowed in (("async", {"GET", "HEAD", "POST"}), (job, {"GET", "HEAD", "POST", "DELETE"})):
        answer = client.put(url)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].replace(",", " ").split()) == allowed
    assert client.delete(f"{job}/phase").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "async/nosuchjob",
        "async/nosuchjob/phase",
        "async/a%2Fb",
        "async/%00",
        "async/%FF/phase",
        "async/nosuchjob/nothing",
    ],
)
def test_what_does_not_exist_is_404(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.post("async/nosuchjob/phase", data={"PHASE": "RUN"}).status_code == 404


def test_pyvo_runs_a_job(tap_service: pyvo.dal.TAPService) -> None:
    rows = tap_service.run_async(COUNT["QUERY"]).to_table()
    assert rows["n"][0] == N_STARS


def test_pyvo_tells_why_a_job_failed(tap_service: pyvo.dal.TAPService) -> None:
    with pytest.raises(pyvo.dal.DALQueryError, match="nonsense"):
        tap_service.run_async("SELECT nonsense FROM web.stars")


@pytest.mark.stilts
@pytest.mark.parametrize("sync", ["true", "false"])
def test_stilts_queries(server: Service, stilts: str, sync: str) -> None:
    done = subprocess.run(
        [stilts, "tapquery", f"tapurl={server.tap}", f"sync={sync}", "ofmt=csv",
         "adql=SELECT TOP 3 id, name FROM web.stars ORDER BY id"],
        capture_output=True, text=True, encoding="utf-8", timeout=600, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["id,name", *(f"{2**60 + n},Å-{n}" for n in range(3))], done.stderr


@pytest.mark.stilts
def test_stilts_tells_the_error_of_a_query(server: Service, stilts: str) -> None:
    done = subprocess.run(
        [stilts, "tapquery", f"tapurl={server.tap}", "sync=true", "adql=SELECT nonsense FROM web.stars"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert "nonsense" in done.stderr
