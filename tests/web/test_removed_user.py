"""What a removed user leaves on a running service that archives jobs: nothing, for nobody to find."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from click.testing import CliRunner

from tests.support.server import SLOW, make_settings
from tests.support.service import Service, running, with_stars
from tests.support.users import as_user, give_token
from vo_server.commands.user import user
from vo_server.errors import MissingError
from vo_server.model.job import Phase
from vo_server.settings import Settings
from vo_server.worker.sweep import Sweeper

QUICK = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM web.stars", "PHASE": "RUN"}
FOR_LONG = {"LANG": "ADQL", "QUERY": SLOW, "PHASE": "RUN"}
ARCHIVE_S = 86_400.0


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a service on each engine, with one place for jobs; what it made is gone after the test."""
    dsn = request.getfixturevalue("postgres_dsn") if request.param == "postgres" else None
    made = make_settings(dsn or f"duckdb:///{tmp_path / 'data'}", tmp_path / "results")
    uws = made.uws.model_copy(update={"concurrent_jobs": 1, "archive_s": ARCHIVE_S})
    yield made.model_copy(update={"uws": uws})
    if dsn is not None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for schema in (made.postgres.data_schema, made.postgres.store_schema):
                connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    with running(with_stars(settings)) as service:
        yield service


def remove(settings: Settings, name: str) -> str:
    """Remove a user as the operator does, in another process than the server's."""
    environment = {"VO_POSTGRES__STORE_SCHEMA": settings.postgres.store_schema}
    done = CliRunner().invoke(user, ["remove", name, "--database", settings.database], env=environment)
    assert done.exit_code == 0, done.exception
    return done.stdout


def make(client: httpx.Client, given: dict[str, str], phase: str) -> str:
    """Start a job, wait until it is in a phase, and return its id."""
    answer = client.post("async", data=given)
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    deadline = time.monotonic() + 90
    while client.get(f"{job}/phase").text != phase:
        assert time.monotonic() < deadline, f"the job does not become {phase}"
        time.sleep(0.02)
    return str(job.rpartition("/")[2])


def sweeper_of(service: Service) -> Sweeper:
    context = service.context
    return Sweeper(
        jobs=context.store.jobs,
        results=context.results,
        tables=context.user_tables,
        archive_s=context.settings.uws.archive_s,
    )


def test_jobs_and_tables_of_a_removed_user_end_at_once_and_are_gone_after_a_sweep(
    service: Service, settings: Settings
) -> None:
    users, jobs = service.context.store.users, service.context.store.jobs
    users.add("rita")
    with as_user(service, give_token(service, "rita")) as rita:
        assert rita.put("tables/mine", content="a\n1\n", headers={"Content-Type": "text/csv"}).status_code == 201
        done, archived = make(rita, QUICK, "COMPLETED"), make(rita, QUICK, "COMPLETED")
        jobs.archive(archived)
        runs = make(rita, FOR_LONG, "EXECUTING")
        waits = make(rita, QUICK, "QUEUED")
    assert remove(settings, "rita").startswith("rita is removed; a server removes 4 jobs and all tables of theirs")

    # The service sweeps now and then by itself, so that some may be gone already.
    ends = {done: Phase.COMPLETED, archived: Phase.ARCHIVED, runs: Phase.ABORTED, waits: Phase.ABORTED}
    assert jobs.phases(ends).items() <= ends.items()
    users.add("rita")  # the next one of that name
    with as_user(service, give_token(service, "rita")) as next_rita:
        assert next_rita.get(f"async/{done}").status_code in {403, 404}
        every = {"PHASE": ["COMPLETED", "ABORTED", "ARCHIVED"]}
        assert b"jobref " not in next_rita.get("async", params=every).content
        assert next_rita.get("tables/mine").status_code == 404
        used = next_rita.get(f"{service.url}/api/limits").json()["limits"]
        assert [used[name]["used"] for name in ("kept-jobs", "kept-bytes", "user-tables")] == [0, 0, 0]
        # The only place for jobs is free again: the job that ran has stopped.
        kept = make(next_rita, QUICK, "COMPLETED")

        sweeper = sweeper_of(service)
        assert set(sweeper.destroy_abandoned()) <= ends.keys()
        sweeper.remove_expired_tables()
        assert service.context.store.user_tables.list() == ()
        assert jobs.ids() == {kept}
        assert [folder.name for folder in Path(str(service.context.results)).iterdir()] == [kept]
        assert next_rita.get(f"async/{kept}/phase").text == "COMPLETED"


def test_a_job_that_a_late_request_of_a_removed_user_has_made_goes_too(service: Service, settings: Settings) -> None:
    users, jobs = service.context.store.users, service.context.store.jobs
    users.add("anna")
    users.add("rita")
    remove(settings, "rita")
    late, hers = service.context.jobs.create([], owner="rita"), service.context.jobs.create([], owner="anna")
    nobodys = service.context.jobs.create([])
    assert set(sweeper_of(service).destroy_abandoned()) <= {late.id}
    with pytest.raises(MissingError):
        jobs.phase(late.id)
    assert jobs.ids() == {hers.id, nobodys.id}
