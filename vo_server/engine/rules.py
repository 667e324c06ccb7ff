"""The rules of the lowering, by type of node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.engine.choices import CHOICE_RULES
from vo_server.engine.conditions import CONDITION_RULES
from vo_server.engine.queries import QUERY_RULES
from vo_server.engine.values import VALUE_RULES

if TYPE_CHECKING:
    from vo_server.adql.tree import Node
    from vo_server.engine.lower import Rule

__all__ = ["RULES"]

RULES: Final[dict[type[Node], Rule]] = {**VALUE_RULES, **CHOICE_RULES, **CONDITION_RULES, **QUERY_RULES}
"""One rule for every type of node that a query can hold."""
