"""Limits per class of callers, on a service whose limits are small enough to reach."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.support.answers import csv_rows, parse, texts
from tests.support.server import SLOW, make_settings
from tests.support.service import Service, running, with_stars
from tests.support.users import add_user, as_user
from vo_server.settings import AnonymousSettings, Settings, UserSettings

QUICK = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM web.stars", "RESPONSEFORMAT": "csv"}
ALL = {"LANG": "ADQL", "QUERY": "SELECT id FROM web.stars", "RESPONSEFORMAT": "csv"}
UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"


def limited(settings: Settings, **uws: object) -> Settings:
    """Return settings whose limits a test can reach."""
    return settings.model_copy(
        update={
            "anonymous": AnonymousSettings.model_validate(
                {
                    "max_rows": 10,
                    "max_upload_bytes": 100_000,
                    "max_duration_s": 700,
                    "waiting_jobs": 3,
                    "kept_jobs": 4,
                    "kept_bytes": 100,
                }
            ),
            "users": UserSettings.model_validate(
                {"max_rows": 2_000, "waiting_jobs": 50, "kept_jobs": 50, "kept_bytes": 10_000, "running_jobs": 2}
            ),
            "uws": settings.uws.model_copy(update=uws),
        }
    )


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a service on each engine; what it made is gone after the test."""
    if request.param == "duckdb":
        yield make_settings(f"duckdb:///{tmp_path / 'data'}", tmp_path / "results")
        return
    dsn = request.getfixturevalue("postgres_dsn")
    settings = make_settings(dsn, tmp_path / "results")
    yield settings
    with psycopg.connect(dsn, autocommit=True) as connection:
        for schema in (settings.postgres.data_schema, settings.postgres.store_schema):
            connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


@pytest.fixture
def service(place: Settings) -> Iterator[Service]:
    with running(with_stars(limited(place, concurrent_jobs=1))) as service:
        yield service


@pytest.fixture
def anybody(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{service.tap}/", timeout=30) as client:
        yield client


@pytest.fixture
def rita(service: Service) -> Iterator[httpx.Client]:
    with as_user(service, add_user(service)[1]) as client:
        yield client


@pytest.fixture
def anna(service: Service) -> Iterator[httpx.Client]:
    with as_user(service, add_user(service)[1]) as client:
        yield client


def create(client: httpx.Client, given: dict[str, str], **more: str) -> str:
    answer = client.post("async", data={**given, **more})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def ended(client: httpx.Client, job: str) -> str:
    deadline = time.monotonic() + 60
    while (phase := client.get(f"{job}/phase").text) not in {"COMPLETED", "ERROR", "ABORTED"}:
        assert time.monotonic() < deadline, f"the job stays {phase}"
        client.get(job, params={"WAIT": "2", "PHASE": phase})
    return phase


def reaches(client: httpx.Client, job: str, wanted: str) -> None:
    deadline = time.monotonic() + 90
    while client.get(f"{job}/phase").text != wanted:
        assert time.monotonic() < deadline, f"the job does not become {wanted}"
        time.sleep(0.05)


def started(client: httpx.Client, job: str) -> str:
    return parse(client.get(job)).findtext(f"{UWS}startTime") or ""


def test_each_class_has_rows_of_its_own_and_capabilities_say_so(anybody: httpx.Client, rita: httpx.Client) -> None:
    for client, n_rows in ((anybody, 10), (rita, 2_000)):
        answer = client.get("sync", params={**ALL, "MAXREC": "4000"})
        assert len(csv_rows(answer)) == 1 + n_rows
        assert (answer.headers["X-VO-Maxrec"], answer.headers["X-VO-Limit"]) == (str(n_rows), "hard-rows")
        assert texts(parse(client.get("capabilities")), "//outputLimit/hard/text()") == [str(n_rows)]
    assert texts(parse(anybody.get("capabilities")), "//executionDuration/hard/text()") == ["700"]
    assert texts(parse(anybody.get("capabilities")), "//uploadLimit/hard/text()") == ["100000"]
    assert texts(parse(rita.get("capabilities")), "//executionDuration/hard/text()") == ["3600"]


def test_a_job_runs_within_the_limits_of_its_owner(anybody: httpx.Client, rita: httpx.Client) -> None:
    job = create(rita, ALL, PHASE="RUN", EXECUTIONDURATION="9999")
    assert rita.get(f"{job}/executionduration").text == "3600"
    assert ended(rita, job) == "ERROR", "2000 rows are more than 10000 bytes"
    small = create(rita, {**ALL, "MAXREC": "300"}, PHASE="RUN")
    assert ended(rita, small) == "COMPLETED"
    assert len(csv_rows(rita.get(f"{small}/results/result"))) == 301
    mine = create(anybody, QUICK, EXECUTIONDURATION="9999")
    assert anybody.get(f"{mine}/executionduration").text == "700"
    assert anybody.post(f"{mine}/executionduration", data={"EXECUTIONDURATION": "0"}).status_code == 303
    assert anybody.get(f"{mine}/executionduration").text == "700"


def test_a_result_without_room_is_an_error_that_names_the_limit_and_leaves_nothing(
    service: Service, rita: httpx.Client
) -> None:
    job = create(rita, ALL, PHASE="RUN")
    assert ended(rita, job) == "ERROR"
    message = parse(rita.get(job)).findtext(f".//{UWS}message") or ""
    assert "10000 may be kept together (limit kept-bytes)" in message
    assert rita.get(f"{job}/results/result").status_code == 404
    left = rita.get(f"{service.url}/api/limits").json()["limits"]["kept-bytes"]
    assert left == {"limit": 10_000, "used": 0, "left": 10_000, "unit": "byte"}


def test_too_many_jobs_are_refused_with_the_limit_named(service: Service, anybody: httpx.Client) -> None:
    waiting = [create(anybody, QUICK) for _ in range(3)]
    refused = anybody.post("async", data=QUICK)
    assert refused.status_code == 429
    assert refused.headers["X-VO-Limit"] == "waiting-jobs"
    assert int(refused.headers["Retry-After"]) > 0
    assert "3 of your jobs wait, and 3 may (limit waiting-jobs)" in refused.text
    assert "hint: " in refused.text
    assert anybody.post(f"{waiting[0]}/phase", data={"PHASE": "RUN"}).status_code == 303
    assert ended(anybody, waiting[0]) == "COMPLETED"
    create(anybody, QUICK)
    anybody.delete(waiting[1])
    create(anybody, QUICK)
    anybody.post(f"{waiting[2]}/phase", data={"PHASE": "ABORT"})
    refused = anybody.post("async", data=QUICK)
    assert (refused.status_code, refused.headers["X-VO-Limit"]) == (429, "kept-jobs")
    assert anybody.get(f"{service.url}/api/limits").json()["limits"]["kept-jobs"]["left"] == 0


def test_a_refusal_comes_after_the_body_was_read(service: Service, anybody: httpx.Client) -> None:
    for _ in range(3):
        create(anybody, QUICK)
    where = urlsplit(service.tap)
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
    head = '--b\r\nContent-Disposition: form-data; name="upload_t"; filename="t.csv"\r\n\r\n'
    for size, status in ((50_000, 429), (700_000, 413)):
        body = f"{head}{'x' * size}\r\n--b--\r\n".encode()
        connection.request("POST", "/tap/async", body, {"Content-Type": "multipart/form-data; boundary=b"})
        answer = connection.getresponse()
        assert answer.status == status
        assert answer.headers["X-VO-Limit"] == {429: "waiting-jobs", 413: "body-bytes"}[status]
        answer.read()
    connection.request("GET", "/tap/availability")
    assert connection.getresponse().status == 200, "the connection goes on"
    connection.close()


def test_limits_of_one_are_not_used_up_by_another(
    service: Service, anybody: httpx.Client, rita: httpx.Client, anna: httpx.Client
) -> None:
    for _ in range(3):
        create(anybody, QUICK)
    create(rita, QUICK)
    for client, used in ((anybody, 3), (rita, 1), (anna, 0)):
        told = client.get(f"{service.url}/api/limits").json()
        assert told["limits"]["waiting-jobs"]["used"] == told["limits"]["kept-jobs"]["used"] == used


def test_what_a_user_may_keep_of_tables_is_told_with_what_is_left(
    service: Service, rita: httpx.Client, anna: httpx.Client
) -> None:
    quota = service.context.settings.user_tables
    for name, rows in (("one", "a\n1\n2\n"), ("two", "a\n3\n")):
        assert rita.put(f"tables/{name}", content=rows, headers={"Content-Type": "text/csv"}).status_code == 201
    tables = {one["name"]: one for one in rita.get("user-tables").json()["tables"]}
    first, second = sorted(one["expires"] for one in tables.values())
    n_bytes = sum(one["bytes"] for one in tables.values())
    found = rita.get(f"{service.url}/api/limits").json()["limits"]
    assert found["user-tables"] == {"limit": quota.max_tables, "used": 2, "left": quota.max_tables - 2}
    assert found["user-table-rows"] == {
        "limit": quota.max_rows,
        "used": 3,
        "left": quota.max_rows - 3,
        "unit": "row",
    }
    assert n_bytes > 0
    assert found["user-table-bytes"]["used"] == n_bytes
    assert found["user-table-bytes"]["left"] == quota.max_bytes - n_bytes
    assert found["user-table-seconds"] == {
        "limit": quota.max_lifetime_s,
        "default": quota.default_lifetime_s,
        "unit": "s",
        "next-expiry": first,
    }
    assert first < second
    others = anna.get(f"{service.url}/api/limits").json()["limits"]
    assert others["user-tables"]["used"] == others["user-table-rows"]["used"] == others["user-table-bytes"]["used"] == 0
    assert others["user-table-seconds"]["next-expiry"] is None


def test_the_limits_of_the_caller_are_told(service: Service, anybody: httpx.Client, rita: httpx.Client) -> None:
    told = anybody.get(f"{service.url}/api/limits")
    assert told.headers["Cache-Control"] == "no-store"
    found = told.json()
    assert found["caller"] == {"name": None, "class": "anonymous"}
    assert found["limits"] == {
        "rows": {"limit": 10, "default": 10, "unit": "row"},
        "result-bytes": {"limit": 16 * 1024**3, "unit": "byte"},
        "sync-seconds": {"limit": 60.0, "unit": "s"},
        "sync-queries": {"limit": None},
        "job-seconds": {"limit": 700, "default": 600, "unit": "s"},
        "upload-bytes": {"limit": 100_000, "unit": "byte"},
        "running-jobs": {"limit": 4, "used": 0, "left": 4},
        "waiting-jobs": {"limit": 3, "used": 0, "left": 3},
        "kept-jobs": {"limit": 4, "used": 0, "left": 4},
        "kept-bytes": {"limit": 100, "used": 0, "left": 100, "unit": "byte"},
        "user-tables": {"limit": 0, "used": 0, "left": 0},
    }
    assert found["queues"] == {
        "short": {"job-seconds": 600, "max-running": None, "waiting": 0, "running": 0},
        "long": {"job-seconds": 700, "max-running": None, "waiting": 0, "running": 0},
    }
    assert rita.get(f"{service.url}/api/limits").json()["caller"]["class"] == "user"


def test_two_users_have_their_jobs_run_in_turn(rita: httpx.Client, anna: httpx.Client) -> None:
    """One place for jobs: while it is taken, rita queues ten jobs and then anna three."""
    blocker = create(rita, {**QUICK, "QUERY": SLOW}, PHASE="RUN")
    reaches(rita, blocker, "EXECUTING")
    jobs = [(rita, create(rita, QUICK, PHASE="RUN")) for _ in range(10)]
    jobs += [(anna, create(anna, QUICK, PHASE="RUN")) for _ in range(3)]
    rita.post(f"{blocker}/phase", data={"PHASE": "ABORT"})
    assert {ended(client, job) for client, job in jobs} == {"COMPLETED"}
    order = [client for client, _ in sorted(jobs, key=lambda one: started(*one))]
    assert ["anna" if client is anna else "rita" for client in order[:6]] == ["anna", "rita"] * 3


def test_long_jobs_never_take_all_places(place: Settings) -> None:
    with running(with_stars(limited(place, concurrent_jobs=2))) as service:
        clients = [as_user(service, add_user(service)[1]) for _ in range(3)]
        slow = {**QUICK, "QUERY": SLOW, "EXECUTIONDURATION": "601", "PHASE": "RUN"}
        long = [create(client, slow) for client in clients]
        assert ended(clients[0], create(clients[0], QUICK, PHASE="RUN")) == "COMPLETED"
        phases = [client.get(f"{job}/phase").text for client, job in zip(clients, long, strict=True)]
        assert sorted(phases) == ["EXECUTING", "QUEUED", "QUEUED"]
        queues = clients[0].get(f"{service.url}/api/limits").json()["queues"]
        assert (queues["long"]["running"], queues["long"]["waiting"]) == (1, 2)
        for client, job in zip(clients, long, strict=True):
            assert client.delete(job).status_code == 303
            client.close()
