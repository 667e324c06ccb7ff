"""Pair the columns of a description with those of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vo_server.errors import IngestError
from vo_server.model.table import HEALPIX_COLUMN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vo_server.formats.read.base import TableReader
    from vo_server.load.description import Description
    from vo_server.model.table import Column

__all__ = ["ColumnPlan", "plan_of"]


@dataclass(frozen=True)
class ColumnPlan:
    """Where the values of the described columns are in one file."""

    pairs: tuple[tuple[Column, int], ...]
    """Columns that the file has, each with its place there."""
    derived: tuple[Column, ...]
    """Columns that are computed."""
    inputs: Mapping[str, int]
    """Places of what they are computed from, of those inputs that are no columns of the table."""
    lacking: tuple[Column, ...]
    """Columns that the file may lack, and does."""


def plan_of(description: Description, reader: TableReader) -> ColumnPlan:
    """Pair the described columns with those of a file.

    Raises
    ------
    IngestError
        If described columns are missing that are not optional and cannot be computed, or the file has columns that
        are not described.
    """
    return _Pairing(description, reader).plan()


class _Pairing:
    """The columns of one file that are spoken for."""

    def __init__(self, description: Description, reader: TableReader) -> None:
        self.description = description
        self.file = reader.file
        self.names = [column.name for column in reader.facts.columns]
        self.folded = [name.strip().lower() for name in self.names]
        self.used: set[int] = set()
        self.inputs: dict[str, int] = {}

    def plan(self) -> ColumnPlan:
        pairs: list[tuple[Column, int]] = []
        absent: list[Column] = []
        for column in self.description.table.columns:
            source = self.description.sources.get(column.name)
            if source is None:
                continue
            found = (self._find(name) for name in (source, *column.aliases))
            index = next((at for at in found if at is not None), None)
            if index is None:
                absent.append(column)
                continue
            self.used.add(index)
            pairs.append((column, index))
        known = {column.name for column, _ in pairs}
        derived = [column for column in absent if self._can_be_derived(column, known)]
        left = [column for column in absent if column not in derived]
        missing = [self._told(column) for column in left if column.name not in self.description.optional]
        used = self.used | set(self.inputs.values())
        extra = [name for at, name in enumerate(self.names) if at not in used and self.folded[at] != HEALPIX_COLUMN]
        _complain(self.file, missing, [] if self.description.ignore_extra else extra)
        return ColumnPlan(tuple(pairs), tuple(derived), self.inputs, tuple(left))

    def _find(self, source: str) -> int | None:
        """Return the column of that name, in the same case if there is one; of repeated names the next one."""
        for wanted, among in ((source, self.names), (source.strip().lower(), self.folded)):
            found = [index for index, name in enumerate(among) if name == wanted and index not in self.used]
            if found:
                return found[0]
        return None

    def _can_be_derived(self, column: Column, known: set[str]) -> bool:
        how = self.description.derived.get(column.name)
        if how is None:
            return False
        found = {name: self._find(name) for name in how.inputs if name not in known}
        places = {name: at for name, at in found.items() if at is not None}
        if len(places) < len(found):
            return False
        self.inputs.update(places)
        return True

    def _told(self, column: Column) -> str:
        how = self.description.derived.get(column.name)
        source = self.description.sources[column.name]
        return source if how is None else f"{source} (or {', '.join(how.inputs)}, which it is computed from)"


_EXTRA_HINT: Final = (
    "`vo: {ignore_extra: true}` on the table leaves columns out that are not described, `vo: {take_extra: true}` takes "
    "them as the file has them"
)


def _complain(file: str, missing: list[str], extra: list[str]) -> None:
    told = []
    if missing:
        told.append(f"described columns that the file does not have: {', '.join(missing)}")
    if extra:
        told.append(f"columns of the file that are not described: {', '.join(extra)}")
    if told:
        hint = _EXTRA_HINT if extra else None
        raise IngestError(f"check columns: {'; '.join(told)}", file=file, hint=hint)
