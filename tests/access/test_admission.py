from __future__ import annotations

import pytest

from vo_server.access.admission import admit_job, check_room
from vo_server.errors import TooLargeError, TooManyError
from vo_server.model.limits import CallerLimits, Usage

LIMITS = CallerLimits(
    "user", 10, 100, 1000, 1.0, 10, 100, 1000, running_jobs=2, waiting_jobs=3, kept_jobs=5, kept_bytes=1000
)
NONE = CallerLimits("operator", 10, 100, 1000, 1.0, 10, 100, 1000)


@pytest.mark.parametrize("usage", [Usage(), Usage(waiting_jobs=2, kept_jobs=4, kept_bytes=999)])
def test_a_job_below_every_limit_is_let_in(usage: Usage) -> None:
    admit_job(LIMITS, usage)


@pytest.mark.parametrize(
    ("usage", "name", "numbers"),
    [
        (Usage(waiting_jobs=3), "waiting-jobs", "3 of your jobs wait, and 3 may"),
        (Usage(kept_jobs=6), "kept-jobs", "6 of your jobs are kept, and 5 may"),
        (Usage(kept_bytes=1000), "kept-bytes", "1000 bytes, and 1000 may"),
    ],
)
def test_the_limit_in_the_way_is_named_with_its_value_and_what_to_do(usage: Usage, name: str, numbers: str) -> None:
    with pytest.raises(TooManyError) as caught:
        admit_job(LIMITS, usage)
    assert caught.value.limit == name
    assert f"(limit {name})" in caught.value.message
    assert numbers in caught.value.message
    assert caught.value.hint is not None
    assert caught.value.retry_after_s is not None


def test_what_has_no_limit_is_never_refused() -> None:
    admit_job(NONE, Usage(10**9, 10**9, 10**9, 10**15))
    check_room(NONE, Usage(kept_bytes=10**15), 10**15)


def test_a_file_may_fill_the_room_to_the_last_byte() -> None:
    check_room(LIMITS, Usage(kept_bytes=400), 600)
    with pytest.raises(TooLargeError) as caught:
        check_room(LIMITS, Usage(kept_bytes=400), 601)
    assert caught.value.limit == "kept-bytes"
    for number in ("601", "400", "1000"):
        assert number in caught.value.message
