from __future__ import annotations

import base64

import pytest

from vo_server.access.credentials import Credentials, parse_authorization
from vo_server.errors import AuthenticationError


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer vo_abc", Credentials("vo_abc")),
        ("bearer   vo_abc ", Credentials("vo_abc")),
        (basic("x-oauth-basic:vo_abc"), Credentials("vo_abc")),
        (basic("vo_abc:x-oauth-basic"), Credentials("vo_abc")),
        (basic("vo_abc:"), Credentials("vo_abc")),
        (basic(":vo_abc"), Credentials("vo_abc")),
        (basic("rita:vo_abc"), Credentials("vo_abc", "rita")),
        (basic("rita:with:colons"), Credentials("with:colons", "rita")),
    ],
)
def test_a_token_is_found_in_every_form(header: str, expected: Credentials) -> None:
    assert parse_authorization(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer two words",
        "vo_abc",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Digest username=rita",
        "Bearer\tvo_abc",
    ],
)
def test_anything_else_is_refused_with_the_forms_that_are_taken(header: str) -> None:
    with pytest.raises(AuthenticationError) as caught:
        parse_authorization(header)
    assert caught.value.hint is not None
    assert "Bearer TOKEN" in caught.value.hint


def test_credentials_do_not_print_their_token() -> None:
    assert "vo_secret" not in repr(Credentials("vo_secret", "rita"))
