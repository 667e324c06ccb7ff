"""Which limits the answer of a query would meet, by the rows that its plan expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.model.estimate import Outlook
from vo_server.model.truncation import Limit, LimitKind

if TYPE_CHECKING:
    from vo_server.model.plan import Plan
    from vo_server.model.query import Limits

__all__ = ["outlooks"]


def outlooks(plan: Plan, limits: Limits) -> tuple[Outlook, ...]:
    """Return the limits that hold, the one that would cut the answer first among those on rows and on size.

    Parameters
    ----------
    plan
        The plan.
    limits
        What the query may use.
    """
    most = limits.rows.value
    # MAXREC=0 asks for no rows, and is told as an overflow whatever there is (TAP 1.1, section 2.7.4).
    is_cut = most == 0 or (None if plan.rows is None else plan.rows > most)
    found = [Outlook(limits.rows, is_cut)]
    if limits.max_bytes is not None:
        n_sent = None if plan.rows is None else min(plan.rows, most)
        is_large = None if n_sent is None else n_sent * plan.row_bytes > limits.max_bytes
        size = Outlook(Limit(LimitKind.SIZE, limits.max_bytes), is_large)
        found.insert(0 if is_large else 1, size)
    found.append(Outlook(Limit(LimitKind.TIMEOUT, round(limits.timeout_s)), None))
    return tuple(found)
