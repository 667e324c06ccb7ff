"""Loads of tables of users: a new release from a file, from the rows that are there, or from both."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from vo_server.errors import ConflictError, IngestError, MissingError, TooLargeError, UploadError, UsageError
from vo_server.formats.read.base import TableFacts
from vo_server.formats.read.open import open_reader
from vo_server.load.batches import BatchReader, given_columns, stored_rows
from vo_server.load.description import Derivation, DerivationKind, Description
from vo_server.load.publish import publish, repeated
from vo_server.load.release import describe, load_files
from vo_server.model.table import Schema
from vo_server.model.user_table import TableUse, UserTable
from vo_server.vo.tableset import is_table_document, read_table

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from vo_server.engine.base import Engine
    from vo_server.formats.read.base import TableReader
    from vo_server.load.release import Describe
    from vo_server.load.stream import Totals
    from vo_server.load.summary import LoadSummary
    from vo_server.model.check import CheckResult
    from vo_server.model.release import Release, SourceFile
    from vo_server.model.table import Table
    from vo_server.store.open import Store
    from vo_server.store.statistics import ReleaseStatistics
    from vo_server.store.user_tables import Quota

__all__ = ["Index", "UserTableLoads", "opened"]

_ATTEMPTS: Final = 5
"""How often a change is made anew when another process has changed the table meanwhile."""

_HEAD_BYTES: Final = 4096

_MAX_DEFINITION_BYTES: Final = 4 * 1024**2
"""Largest description of a table without rows [bytes]; ten thousand columns need two."""


@dataclass(frozen=True)
class Index:
    """An index that a table is to have."""

    column: str
    """In any case."""
    is_unique: bool = False


class UserTableLoads:
    """Loads tables of users.

    Parameters
    ----------
    engine
        Where the rows are.
    store
        What is published.
    quota
        What the tables of a user may take together.
    """

    def __init__(self, *, engine: Engine, store: Store, quota: Quota) -> None:
        self._engine = engine
        self._store = store
        self._quota = quota

    def create(
        self, kept: UserTable, reader: TableReader, *, adapt: Callable[[Description], Description] | None = None
    ) -> LoadSummary:
        """Make a table that does not exist.

        Parameters
        ----------
        kept
            Whose it is, and what else is kept of it.
        reader
            Its rows.
        adapt
            Changes the description that was made from what the reader says.
        """

        def described(readers: Sequence[TableReader], name: tuple[str, str]) -> Description:
            found = describe(readers, name)
            return found if adapt is None else adapt(found)

        return self._load(kept, None, [reader], described)

    def change(self, full_name: str, *, extra: Sequence[TableReader] = (), index: Index | None = None) -> LoadSummary:
        """Make a new release of a table from its current one; anew if another process was faster.

        Parameters
        ----------
        full_name
            The table.
        extra
            Rows that it gets in addition.
        index
            An index that it gets.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._change_once(full_name, extra, index)
            except ConflictError:
                continue
        return self._change_once(full_name, extra, index)

    def _change_once(self, full_name: str, extra: Sequence[TableReader], index: Index | None) -> LoadSummary:
        kept = self._store.user_tables.find(full_name)
        current = next((one for one in self._store.catalogue.releases(full_name) if one.is_current), None)
        if kept is None or current is None:
            raise MissingError(f"the table {full_name} was removed meanwhile")
        table = current.table
        if index is not None:
            table, kept = _with_index(table, kept, index)
        description = _description(table, kept)
        stored = stored_rows(self._engine, current.table, is_computed=kept.derivation is not None)
        readers = [stored, *extra]
        return self._load(kept, current.version, readers, lambda *_: description)

    def _load(self, kept: UserTable, base: str | None, readers: Sequence[TableReader], make: Describe) -> LoadSummary:
        publication = _Publication(self._engine, self._store, kept, base=base, quota=self._quota)

        def described(opened: Sequence[TableReader], name: tuple[str, str]) -> Description:
            found = make(opened, name)
            publication.derivation = found.derivation
            return found

        with _as_upload():
            return load_files(
                readers,
                table=kept.full_name,
                engine=self._engine,
                store=self._store,
                describe=described,
                # Loads that begin in the same second do not get in each other's way.
                version=f"{datetime.now().astimezone():v%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
                watch=publication.watch,
                publish=publication,
            )


def opened(file: Path, *, shown_as: str, are_types_needed: bool = True) -> TableReader:
    """Open what a user has sent: the VOSI description of a table, which has no rows, or a table of any known format.

    Parameters
    ----------
    file
        Where it lies.
    shown_as
        What messages call it.
    are_types_needed
        False when the columns are known already.

    Raises
    ------
    UploadError
        If it is broken, or of no known format.
    TooLargeError
        If the description is too large to be one.
    """
    with file.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if are_types_needed and is_table_document(head):
        if file.stat().st_size > _MAX_DEFINITION_BYTES:
            raise TooLargeError(
                f"the description of the table is larger than the limit of {_MAX_DEFINITION_BYTES} bytes"
            )
        wanted = read_table(file.read_bytes(), schema="", name="")
        return BatchReader(shown_as, TableFacts(wanted.columns, description=wanted.description, n_rows=0))
    with _as_upload(file, shown_as):
        reader = open_reader(str(file), are_types_needed=are_types_needed, takes_regions=False)
    return _Named(reader, file, shown_as)


class _Named:
    """A reader of a file whose place is nobody's business."""

    def __init__(self, reader: TableReader, file: Path, shown_as: str) -> None:
        self._reader = reader
        self._path = file
        self.file = shown_as
        self.facts = reader.facts
        self.null_texts = reader.null_texts
        self.keeps_empty = reader.keeps_empty
        self.malformed = reader.malformed
        self.row_number = reader.row_number
        self.fraction = reader.fraction

    def batches(self) -> Iterator[pa.RecordBatch]:
        with _as_upload(self._path, self.file):
            try:
                yield from self._reader.batches()
            finally:
                self.malformed = self._reader.malformed  # Readers begin a new account with each pass.


@contextmanager
def _as_upload(file: Path | None = None, shown_as: str = "") -> Iterator[None]:
    """Tell what is wrong with a file to the user who sent it, instead of to an operator."""
    try:
        yield
    except IngestError as error:
        message = error.message if file is None else error.message.replace(str(file), shown_as)
        is_for_operators = error.hint is None or any(word in error.hint for word in ("--", "schema file", "vo:"))
        raise UploadError(message, hint=None if is_for_operators else error.hint) from error


class _Publication:
    """The last step of a load, with what only tables of users need: the quota, and nothing that came in between."""

    def __init__(self, engine: Engine, store: Store, kept: UserTable, *, base: str | None, quota: Quota) -> None:
        self._engine = engine
        self._kept = kept
        self._base = base
        self._quota = quota
        self._others = store.user_tables.use(kept.owner, without=kept.full_name)
        self._n_bytes = 0
        self.derivation: Derivation | None = None
        self._check(0, 0)

    def watch(self, totals: Totals) -> None:
        """End a load as soon as it goes beyond the quota."""
        self._n_bytes = totals.n_bytes
        self._check(totals.n_rows, totals.n_bytes)

    def __call__(
        self,
        store: Store,
        table: Table,
        *,
        schema: Schema,
        version: str,
        created: datetime,
        sources: tuple[SourceFile, ...],
        checks: tuple[CheckResult, ...] = (),
        statistics: ReleaseStatistics | None = None,
    ) -> Release:
        """Publish, unless the table was changed meanwhile or the quota is used up."""
        for column in self._kept.unique:
            shown = repeated(self._engine, table, [column])
            if shown is not None:
                raise UsageError(f"column {column} must be unique, but has values twice: {shown}")
        derivation = self.derivation
        kept = replace(
            self._kept,
            n_rows=table.n_rows or 0,
            size_bytes=self._n_bytes,
            derivation=None if derivation is None else (derivation.kind, derivation.lon, derivation.lat),
        )
        claim = store.user_tables.claim(kept, base=self._base, quota=self._quota)
        whose = replace(schema, description=f"Tables of the user {kept.owner}")
        return publish(
            store,
            table,
            schema=whose,
            version=version,
            created=created,
            sources=sources,
            checks=checks,
            within=claim,
            statistics=statistics,
        )

    def _check(self, n_rows: int, n_bytes: int) -> None:
        others = self._others
        self._quota.check(TableUse(others.n_tables + 1, others.n_rows + n_rows, others.size_bytes + n_bytes))


def _description(table: Table, kept: UserTable) -> Description:
    """Return the description of a table that exists, for rows with the columns that its files had."""
    derivation = None
    if kept.derivation is not None:
        kind, lon, lat = kept.derivation
        derivation = Derivation(DerivationKind(kind), lon, lat)
    sources = {name: name for name in given_columns(table, is_computed=derivation is not None)}
    bare = replace(table, release=None, location=None, n_rows=None)
    return Description(Schema(table.schema), bare, sources, derivation, is_inferred=True)


def _with_index(table: Table, kept: UserTable, index: Index) -> tuple[Table, UserTable]:
    wanted = index.column.strip().strip('"')
    found = [column for column in table.visible_columns if column.name.lower() == wanted.lower()]
    if not found:
        names = ", ".join(column.name for column in table.visible_columns[:20])
        raise UsageError(f"the table {table.full_name} has no column {wanted[:60]!r}", hint=f"it has {names}")
    column = found[0]
    if column.datatype.is_array:
        raise UsageError(f"column {column.name} has arrays, which no index can find")
    columns = tuple(replace(one, is_indexed=True) if one is column else one for one in table.columns)
    unique = tuple(dict.fromkeys((*kept.unique, column.name))) if index.is_unique else kept.unique
    return replace(table, columns=columns), replace(kept, unique=unique)
