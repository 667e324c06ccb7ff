from __future__ import annotations

import io
import xml.etree.ElementTree as ET  # the documents are our own
from dataclasses import replace

import pytest
from pyvo.io.uws import parse_job

from tests.support.xsd import assert_valid
from tests.vo.samples import DONE, FAILED, LATER, NOON, PENDING, QUEUED
from vo_server.model.job import Job, Phase
from vo_server.vo.uws import job_document, job_list, parameters, results, utc_text

U = "{http://www.ivoa.net/xml/UWS/v1.0}"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
HREF = "{http://www.w3.org/1999/xlink}href"
JOBS = "http://vo.example.org/tap/async"
ALL = {"pending": PENDING, "queued": QUEUED, "failed": FAILED, "done": DONE}


def test_all_documents_are_valid(stilts: str) -> None:
    documents = {f"job {name}": job_document(job, JOBS) for name, job in ALL.items()}
    documents |= {f"phase {one}": job_document(replace(PENDING, phase=one), JOBS) for one in Phase}
    documents |= {f"parameters {name}": parameters(job, JOBS) for name, job in ALL.items()}
    documents |= {f"results {name}": results(job, JOBS) for name, job in ALL.items()}
    documents |= {"list": job_list(ALL.values(), JOBS), "empty list": job_list([], JOBS)}
    assert_valid(stilts, documents)


def test_times_are_utc_with_a_z() -> None:
    assert utc_text(NOON) == "2025-01-02T12:00:00Z"
    assert utc_text(LATER) == "2025-01-02T13:30:00.250000Z"


def test_what_is_not_known_is_nil() -> None:
    root = ET.fromstring(job_document(PENDING, JOBS))
    nil = {one.tag.removeprefix(U) for one in root if one.attrib.get(NIL) == "true"}
    assert nil == {"ownerId", "quote", "startTime", "endTime"}
    assert root.attrib["version"] == "1.1"
    assert root.find(f"{U}runId") is None
    assert root.find(f"{U}errorSummary") is None


def test_a_failed_job_tells_why() -> None:
    root = ET.fromstring(job_document(FAILED, JOBS))
    summary = root.find(f"{U}errorSummary")
    assert summary is not None
    assert summary.attrib == {"type": "transient", "hasDetail": "true"}
    assert summary.findtext(f"{U}message") == "line 1, column 8: no <foo> & no bar"
    assert root.findtext(f"{U}ownerId") == "me & you"
    assert root.findtext(f"{U}runId") == "run<1>"


def _info(job: Job) -> list[tuple[str, str | None]]:
    found = ET.fromstring(job_document(job, JOBS)).find(f"{U}jobInfo")
    assert found is not None
    return [(one.tag.rpartition("}")[2], one.text) for one in found.iter() if one is not found]


def test_a_job_tells_how_far_it_has_come() -> None:
    assert _info(PENDING) == [("attempts", "0")]
    assert _info(QUEUED) == [("attempts", "0"), ("queuePosition", "17")]
    assert _info(DONE) == [("attempts", "1"), ("rows", "5"), ("progress", "1.000")]


def test_a_job_tells_what_was_expected_of_it() -> None:
    told = _info(FAILED)
    assert told[:2] == [("attempts", "2"), ("rows", str(2**40))]
    assert told[3:] == [("value", "read <all> & sort"), ("value", "5")]
    root = ET.fromstring(job_document(FAILED, JOBS))
    assert [one.attrib["name"] for one in root.iter("value")] == ["plan", "rows"]


def test_parameters_keep_their_values() -> None:
    for document in (job_document(FAILED, JOBS), parameters(FAILED, JOBS)):
        found = [(one.attrib["id"], one.text) for one in ET.fromstring(document).iter(f"{U}parameter")]
        assert found == [("LANG", "ADQL"), ("QUERY", "SELECT 'é' FROM t\r\nWHERE 1 < 2 AND c = '\ufffd'")]


def test_results_are_absolute_links() -> None:
    for document in (job_document(DONE, JOBS), results(DONE, JOBS)):
        (found,) = ET.fromstring(document).iter(f"{U}result")
        assert found.attrib["id"] == "result"
        assert found.attrib[HREF] == f"{JOBS}/j3/results/result"
        assert found.attrib["size"] == "1234"
        assert found.attrib["mime-type"] == "application/x-votable+xml;serialization=BINARY2"


def test_the_list_refers_to_each_job() -> None:
    root = ET.fromstring(job_list(ALL.values(), JOBS))
    assert root.attrib["version"] == "1.1"
    assert [(one.attrib["id"], one.attrib[HREF], one.findtext(f"{U}phase")) for one in root] == [
        (job.id, f"{JOBS}/{job.id}", str(job.phase)) for job in ALL.values()
    ]
    assert [one.findtext(f"{U}creationTime") for one in root] == ["2025-01-02T12:00:00Z"] * 4


@pytest.mark.parametrize("job", ALL.values(), ids=ALL)
def test_pyvo_reads_the_job(job: Job) -> None:
    found = parse_job(io.BytesIO(job_document(job, JOBS)))
    assert found.jobid == job.id
    assert found.phase == str(job.phase)
    assert found.executionduration.value == job.execution_duration_s
    assert found.destruction.isot.startswith("2025-01-02T13:30:00.25")
    assert [one.href for one in found.results] == [f"{JOBS}/{job.id}/results/{one.id}" for one in job.results]
    if job.error is not None:
        assert found.errorsummary.message.content == job.error.message
