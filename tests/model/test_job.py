from __future__ import annotations

from datetime import UTC, datetime

from vo_server.model.job import ACTIVE_PHASES, FINAL_PHASES, MOVES, Job, Phase


def test_every_phase_has_its_moves_and_a_finished_job_can_only_be_archived() -> None:
    assert set(MOVES) == set(Phase)
    for phase in FINAL_PHASES:
        assert MOVES[phase] <= {Phase.ARCHIVED}
    for phase in ACTIVE_PHASES | {Phase.PENDING, Phase.HELD}:
        assert Phase.ABORTED in MOVES[phase]


def test_the_last_value_of_a_parameter_counts_in_any_case_of_its_name() -> None:
    now = datetime.now(UTC)
    job = Job("1", Phase.PENDING, now, now, 10, parameters=(("MAXREC", "1"), ("LANG", "ADQL"), ("MAXREC", "2")))
    assert job.parameter("maxrec") == "2"
    assert job.parameter("QUERY") is None
