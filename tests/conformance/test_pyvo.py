"""Jobs as pyvo makes, watches, lists and removes them."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
import pyvo
import requests

from tests.support.server import SLOW
from tests.support.service import N_STARS, Service, stars
from tests.support.users import add_user

COUNT = "SELECT COUNT(*) AS n FROM web.stars"


@pytest.fixture
def own_service(server: Service) -> Iterator[pyvo.dal.TAPService]:
    """Speak to the running server as a user that nobody else is; pyvo leaves its connections open."""
    _, token = add_user(server)
    with requests.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        session.headers["Authorization"] = f"Bearer {token}"
        yield pyvo.dal.TAPService(server.tap, session=session)
        gc.collect()


def test_a_job_is_submitted_run_waited_for_and_fetched(tap_service: pyvo.dal.TAPService) -> None:
    job = tap_service.submit_job("SELECT TOP 3 id, name FROM web.stars ORDER BY id")
    assert job.phase == "PENDING"
    job.run().wait(timeout=30)
    assert job.phase == "COMPLETED"
    rows = job.fetch_result().to_table()
    assert list(rows["id"]) == [2**60, 2**60 + 1, 2**60 + 2]
    assert list(rows["name"]) == ["Å-0", "Å-1", "Å-2"]
    job.delete()


def test_run_async_gives_the_rows_and_leaves_no_job(own_service: pyvo.dal.TAPService) -> None:
    assert own_service.run_async(COUNT).to_table()["n"][0] == N_STARS
    assert own_service.get_job_list() == []


def test_the_result_is_as_long_as_maxrec_asks(tap_service: pyvo.dal.TAPService) -> None:
    assert len(tap_service.run_async("SELECT id FROM web.stars", maxrec=7)) == 7


def test_a_mistake_is_told_when_the_job_has_run(tap_service: pyvo.dal.TAPService) -> None:
    job = tap_service.submit_job("SELECT idd FROM web.stars").run().wait(timeout=30)
    assert job.phase == "ERROR"
    with pytest.raises(pyvo.DALQueryError, match="idd"):
        job.raise_if_error()
    with pytest.raises(pyvo.DALQueryError, match="idd"):
        job.fetch_result()
    job.delete()
    with pytest.raises(pyvo.DALQueryError, match="did you mean"):
        tap_service.run_async("SELECT idd FROM web.stars")


def test_a_job_is_aborted(tap_service: pyvo.dal.TAPService) -> None:
    with tap_service.submit_job(SLOW) as job:
        job.run().abort()
        assert job.phase == "ABORTED"


def test_a_job_is_changed_before_it_runs(tap_service: pyvo.dal.TAPService) -> None:
    with tap_service.submit_job(SLOW) as job:
        job.query = COUNT
        job.execution_duration = 17
        wanted = job.destruction - timedelta(days=1)
        job.destruction = wanted
        assert (job.query, job.execution_duration.to_value("s")) == (COUNT, 17)
        assert abs(job.destruction - wanted) < timedelta(seconds=1)
        assert job.run().wait(timeout=30).fetch_result().to_table()["n"][0] == N_STARS


def test_a_job_has_gone_when_it_was_deleted(server: Service, tap_service: pyvo.dal.TAPService) -> None:
    job = tap_service.submit_job(COUNT)
    url = job.url
    job.delete()
    with pytest.raises(pyvo.DALServiceError):
        pyvo.dal.AsyncTAPJob(url)


def test_jobs_of_a_user_are_listed_by_phase_time_and_number(
    own_service: pyvo.dal.TAPService, tap_service: pyvo.dal.TAPService
) -> None:
    waiting = own_service.submit_job(COUNT, runid="first")
    done = own_service.submit_job(COUNT).run().wait(timeout=30)
    failed = own_service.submit_job("SELECT nothing").run().wait(timeout=30)
    everything = [waiting.job_id, done.job_id, failed.job_id]

    def listed(**filters: object) -> list[str]:
        return [one.jobid for one in own_service.get_job_list(**filters)]

    assert listed() == everything[::-1]
    assert listed(phases=["COMPLETED", "ERROR"]) == [failed.job_id, done.job_id]
    assert listed(last=1) == [failed.job_id]
    created = {one.jobid: one.creationtime for one in own_service.get_job_list()}
    after = created[done.job_id].to_datetime()
    assert waiting.job_id not in listed(after=after)
    assert failed.job_id in listed(after=after - timedelta(seconds=1))
    (told,) = own_service.get_job_list(phases=["PENDING"], short_description=False)
    assert told.runid == "first"
    assert tap_service.get_job_list() == []
    for job in (waiting, done, failed):
        job.delete()
    assert listed() == []


def test_a_job_of_a_user_is_found_by_its_id(own_service: pyvo.dal.TAPService) -> None:
    job = own_service.submit_job(COUNT)
    assert own_service.get_job(job.job_id).phase == "PENDING"
    job.delete()


def test_the_table_of_statistics_shows_in_pyvo(tap_service: pyvo.dal.TAPService) -> None:
    table = tap_service.search("SELECT * FROM tap_schema.statistics WHERE table_name = 'web.stars'").to_table()
    found = {str(row["column_name"]): row for row in table}
    assert list(found) == ["id", "ra", "dec", "mag", "name"]
    expected = stars()["mag"].drop_null().to_numpy()
    assert found["mag"]["null_count"] == N_STARS - len(expected)
    assert found["mag"]["median"] == np.percentile(expected, 50, method="inverted_cdf")
    counts, _ = np.histogram(expected, np.array(found["mag"]["histogram_edges"]))
    assert list(found["mag"]["histogram_counts"]) == counts.tolist()
