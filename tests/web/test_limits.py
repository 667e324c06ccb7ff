"""The truth about limits, over HTTP on both engines: which one cut an answer, whose it was, how to get the rest."""

from __future__ import annotations

import csv
import io
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
from lxml import etree

from tests.support.answers import VOTABLE, error_text, text_of
from tests.support.server import SLOW
from tests.support.service import N_STARS, Service
from tests.support.wire import Answer, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = "SELECT id FROM web.stars"
MOST = "SELECT id FROM web.stars WHERE ra >= 0"
"""As many rows, but no catalogue knows it."""
DEFAULT, HARD = 1_000, 100_000


class Told(NamedTuple):
    """What a VOTable says of its completeness."""

    statuses: list[str]
    message: str
    facts: dict[str, str]
    n_rows: int


def _told(document: bytes) -> Told:
    root = etree.fromstring(document)
    infos = root.findall(f"{VOTABLE}RESOURCE/{VOTABLE}INFO")
    statuses = [one for one in infos if one.get("name") == "QUERY_STATUS"]
    facts = {one.get("name", ""): one.get("value", "") for one in infos}
    return Told(
        [one.get("value", "") for one in statuses],
        statuses[-1].text or "",
        {name: value for name, value in facts.items() if name.startswith(("TRUNCATED", "TOTAL", "ASYNC"))},
        len(root.findall(f".//{VOTABLE}TR")),
    )


def _ask(server: Service, query: str, **given: object) -> Answer:
    asked = {"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": "votable/td", **given}
    answer = fetch(f"{server.tap}/sync", asked)
    assert answer.status == 200, answer.body
    assert answer.is_complete
    return answer


@pytest.mark.parametrize("query", [ALL, MOST], ids=["known", "unknown"])
@pytest.mark.parametrize(
    ("top", "maxrec", "n_rows", "is_overflow"),
    [
        (10, 10, 10, False),
        (11, 10, 10, True),
        (9, 10, 9, False),
        (1, 10, 1, False),
        (0, 10, 0, False),
        (10, 0, 0, True),
        (None, N_STARS, N_STARS, False),
        (None, N_STARS - 1, N_STARS - 1, True),
        (None, N_STARS + 1, N_STARS, False),
        (N_STARS + 5, N_STARS, N_STARS, False),
        (DEFAULT, None, DEFAULT, False),
        (DEFAULT + 1, None, DEFAULT, True),
    ],
)
def test_overflow_is_told_exactly_when_rows_were_dropped(
    server: Service, query: str, top: int | None, maxrec: int | None, n_rows: int, is_overflow: bool
) -> None:
    wanted = query if top is None else query.replace("SELECT", f"SELECT TOP {top}")
    answer = _ask(server, wanted, **({} if maxrec is None else {"MAXREC": maxrec}))
    told = _told(answer.body)
    assert told.n_rows == n_rows
    assert told.statuses[-1] == ("OVERFLOW" if is_overflow else "OK")
    assert bool(told.facts) is is_overflow
    assert answer.trailers["x-vo-status"] == told.statuses[-1]
    assert answer.trailers["x-vo-rows"] == str(n_rows)
    assert answer.trailers["x-vo-overflow"] == str(is_overflow).lower()


@pytest.mark.parametrize(
    ("given", "limit", "owner", "at"),
    [
        ({"MAXREC": 7}, "maxrec", "caller", "7 row"),
        ({}, "default-rows", "service", f"{DEFAULT} row"),
    ],
    ids=["mine", "default"],
)
def test_the_answer_says_which_limit_cut_it_and_how_to_get_the_rest(
    server: Service, given: dict[str, object], limit: str, owner: str, at: str
) -> None:
    answer = _ask(server, ALL, **given)
    told = _told(answer.body)
    assert told.statuses == ["OVERFLOW"], "it was known before the first row"
    assert told.facts["TRUNCATED_BY"] == limit
    assert told.facts["TRUNCATED_BY_OWNER"] == owner
    assert told.facts["TRUNCATED_AT"] == at
    assert told.facts["TOTAL_ROWS"] == str(N_STARS)
    assert f"of the {N_STARS} rows" in told.message
    assert f"(up to {HARD})" in told.message
    assert answer.headers["x-vo-overflow"] == "true"
    assert answer.headers["x-vo-limit"] == limit
    assert answer.headers["x-vo-total-rows"] == str(N_STARS)
    assert answer.headers["x-vo-message"] == told.message


def test_the_link_of_a_cut_answer_gives_the_whole_of_it(server: Service) -> None:
    link = _told(_ask(server, ALL, MAXREC=7).body).facts["ASYNC_LINK"]
    with _finished_job(link) as (job, client):
        rows = etree.fromstring(client.get(f"{job}/results/result").content).findall(f".//{VOTABLE}TR")
    assert len(rows) == N_STARS


def test_a_cut_that_shows_only_at_the_end_is_told_in_a_trailer(server: Service) -> None:
    query = "SELECT a.*, b.* FROM web.stars AS a, web.stars AS b WHERE a.id <> b.id"
    answer = _ask(server, query, MAXREC=HARD, RESPONSEFORMAT="csv")
    assert "x-vo-overflow" not in answer.headers
    assert "x-vo-status" in answer.headers["trailer"].lower()
    assert len(list(csv.reader(io.StringIO(answer.body.decode())))) == HARD + 1
    assert answer.trailers["x-vo-status"] == "OVERFLOW"
    assert answer.trailers["x-vo-rows"] == str(HARD)
    assert f"MAXREC={HARD}" in answer.trailers["x-vo-message"]


def test_a_maxrec_above_the_hard_limit_is_the_services_limit_and_no_job_is_offered(server: Service) -> None:
    query = "SELECT a.id FROM web.stars AS a, web.stars AS b WHERE a.id <> b.id"
    told = _told(_ask(server, query, MAXREC=HARD + 1).body)
    assert told.n_rows == HARD
    assert told.facts == {
        "TRUNCATED_BY": "hard-rows",
        "TRUNCATED_BY_OWNER": "service",
        "TRUNCATED_AT": f"{HARD} row",
    }
    assert "ask in parts" in told.message


def test_a_timeout_has_its_own_status_and_a_ready_link_to_a_job(server: Service, client: httpx.Client) -> None:
    with server.changed(sync_timeout_s=0.3):
        answer = client.get("sync", params={"LANG": "ADQL", "QUERY": SLOW})
    assert answer.status_code == 408
    assert answer.headers["X-VO-Error"] == "timeout"
    link = answer.headers["X-VO-Async"]
    assert link in error_text(answer)
    with httpx.Client(timeout=60) as other:
        job = other.post(link).headers["Location"]
        assert other.get(f"{job}/phase").text in {"QUEUED", "EXECUTING"}
        assert int(other.get(f"{job}/executionduration").text) == server.context.settings.uws.hard_duration_s
        other.delete(job)


def test_a_job_that_exceeds_its_duration_is_aborted_and_says_so(client: httpx.Client) -> None:
    given = {"LANG": "ADQL", "QUERY": SLOW, "EXECUTIONDURATION": "1", "PHASE": "RUN"}
    job = client.post("async", data=given).headers["Location"]
    deadline = time.monotonic() + 90
    while (phase := client.get(f"{job}/phase").text) in {"QUEUED", "EXECUTING"}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert phase == "ABORTED"
    summary = text_of(etree.fromstring(client.get(job).content), "message")
    assert summary is not None
    assert "execution duration of 1 s" in summary
    assert "EXECUTIONDURATION" in summary
    assert "execution duration of 1 s" in error_text(client.get(f"{job}/error"))
    assert client.get(f"{job}/results/result").status_code == 404
    client.delete(job)


@contextmanager
def _finished_job(link: str) -> Iterator[tuple[str, httpx.Client]]:
    """Start a job by a link and wait for its end."""
    with httpx.Client(timeout=30) as client:
        started = client.post(link)
        assert started.status_code == 303, started.text
        job = started.headers["Location"]
        deadline = time.monotonic() + 90
        while (phase := client.get(f"{job}/phase").text) != "COMPLETED":
            assert phase in {"QUEUED", "EXECUTING"}
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield job, client
        client.delete(job)
