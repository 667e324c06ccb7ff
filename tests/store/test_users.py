from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from vo_server.errors import MissingError, PhaseError, UsageError
from vo_server.model.job import JobResult, Phase
from vo_server.model.user import NOBODY
from vo_server.store.open import Store
from vo_server.store.tables import tokens, utc_now


def make_job(store: Store, owner: str | None) -> str:
    return store.jobs.create([], destruction=utc_now() + timedelta(days=1), execution_duration_s=60, owner=owner).id


def test_a_user_has_a_name_a_note_and_tokens(store: Store) -> None:
    store.users.add("rita", note="rita@example.org")
    store.users.add("anna")
    store.users.add_token("rita", "d1", label="laptop")
    store.users.add_token("rita", "d2")
    anna, rita = store.users.list()
    assert (anna.name, anna.n_tokens, anna.note) == ("anna", 0, None)
    assert (rita.name, rita.n_tokens, rita.note) == ("rita", 2, "rita@example.org")
    assert {token.label for token in store.users.tokens("rita")} == {"laptop", None}


def test_a_token_is_found_by_its_digest_alone(store: Store) -> None:
    store.users.add("rita")
    expires = datetime(2031, 2, 3, tzinfo=UTC)
    made = store.users.add_token("rita", "d1", expires=expires)
    assert store.users.find_token("d1") == made
    assert made.expires == expires
    assert store.users.find_token(made.id) is None
    assert store.users.find_token("") is None


def test_a_revoked_token_is_gone_and_the_others_stay(store: Store) -> None:
    store.users.add("rita")
    first, second = store.users.add_token("rita", "d1"), store.users.add_token("rita", "d2")
    assert store.users.revoke(first.id) == first
    assert store.users.tokens("rita") == (second,)
    with pytest.raises(MissingError, match=f"no token {first.id}"):
        store.users.revoke(first.id)


def test_a_removed_user_leaves_no_token_and_no_job(store: Store) -> None:
    store.users.add("rita")
    store.users.add_token("rita", "d1")
    mine, other = make_job(store, "rita"), make_job(store, None)
    assert store.users.remove("rita") == 1
    assert store.users.find_token("d1") is None
    with store.database.read() as connection:
        assert connection.execute(select(tokens)).all() == []
    assert store.jobs.abandoned() == (mine,)
    assert store.jobs.get(other).owner is None


def test_a_job_of_a_removed_user_has_ended_and_its_worker_has_lost_it(store: Store) -> None:
    store.users.add("rita")
    mine = make_job(store, "rita")
    store.jobs.queue(mine)
    claimed = store.jobs.claim("w", lease_s=60)
    assert claimed is not None
    store.users.remove("rita")
    assert store.jobs.held("w") == frozenset()
    found = store.jobs.get(mine)
    assert (found.phase, found.owner) == (Phase.ABORTED, NOBODY)
    assert found.ended is not None
    assert found.error is not None
    assert "owner was removed" in found.error.message
    with pytest.raises(PhaseError):
        store.jobs.mark_completed(mine, JobResult("result", "a/b", "text/csv", 1, 1, overflow=False), worker="w")


def test_a_name_is_given_once(store: Store) -> None:
    store.users.add("rita")
    with pytest.raises(UsageError, match="there is a user rita already"):
        store.users.add("rita")


@pytest.mark.parametrize("name", ["", "Rita", "1rita", "rita!", "x-oauth-basic", "r" * 33, "rita\n", 'a"b', "å"])
def test_a_name_that_is_no_plain_identifier_is_refused(store: Store, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a user"):
        store.users.add(name)
    assert store.users.list() == ()


@pytest.mark.parametrize(("method", "given"), [("remove", ()), ("tokens", ()), ("add_token", ("d1",))])
def test_a_user_that_is_not_there_is_named(store: Store, method: str, given: tuple[Any, ...]) -> None:
    with pytest.raises(MissingError, match="there is no user nobody"):
        getattr(store.users, method)("nobody", *given)
