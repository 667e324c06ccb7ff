"""Tables that users keep: made, filled, shared and removed by their owners, and gone when their time has come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from vo_server.adql.words import RESERVED
from vo_server.errors import (
    AuthenticationError,
    ConflictError,
    ForbiddenError,
    MissingError,
    ParameterError,
    UsageError,
)
from vo_server.model.user_table import TableUse, UserTable, own_schema, plain_table_name
from vo_server.services.catalogue import unknown_table
from vo_server.services.user_loads import Index, UserTableLoads, opened
from vo_server.store.tables import utc_now
from vo_server.store.user_tables import Quota

if TYPE_CHECKING:
    from pathlib import Path

    from vo_server.engine.base import Engine
    from vo_server.formats.read.base import TableReader
    from vo_server.load.description import Description
    from vo_server.load.summary import LoadSummary
    from vo_server.model.identity import Identity
    from vo_server.store.open import Store

__all__ = ["UserTableLimits", "UserTableService"]

_LOCKS: Final = 64
"""Tables share this many locks, so that changes of one table in one process take turns."""

_GRACE_S: Final = 60.0
"""How long a release that another has replaced stays for the queries that begin to read it [s]."""


@dataclass(frozen=True)
class UserTableLimits:
    """What users may keep, and for how long."""

    quota: Quota
    """Of each user."""
    default_lifetime_s: int
    """Time until a new table is removed [s]."""
    max_lifetime_s: int
    """Longest time from now that an owner may ask for [s]."""
    max_body_bytes: int
    """Largest file of rows or of a description that is taken at once [bytes]."""


class UserTableService:
    """What users may do with tables of their own.

    Every method that names a table raises :class:`~vo_server.errors.AuthenticationError` when the caller is anonymous,
    :class:`~vo_server.errors.MissingError` when there is no such table for the caller, and
    :class:`~vo_server.errors.ForbiddenError` when it is not the caller's.

    Parameters
    ----------
    engine
        Where the rows are.
    store
        What is published.
    limits
        What users may keep.
    clock
        Gives the time in UTC.
    """

    def __init__(
        self, *, engine: Engine, store: Store, limits: UserTableLimits, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._engine = engine
        self._store = store
        self.limits = limits
        self._clock = clock
        self._loads = UserTableLoads(engine=engine, store=store, quota=limits.quota)
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def create(self, caller: Identity, name: str, file: Path, *, shown_as: str = "the table") -> LoadSummary:
        """Make a table from a file: the description of one, then it has no rows yet, or a table of any known format.

        Parameters
        ----------
        caller
            Who will own it.
        name
            ``schema.table`` or ``table``; the schema can only be the caller's own.
        file
            A VOSI table description, VOTable, FITS, Parquet, CSV, ...
        shown_as
            What messages call the file.

        Raises
        ------
        UsageError, UploadError
            If the name cannot be used, or the file is broken; nothing is made then.
        ConflictError
            If there is such a table.
        TooLargeError
            If the quota does not allow it.
        """
        self.new_name(caller, name)  # A name that cannot be is told before what else is wrong.
        return self.create_from(caller, name, opened(file, shown_as=shown_as))

    def create_from(
        self,
        caller: Identity,
        name: str,
        reader: TableReader,
        *,
        adapt: Callable[[Description], Description] | None = None,
    ) -> LoadSummary:
        """Make a table from rows; see :meth:`create`.

        Parameters
        ----------
        caller
            Who will own it.
        name
            ``schema.table`` or ``table``.
        reader
            The rows.
        adapt
            Changes the description that was made from what the reader says.
        """
        owner, full_name = _require_user(caller), self.new_name(caller, name)
        now = self._clock()
        kept = UserTable(
            full_name,
            owner,
            created=now,
            expires=now + timedelta(seconds=self.limits.default_lifetime_s),
            n_rows=0,
            size_bytes=0,
        )
        with self._turn(full_name):
            self._require_free(full_name)
            return self._loads.create(kept, reader, adapt=adapt)

    def append(self, caller: Identity, name: str, file: Path, *, shown_as: str = "the table") -> LoadSummary:
        """Add the rows of a file to a table; all of them are there at once, or none.

        Parameters
        ----------
        caller
            The owner.
        name
            ``schema.table`` or ``table``.
        file
            A table of any known format with the columns of the table, in any order.
        shown_as
            What messages call the file.

        Raises
        ------
        UploadError
            If the file is broken or does not fit; the table stays as it was.
        TooLargeError
            If the quota does not allow it.
        """
        kept = self.own(caller, name)
        reader = opened(file, shown_as=shown_as, are_types_needed=False)
        with self._turn(kept.full_name):
            return self._loads.change(kept.full_name, extra=[reader])

    def index(self, caller: Identity, name: str, column: str, *, is_unique: bool = False) -> LoadSummary:
        """Have conditions on a column answered by an index.

        Parameters
        ----------
        caller
            The owner.
        name
            ``schema.table`` or ``table``.
        column
            The column, in any case.
        is_unique
            Whether no two rows may have the same value, now and later.

        Raises
        ------
        UsageError
            If there is no such column, it has arrays, or its values repeat and must not.
        """
        kept = self.own(caller, name)
        with self._turn(kept.full_name):
            return self._loads.change(kept.full_name, index=Index(column, is_unique=is_unique))

    def drop(self, caller: Identity, name: str) -> None:
        """Remove a table with all its rows."""
        self._remove(self.own(caller, name).full_name)

    def share(self, caller: Identity, name: str, *, is_public: bool, readers: Collection[str]) -> UserTable:
        """Set who sees a table: everybody, or some users; it stays its owner's, who alone may change it.

        Raises
        ------
        UsageError
            If there is no user of one of the names.
        """
        kept = self.own(caller, name)
        unknown = set(readers) - {user.name for user in self._store.users.list()}
        if unknown:
            raise UsageError(f"there is no user {', '.join(sorted(unknown))[:100]}", hint="check the names")
        self._store.user_tables.share(kept.full_name, is_public=is_public, readers=set(readers) - {kept.owner})
        return self.own(caller, kept.full_name)

    def keep_until(self, caller: Identity, name: str, expires: datetime) -> UserTable:
        """Set when a table is removed, or the latest time that the service allows if that is earlier.

        Raises
        ------
        ParameterError
            If the time is over.
        """
        kept = self.own(caller, name)
        now = self._clock()
        if expires <= now:
            raise ParameterError("EXPIRES", expires.isoformat(), "a time in the future", hint="DELETE removes a table")
        latest = now + timedelta(seconds=self.limits.max_lifetime_s)
        self._store.user_tables.set_expiry(kept.full_name, min(expires, latest))
        return self.own(caller, kept.full_name)

    def list(self, caller: Identity) -> tuple[UserTable, ...]:
        """Return the tables of a caller, by name; none for an anonymous one."""
        return () if caller.name is None else self._store.user_tables.list(caller.name)

    def use(self, caller: Identity) -> TableUse:
        """Return what the tables of a caller take together."""
        return TableUse() if caller.name is None else self._store.user_tables.use(caller.name)

    def own(self, caller: Identity, name: str) -> UserTable:
        """Return one of the caller's own tables."""
        user = _require_user(caller)
        full_name = name if "." in name else f"{own_schema(user)}.{name}"
        kept = self._store.user_tables.find(full_name)
        if kept is not None and kept.owner == user:
            return kept
        catalogue = self._store.catalogue.load(caller)
        if kept is not None and kept.is_visible_to(caller):
            raise ForbiddenError(
                f"the table {kept.full_name} belongs to {kept.owner}", hint="make a copy: a query with SAVE_AS=name"
            )
        if any(table.full_name.lower() == full_name.lower() for table in catalogue.tables):
            raise ForbiddenError(
                f"the table {full_name[:100]} is published by the service",
                hint=f"your own tables are in the schema {own_schema(user)}",
            )
        raise unknown_table(full_name, catalogue)

    def sweep(self) -> tuple[str, ...]:
        """Remove tables whose time has come and releases that others have replaced; return the names of the tables."""
        gone = []
        for full_name in self._store.user_tables.expired():
            try:
                self._remove(full_name)
            except MissingError:  # another process was faster
                continue
            gone.append(full_name)
        for full_name, version in self._store.user_tables.superseded(self._clock() - timedelta(seconds=_GRACE_S)):
            try:
                locations = self._store.catalogue.remove(full_name, version)
            except (MissingError, UsageError):  # another process was faster
                continue
            for location in locations:
                self._engine.drop(location)
        return tuple(gone)

    def sweep_leftovers(self) -> tuple[str, ...]:
        """Remove what killed loads have left in the database; return the places."""
        return tuple(self._engine.sweep(self._store.catalogue.locations))

    def remove_all(self, owner: str) -> tuple[str, ...]:
        """Remove all tables of a user and return their names."""
        gone = []
        for kept in self._store.user_tables.list(owner):
            try:
                self._remove(kept.full_name)
            except MissingError:
                continue
            gone.append(kept.full_name)
        return tuple(gone)

    # -------------------------------------------------------------------------------------------------- names

    def require_new(self, caller: Identity, name: str) -> None:
        """Raise what :meth:`create` would for a name that cannot be or is taken, before anything is sent or read."""
        self._require_free(self.new_name(caller, name))

    def new_name(self, caller: Identity, name: str) -> str:
        """Return the full name of a table that a caller may make, whether or not there is one."""
        user = _require_user(caller)
        schema, dot, table = name.strip().rpartition(".")
        own = own_schema(user)
        if dot and schema.lower() != own.lower():
            raise ForbiddenError(f"you may make tables in the schema {own} only", hint=f"for example {own}.my_stars")
        return f"{own}.{plain_table_name(table, reserved=RESERVED)}"

    def _require_free(self, full_name: str) -> None:
        """Refuse a name that is taken before any work; the publication looks once more."""
        folded = full_name.lower()
        if any(table.full_name.lower() == folded for table in self._store.catalogue.load_all().tables):
            raise ConflictError(f"there is a table {full_name} already", hint="remove it first, or choose another name")

    def _remove(self, full_name: str) -> None:
        with self._turn(full_name):
            for location in self._store.catalogue.remove(full_name):
                self._engine.drop(location)

    @contextmanager
    def _turn(self, full_name: str) -> Iterator[None]:
        with self._locks[hash(full_name.lower()) % _LOCKS]:
            yield


def _require_user(caller: Identity) -> str:
    """Return the name of a caller who has one."""
    if caller.name is None:
        raise AuthenticationError(
            "tables can be kept by users only, and you have not said who you are",
            hint="send your token: 'Authorization: Bearer TOKEN'; the operators of the service give you one",
        )
    return caller.name
