"""What the doctor tells of users, results, jobs and tables of users: what is, and what an operator has to do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from tests.support.stores import Place, place, store
from vo_server.commands.finding import Finding, Verdict
from vo_server.commands.upkeep import examine_upkeep
from vo_server.model.job import JobResult
from vo_server.settings import Settings, UwsSettings
from vo_server.store.jobs import JobStore
from vo_server.store.open import Store, open_store
from vo_server.store.tables import user_tables, utc_now

__all__ = ["place", "store"]

NOW = utc_now()


@pytest.fixture
def settings(place: Place, tmp_path: Path) -> Settings:
    return Settings(database=place.url, uws=UwsSettings(results_dir=tmp_path / "results"))


def examine(settings: Settings, store: Store) -> list[Finding]:
    return list(examine_upkeep(settings, store, NOW))


def found(findings: list[Finding], text: str) -> Finding:
    """Return the only finding with a text."""
    (one,) = [finding for finding in findings if text in finding.text]
    return one


def ago(**span: float) -> Callable[[], datetime]:
    return lambda: NOW - timedelta(**span)


def queue(store: Store, clock: Callable[[], datetime], *, destruction: datetime = NOW + timedelta(days=1)) -> str:
    jobs = JobStore(store.database, clock=clock)
    return jobs.create([], destruction=destruction, execution_duration_s=60, run=True).id


def test_a_service_that_nobody_has_used_is_well(settings: Settings, store: Store, tmp_path: Path) -> None:
    findings = examine(settings, store)
    assert {finding.verdict for finding in findings} == {Verdict.OK, Verdict.NOTE}
    nobody = found(findings, "no users: all callers are anonymous")
    assert "vo-server user add" in (nobody.hint or "")
    assert "does not exist yet; the first job makes it" in found(findings, str(tmp_path / "results")).text
    assert found(findings, "jobs: 0 waiting, 0 running, 0 ended, 0 bytes in their files").verdict is Verdict.OK
    assert found(findings, "0 tables of 0 users").verdict is Verdict.OK
    assert not (tmp_path / "results").exists()


def test_users_are_told_with_their_tokens_and_those_that_are_of_no_use(settings: Settings, store: Store) -> None:
    store.users.add("rita")
    store.users.add("anna")
    store.users.add_token("rita", "d1")
    assert found(examine(settings, store), "2 users with 1 token").verdict is Verdict.OK
    store.users.add_token("anna", "d2", expires=NOW - timedelta(days=1))
    told = found(examine(settings, store), "2 users with 2 tokens, 1 of them expired")
    assert told.verdict is Verdict.NOTE
    assert told.hint == "vo-server user revoke ID removes one"


def test_a_place_of_results_is_tried_out_and_nothing_stays_in_it(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "results").mkdir()
    told = found(examine(settings, store), f"results can be written to {tmp_path / 'results'}, where ")
    assert "are free" in told.text
    assert list((tmp_path / "results").iterdir()) == []


@pytest.mark.parametrize("below", [".", "results", "more/results"])
def test_a_place_of_results_that_cannot_be_written_is_a_fault(
    store: Store, place: Place, tmp_path: Path, below: str
) -> None:
    (tmp_path / "file").write_text("no directory")
    settings = Settings(database=place.url, uws=UwsSettings(results_dir=tmp_path / "file" / below))
    (fault,) = [one for one in examine(settings, store) if one.verdict is Verdict.FAULT]
    assert str(tmp_path / "file") in fault.text
    assert "VO_UWS__RESULTS_DIR" in (fault.hint or "")


def test_results_elsewhere_are_tried_out_too(store: Store, place: Place) -> None:
    settings = Settings(database=place.url, uws=UwsSettings(results_url="memory://results-of-the-doctor"))
    assert found(examine(settings, store), "results can be written to memory://results").verdict is Verdict.OK


def test_jobs_are_counted_with_the_workers_that_run_them(settings: Settings, store: Store) -> None:
    for _ in range(4):
        queue(store, ago(seconds=1))
    claimed = [store.jobs.claim(worker, lease_s=60) for worker in ("w1", "w1", "w2")]
    assert claimed[-1] is not None
    store.jobs.mark_completed(
        claimed[-1].id, JobResult("result", "a/b", "text/csv", 1500, 1, overflow=False), worker="w2"
    )
    told = found(examine(settings, store), "jobs: 1 waiting, 2 running in 1 worker, 1 ended, 1.5 kB in their files")
    assert told.verdict is Verdict.OK


def test_jobs_that_nobody_runs_are_a_fault_and_others_only_wait(settings: Settings, store: Store) -> None:
    queue(store, ago(minutes=4))
    assert not [one for one in examine(settings, store) if one.verdict is Verdict.FAULT]
    queue(store, ago(minutes=10))
    fault = found(examine(settings, store), "2 jobs waiting since")
    assert fault.verdict is Verdict.FAULT
    assert f"{NOW - timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}, and none runs" in fault.text
    assert "vo-server worker" in (fault.hint or "")
    assert store.jobs.claim("w", lease_s=60) is not None
    assert not [one for one in examine(settings, store) if one.verdict is Verdict.FAULT], "the other one has its turn"


def test_a_job_whose_worker_has_died_is_named(settings: Settings, store: Store) -> None:
    mine = queue(store, ago(minutes=10))
    JobStore(store.database, clock=ago(minutes=9)).claim("w", lease_s=30)
    fault = found(examine(settings, store), f"1 job without a sign of life from the worker: {mine}")
    assert fault.verdict is Verdict.FAULT
    assert fault.hint is not None


def test_jobs_and_tables_that_nobody_sweeps_are_faults(settings: Settings, store: Store) -> None:
    queue(store, ago(minutes=1), destruction=NOW - timedelta(minutes=2))
    assert not [one for one in examine(settings, store) if one.verdict is Verdict.FAULT]
    queue(store, ago(minutes=1), destruction=NOW - timedelta(minutes=6))
    row = {
        "full_name": "u_rita.old",
        "folded_name": "u_rita.old",
        "owner": "rita",
        "created": NOW - timedelta(days=9),
        "expires": NOW - timedelta(minutes=6),
        "is_public": False,
        "n_rows": 1,
        "size_bytes": 8,
        "unique_columns": "[]",
    }
    with store.database.write() as connection:
        connection.execute(insert(user_tables).values(row))
    findings = examine(settings, store)
    jobs, tables = found(findings, "to be destroyed since"), found(findings, "1 table of users over")
    assert (jobs.verdict, tables.verdict) == (Verdict.FAULT, Verdict.FAULT)
    assert "u_rita.old" in tables.text
    assert "sweeps" in (jobs.hint or "")


def test_a_store_that_can_only_be_read_has_no_jobs_to_look_after(tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'data'}"
    with closing(open_store(url)) as opened:
        queue(opened, ago(minutes=10))
        opened.database.is_read_only = True
        findings = examine(Settings(database=url), opened)
    assert [finding.text for finding in findings] == ["there are no users: all callers are anonymous"]
