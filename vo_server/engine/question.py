"""Questions that ADQL has no words for, asked of whole releases in the SQL that both databases have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vo_server.model.table import Column, Table

__all__ = ["Question", "SqlForm"]


@dataclass(frozen=True)
class SqlForm:
    """What the databases write differently."""

    relation: Callable[[Table], str]
    """Name of the rows of a release."""
    name: Callable[[str, Table], str]
    """Name of a column of a release."""
    row_hash: str
    """64-bit hash of several values, with ``{values}`` for them: equal for values that are equal, NULL and NaN
    included. Its sum over rows must tell whether two rows exchanged a value; the databases' own hashes of rows are sums
    themselves."""
    hashed: Callable[[str, Column], str]
    """What is hashed of a value of a column: none may pass for NULL."""
    integer: str
    real: str
    text: str
    sum: str
    """Types that integers, numbers, anything, and a hash that is to be added up fit in."""

    def hash_of(self, values: Sequence[tuple[str, Column]]) -> str:
        """Write the hash of some values, each written already and of the type of a column."""
        written = [self.hashed(one, column) for one, column in values]
        return self.row_hash.format(values=", ".join(written)) if written else "0"


class Question(Protocol):
    """One SELECT over releases."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """Releases that it reads."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it gives."""
        ...

    def sql(self, form: SqlForm) -> str:
        """Write it."""
        ...
