"""When the records of the registry were made, changed and deleted: what harvesters ask for.

Records are made of what is published, whenever they are asked for. What is kept is the digest of each: a record that
has another one was changed, and one that is not made any more was deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, select, update

from vo_server.model.record import RecordState
from vo_server.store.tables import registry_records, stamps, utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Row

    from vo_server.store.database import Database

__all__ = ["RegistryStore"]


class RegistryStore:
    """Keeps the times of records; a deleted one is remembered for good.

    Parameters
    ----------
    database
        The database of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def update(self, digests: Mapping[str, str], *, version: int) -> dict[str, RecordState]:
        """Compare the records of now with those of the last time, and note what has changed.

        Parameters
        ----------
        digests
            Digests of all records, by identifier.
        version
            Of the catalogue that they were made of. Nothing is noted of one that is no longer current: it may be late,
            behind what another thread or process has noted of its successor.

        Returns
        -------
        dict
            The state of each record that there is or was, by identifier. Of what is not noted, because the store cannot
            be written or the records are late, it tells what it knows, and now for the rest.
        """
        # Granularity of OAI-PMH; a record that changes twice in a second has the same time, and is harvested again.
        now = utc_now().replace(microsecond=0)
        with self._database.read() as connection:
            known = _known(connection)
        if not self._database.is_read_only and _differs(known, digests):
            with self._database.write() as connection:
                current = connection.scalars(select(stamps.c.version).with_for_update()).one()  # orders the processes
                known = _known(connection)
                if current == version:
                    _write(connection, known, digests, now)
                    known = _known(connection)
        states = {name: RecordState(row.created, row.updated, row.digest is None) for name, row in known.items()}
        return {name: RecordState(now, now) for name in digests} | states


def _known(connection: Connection) -> dict[str, Row[tuple[str, str | None, datetime, datetime]]]:
    return {row.identifier: row for row in connection.execute(select(registry_records)).all()}


def _differs(known: Mapping[str, Row[tuple[str, str | None, datetime, datetime]]], digests: Mapping[str, str]) -> bool:
    return {name: row.digest for name, row in known.items() if row.digest is not None} != dict(digests)


def _write(
    connection: Connection,
    known: Mapping[str, Row[tuple[str, str | None, datetime, datetime]]],
    digests: Mapping[str, str],
    now: datetime,
) -> None:
    new = [
        {"identifier": name, "digest": digest, "created": now, "updated": now}
        for name, digest in digests.items()
        if name not in known
    ]
    if new:
        connection.execute(insert(registry_records), new)
    for name, row in known.items():
        digest = digests.get(name)
        if row.digest != digest:
            connection.execute(
                update(registry_records).where(registry_records.c.identifier == name).values(digest=digest, updated=now)
            )
