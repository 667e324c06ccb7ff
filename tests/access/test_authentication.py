from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from vo_server.access.authentication import Authenticator
from vo_server.access.tokens import digest_of, new_token
from vo_server.errors import AuthenticationError
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.user import Token
from vo_server.store.open import Store

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def give_token(store: Store, name: str = "rita", expires: datetime | None = None) -> tuple[str, Token]:
    if name not in [user.name for user in store.users.list()]:
        store.users.add(name)
    secret = new_token()
    return secret, store.users.add_token(name, digest_of(secret), expires=expires)


def count_statements(store: Store) -> list[str]:
    told: list[str] = []
    event.listen(store.database.engine, "before_cursor_execute", lambda *given: told.append(given[2]))
    return told


def test_a_token_names_its_user(store: Store) -> None:
    secret, _ = give_token(store)
    assert Authenticator(store.users).identify(f"Bearer {secret}") == Identity("rita")


def test_no_credentials_make_an_anonymous_caller_without_a_look_at_the_database(store: Store) -> None:
    told = count_statements(store)
    assert Authenticator(store.users).recall(None) is ANONYMOUS
    assert not told


def test_a_wrong_token_is_refused_and_remembered_as_wrong(store: Store) -> None:
    authenticator = Authenticator(store.users)
    wrong = f"Bearer {new_token()}"
    with pytest.raises(AuthenticationError, match="wrong, revoked or expired"):
        authenticator.identify(wrong)
    told = count_statements(store)
    with pytest.raises(AuthenticationError):
        authenticator.recall(wrong)
    assert not told


def test_a_token_is_known_for_a_while_without_the_database(store: Store) -> None:
    secret, _ = give_token(store)
    authenticator = Authenticator(store.users)
    assert authenticator.recall(f"Bearer {secret}") is None
    authenticator.identify(f"Bearer {secret}")
    told = count_statements(store)
    assert authenticator.recall(f"Bearer {secret}") == Identity("rita")
    assert not told


def test_a_revoked_token_is_refused_when_the_memory_is_old(store: Store) -> None:
    secret, token = give_token(store)
    authenticator = Authenticator(store.users, remembered_s=0)
    authenticator.identify(f"Bearer {secret}")
    store.users.revoke(token.id)
    assert authenticator.recall(f"Bearer {secret}") is None
    with pytest.raises(AuthenticationError):
        authenticator.identify(f"Bearer {secret}")


def test_a_token_expires_even_while_it_is_remembered(store: Store) -> None:
    secret, token = give_token(store, expires=NOW)
    moments = [NOW - timedelta(seconds=1), NOW]
    authenticator = Authenticator(store.users, clock=lambda: moments.pop(0))
    assert authenticator.identify(f"Bearer {secret}") == Identity("rita")
    with pytest.raises(AuthenticationError, match=f"token {token.id} has expired"):
        authenticator.recall(f"Bearer {secret}")


def test_a_token_is_refused_under_the_name_of_another_user(store: Store) -> None:
    secret, _ = give_token(store)
    give_token(store, "anna")
    authenticator = Authenticator(store.users)
    assert authenticator.check("rita", secret) == Identity("rita")
    with pytest.raises(AuthenticationError, match="not one of the user"):
        authenticator.check("anna", secret)
    given = base64.b64encode(f"anna:{secret}".encode()).decode()
    with pytest.raises(AuthenticationError, match="not one of the user"):
        authenticator.recall(f"Basic {given}")


def test_tokens_differ_and_are_long_enough() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(one.startswith("vo_") and len(one) == 46 for one in made)
