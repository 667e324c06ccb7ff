"""What is different in a release of a table from an earlier one."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Changes"]


@dataclass(frozen=True)
class Changes:
    """Rows of a release that an earlier one had not, or not in this form; rows are told by a unique key.

    All counts are None when the releases cannot be compared; then ``problem`` says why.
    """

    since: str
    """Version of the earlier release."""
    key: tuple[str, ...] = ()
    """Columns that tell the rows apart."""
    n_added: int | None = None
    n_removed: int | None = None
    n_changed: int | None = None
    """Rows of both with another value in a column that both have."""
    class_columns: tuple[str, ...] = ()
    """Columns with the class of a row, of those that both have."""
    n_reclassified: int | None = None
    """Rows of both with another class; None without a column of classes."""
    new_columns: tuple[str, ...] = ()
    lost_columns: tuple[str, ...] = ()
    problem: str | None = None
    """Why the releases were not compared, in words."""

    @property
    def words(self) -> str:
        """All of it in one line."""
        if self.problem is not None:
            return f"not compared with {self.since}: {self.problem}"
        told = [f"{self.n_added} added", f"{self.n_removed} removed", f"{self.n_changed} changed"]
        if self.n_reclassified is not None:
            told.append(f"{self.n_reclassified} of another class ({', '.join(self.class_columns)})")
        if self.new_columns:
            told.append(f"new columns {', '.join(self.new_columns)}")
        if self.lost_columns:
            told.append(f"without the columns {', '.join(self.lost_columns)}")
        return f"since {self.since}: {', '.join(told)}"
