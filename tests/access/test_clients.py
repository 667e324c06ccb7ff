from __future__ import annotations

import pytest

from vo_server.access.clients import client_key
from vo_server.model.identity import ANONYMOUS, Identity


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("testclient", "testclient"),
        ("", ""),
        (None, ""),
    ],
)
def test_an_anonymous_client_is_told_by_the_address(address: str | None, expected: str) -> None:
    assert client_key(ANONYMOUS, address) == expected


def test_a_user_is_one_client_from_everywhere() -> None:
    assert client_key(Identity("rita"), "203.0.113.7") == client_key(Identity("rita"), "::1") == "user rita"
