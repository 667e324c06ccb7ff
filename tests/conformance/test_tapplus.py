"""Queries and jobs as TapPlus of astroquery sends them."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from astropy.table import Table
from requests.exceptions import HTTPError

from tests.support.server import SLOW
from tests.support.service import N_STARS, Service
from tests.support.users import add_user

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from astroquery.utils.tap.core import TapPlus

COUNT = "SELECT COUNT(*) AS n FROM web.stars"


@pytest.fixture(autouse=True)
def _untidy() -> Iterator[None]:
    """TapPlus leaves its connections open; close them here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture
def tap(server: Service) -> Any:
    """Anybody's TapPlus."""
    return TapPlus(url=server.tap)


@pytest.fixture
def own_tap(server: Service) -> Any:
    """TapPlus of a user that nobody else is; its own way to log in is by a cookie over HTTPS."""
    _, token = add_user(server)
    made = TapPlus(url=server.tap)
    handler = made._TapPlus__getconnhandler()
    for kept in (handler._TapConn__getHeaders, handler._TapConn__postHeaders):
        kept["Authorization"] = f"Bearer {token}"
    return made


def test_a_synchronous_query_is_answered(tap: Any) -> None:
    rows = tap.launch_job("SELECT TOP 2 id, name FROM web.stars ORDER BY id").get_results()
    assert list(rows["id"]) == [2**60, 2**60 + 1]
    assert list(rows["name"]) == ["Å-0", "Å-1"]


@pytest.mark.parametrize("output_format", ["votable", "csv", "json", "ecsv"])
def test_rows_come_in_the_formats_it_asks_for(tap: Any, output_format: str) -> None:
    rows = tap.launch_job(COUNT, output_format=output_format).get_results()
    assert int(rows["n"][0]) == N_STARS  # JSON has 64-bit integers as texts


def test_a_mistake_in_a_synchronous_query_is_told(tap: Any) -> None:
    with pytest.raises(HTTPError, match="idd"):
        tap.launch_job("SELECT idd FROM web.stars")


def test_an_asynchronous_query_is_answered(tap: Any) -> None:
    job = tap.launch_job_async(COUNT)
    assert job.get_results()["n"][0] == N_STARS
    assert job.get_phase() == "COMPLETED"


def test_the_result_is_as_long_as_maxrec_asks(tap: Any) -> None:
    assert len(tap.launch_job_async("SELECT id FROM web.stars", maxrec=5).get_results()) == 5


def test_a_job_is_run_later_and_fetched_by_its_id(tap: Any) -> None:
    job = tap.launch_job_async(COUNT, autorun=False, background=True)
    assert job.get_phase(update=True) == "PENDING"
    job.start()
    found = tap.load_async_job(jobid=job.jobid)
    assert found.get_results()["n"][0] == N_STARS


def test_a_job_in_the_background_is_watched(tap: Any) -> None:
    job = tap.launch_job_async(SLOW, background=True)
    assert job.get_phase(update=True) in {"QUEUED", "EXECUTING"}
    tap.remove_jobs(job.jobid)


def test_a_mistake_in_a_job_is_told(tap: Any) -> None:
    with pytest.raises((SystemError, HTTPError), match="idd"):
        tap.launch_job_async("SELECT idd FROM web.stars")


def test_jobs_of_a_user_are_listed_and_removed(own_tap: Any, tap: Any) -> None:
    made = [own_tap.launch_job_async(COUNT).jobid for _ in range(3)]
    listed = own_tap.list_async_jobs()
    assert [job.jobid for job in listed] == made[::-1]
    assert {job.get_phase() for job in listed} == {"COMPLETED"}
    assert listed[0].get_results()["n"][0] == N_STARS
    own_tap.remove_jobs(made[:2])
    assert [job.jobid for job in own_tap.list_async_jobs()] == made[2:]
    assert tap.list_async_jobs() == []


def test_jobs_of_others_are_not_removed(own_tap: Any, tap: Any) -> None:
    job = own_tap.launch_job_async(COUNT)
    with pytest.raises(HTTPError):
        tap.remove_jobs([job.jobid])
    assert own_tap.load_async_job(jobid=job.jobid).get_results()["n"][0] == N_STARS


def test_jobs_are_removed_all_or_none(own_tap: Any) -> None:
    job = own_tap.launch_job_async(COUNT)
    with pytest.raises(HTTPError):
        own_tap.remove_jobs([job.jobid, "nosuchjob"])
    assert [one.jobid for one in own_tap.list_async_jobs()] == [job.jobid]


@pytest.mark.parametrize("given", ["", "a/b", "a,,b"])
def test_ids_that_are_none_are_refused(given: str, client: httpx.Client) -> None:
    assert client.post("deletejobs", data={"JOB_IDS": given}).status_code in {400, 404}


@pytest.mark.parametrize("arguments", [{}, {"include_shared_tables": True}], ids=["plain", "shared"])
def test_tables_are_described(tap: Any, arguments: dict[str, bool]) -> None:
    tables = {table.name: table for table in tap.load_tables(**arguments)}
    stars = tables["web.stars"]
    assert stars.description == "Stars of the tests, Å included"
    assert [column.name for column in stars.columns] == ["id", "ra", "dec", "mag", "name"]
    assert {column.name: column.unit for column in stars.columns}["mag"] == "mag"


def test_other_clients_get_no_attributes_of_tap_plus(client: httpx.Client) -> None:
    answer = client.get("tables")
    assert "esatapplus" not in answer.text
    assert "User-Agent" in answer.headers["Vary"]


def test_names_of_tables_are_listed(tap: Any) -> None:
    assert {"web.stars", "tap_schema.tables"} <= {table.name for table in tap.load_tables(only_names=True)}


def test_one_table_is_described(tap: Any) -> None:
    assert [column.name for column in tap.load_table("web.stars").columns] == ["id", "ra", "dec", "mag", "name"]
    with pytest.raises(HTTPError, match=r"did you mean web\.stars"):
        tap.load_table("web.starz")


@pytest.mark.parametrize("launch", ["launch_job", "launch_job_async"])
def test_a_table_is_uploaded(tap: Any, launch: str) -> None:
    mine = Table({"number": [1, 2, 3]})
    rows = getattr(tap, launch)(
        "SELECT number FROM TAP_UPLOAD.mine ORDER BY number DESC", upload_resource=mine, upload_table_name="mine"
    ).get_results()
    assert list(rows["number"]) == [3, 2, 1]
