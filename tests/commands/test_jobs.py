from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.process import run_command
from vo_server.commands.jobs import jobs
from vo_server.model.job import Job, Phase
from vo_server.store.open import Store, open_store
from vo_server.store.tables import utc_now


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"duckdb:///{tmp_path}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


def make(store: Store, run_id: str | None = None) -> Job:
    return store.jobs.create([], destruction=utc_now() + timedelta(days=1), execution_duration_s=60, run_id=run_id)


def test_jobs_of_all_are_listed_with_the_newest_first(store: Store, url: str) -> None:
    old, young = make(store, "first"), make(store)
    lines = CliRunner().invoke(jobs, ["list", "--database", url], catch_exceptions=False).output.splitlines()
    assert lines[0].split() == ["ID", "PHASE", "CREATED", "SECONDS", "OWNER", "RUNID"]
    assert [line.split()[0] for line in lines[1:]] == [young.id, old.id]
    assert lines[2].split()[-1] == "first"


def test_the_list_is_filtered_by_phase_and_number(store: Store, url: str) -> None:
    pending, queued, other = make(store), make(store), make(store)
    store.jobs.queue(queued.id)
    store.jobs.queue(other.id)
    found = CliRunner().invoke(jobs, ["list", "--phase", "queued", "--last", "1", "--database", url])
    assert other.id in found.output
    assert queued.id not in found.output
    assert pending.id not in found.output


def test_a_job_is_killed_and_one_that_has_ended_stays_as_it_is(store: Store, url: str) -> None:
    running, done = make(store), make(store)
    store.jobs.mark_aborted(done.id)
    killed = CliRunner().invoke(jobs, ["kill", running.id, done.id, "--database", url])
    assert killed.output.splitlines() == [f"{running.id} is aborted", f"{done.id} has ended already: ABORTED"]
    found = store.jobs.get(running.id)
    assert found.phase is Phase.ABORTED
    assert found.error is not None
    assert "operator" in found.error.message


def test_an_unknown_job_is_one_line_and_a_hint(store: Store, url: str) -> None:
    done = run_command("jobs", "kill", "nowhere", "--database", url, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "vo-server: there is no job nowhere"


def test_a_run_id_cannot_steer_the_terminal(store: Store, url: str) -> None:
    make(store, "\x1b[2Jboo\n")
    lines = CliRunner().invoke(jobs, ["list", "--database", url]).output.splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("?[2Jboo?")


def test_looking_where_nothing_is_makes_nothing(tmp_path: Path) -> None:
    done = run_command("jobs", "list", "--database", f"duckdb:///{tmp_path}/typo", check=False)
    assert done.returncode == 1
    assert f"no data directory at {tmp_path}/typo\n" in done.stderr
    assert not (tmp_path / "typo").exists()
