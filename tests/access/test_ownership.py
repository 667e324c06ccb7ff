from __future__ import annotations

import pytest

from vo_server.access.ownership import require_owner
from vo_server.errors import AuthenticationError, ForbiddenError
from vo_server.model.identity import ANONYMOUS, Identity


@pytest.mark.parametrize(("owner", "caller"), [(None, ANONYMOUS), (None, Identity("rita")), ("rita", Identity("rita"))])
def test_what_is_theirs_or_nobodys_may_be_used(owner: str | None, caller: Identity) -> None:
    require_owner(owner, caller, "job 1")


def test_another_user_is_forbidden() -> None:
    with pytest.raises(ForbiddenError, match="job 1 belongs to another user"):
        require_owner("rita", Identity("anna"), "job 1")


def test_an_anonymous_caller_is_asked_for_credentials() -> None:
    with pytest.raises(AuthenticationError, match="job 1 belongs to a user"):
        require_owner("rita", ANONYMOUS, "job 1")
