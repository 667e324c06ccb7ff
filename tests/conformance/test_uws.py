"""UWS 1.1, clause by clause."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.answers import csv_rows, parse, text_of
from tests.support.effort import time_below
from tests.support.xsd import assert_valid

if TYPE_CHECKING:
    import httpx

    from tests.support.service import Service

ASKED = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM web.stars", "RESPONSEFORMAT": "csv", "RUNID": "r-1"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"


def _create(client: httpx.Client, **given: str) -> str:
    answer = client.post("async", data={**ASKED, **given})
    assert answer.status_code == 303
    return answer.headers["Location"]


def _run(client: httpx.Client, job: str) -> None:
    assert client.post(f"{job}/phase", data={"PHASE": "RUN"}).status_code == 303
    deadline = time.monotonic() + 90
    while client.get(f"{job}/phase").text in {"QUEUED", "EXECUTING"}:
        assert time.monotonic() < deadline
        client.get(job, params={"WAIT": "1"})


def test_a_new_job_is_pending_at_the_location_that_the_creation_names(client: httpx.Client, server: Service) -> None:
    """Section 2.2.3.1."""
    job = _create(client)
    assert job.startswith(f"{server.tap}/async/")
    document = parse(client.get(job))
    assert document.get("version") == "1.1"
    assert text_of(document, "jobId") == job.rpartition("/")[2]
    assert text_of(document, "phase") == "PENDING"


def test_the_parts_of_a_job_agree_with_the_job(client: httpx.Client) -> None:
    """Section 2.2.1."""
    job = _create(client)
    document = parse(client.get(job))
    for child, name in (("phase", "phase"), ("executionduration", "executionDuration"), ("destruction", "destruction"),
                        ("quote", "quote"), ("owner", "ownerId")):  # fmt: skip
        answer = client.get(f"{job}/{child}")
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert answer.text == (text_of(document, name) or "")
    assert TIME.fullmatch(text_of(document, "destruction") or "")
    assert TIME.fullmatch(text_of(document, "creationTime") or "")


def test_parameters_are_told_as_they_were_given(client: httpx.Client) -> None:
    """Section 2.1.11."""
    job = _create(client)
    told = {one.get("id"): one.text for one in parse(client.get(f"{job}/parameters"))}
    assert told == ASKED


def test_the_result_is_named_in_the_job_and_there(client: httpx.Client) -> None:
    """Section 2.2.2.2; TAP 1.1, section 5.4: the result is called ``result``."""
    job = _create(client)
    assert len(parse(client.get(f"{job}/results"))) == 0
    _run(client, job)
    (result,) = parse(client.get(f"{job}/results"))
    assert result.get("id") == "result"
    href = result.get("{http://www.w3.org/1999/xlink}href", "")
    assert href == f"{job}/results/result"
    assert int(result.get("size", "0")) == len(client.get(href).content)
    assert csv_rows(client.get(href))[0] == ["n"]


def test_a_job_in_a_final_phase_does_not_wait(client: httpx.Client) -> None:
    """Section 2.2.1.2."""
    job = _create(client)
    client.post(f"{job}/phase", data={"PHASE": "ABORT"})
    with time_below(0.5):
        assert text_of(parse(client.get(job, params={"WAIT": "-1"})), "phase") == "ABORTED"


def test_destroying_a_job_leads_to_the_list(client: httpx.Client, server: Service) -> None:
    """Section 2.2.3.2."""
    job = _create(client)
    answer = client.delete(job)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{server.tap}/async")
    assert client.get(job).status_code == 404


def test_what_the_phase_does_not_allow_is_403(client: httpx.Client) -> None:
    """Section 2.2."""
    job = _create(client)
    client.post(f"{job}/phase", data={"PHASE": "ABORT"})
    assert client.post(f"{job}/phase", data={"PHASE": "RUN"}).status_code == 403
    assert client.post(f"{job}/parameters", data={"MAXREC": "1"}).status_code == 403


@pytest.mark.stilts
def test_every_document_is_valid(client: httpx.Client, stilts: str) -> None:
    """Appendix B."""
    pending, done, failed = _create(client), _create(client), _create(client, QUERY="nonsense")
    _run(client, done)
    _run(client, failed)
    documents = {
        f"{name} {child}": client.get(f"{job}{child}").content
        for name, job in (("pending", pending), ("done", done), ("failed", failed))
        for child in ("", "/parameters", "/results")
    }
    assert_valid(stilts, {**documents, "list": client.get("async").content})
