"""The server's own tables: what is published, jobs and their results, users and their tables.

One description for SQLite and PostgreSQL; :mod:`vo_server.store.open` creates them, and whoever changes them adds a
step to :mod:`vo_server.store.upgrade`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

__all__ = [
    "UtcDateTime",
    "formats",
    "job_parameters",
    "job_results",
    "jobs",
    "metadata",
    "pins",
    "registry_records",
    "releases",
    "schemas",
    "stamps",
    "statistics",
    "tokens",
    "user_table_readers",
    "user_tables",
    "users",
    "utc_now",
]


def utc_now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: timezone-aware in Python, UTC in the database, on SQLite as text that sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; a time without a zone is a mistake of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the time {value.isoformat()} has no zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  (the interface has it)
        """Give the time its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

formats = Table(
    "format",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("created_by", Text, nullable=False),
)
"""One row (id 1): the version of the tables."""

stamps = Table(
    "stamps",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)
"""One row (id 1): grows with every change of the catalogue; its row lock orders the writers."""

schemas = Table(
    "schemas",
    metadata,
    Column("name", Text, primary_key=True),
    Column("folded_name", Text, nullable=False, unique=True),
    Column("title", Text),
    Column("description", Text),
    Column("utype", Text),
    Column("position", Integer),
)

releases = Table(
    "releases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("schema_name", Text, ForeignKey("schemas.name"), nullable=False),
    Column("full_name", Text, nullable=False),
    Column("folded_name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("location", Text, nullable=False, unique=True),
    Column("is_current", Boolean, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("sources", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("n_rows", BigInteger),
    Column("checksum", Text),
    Column("changes", Text),
    UniqueConstraint("full_name", "version", name="releases_full_name_version_key"),
)
"""All releases of all tables; texts of several values are written by :mod:`vo_server.store.encode`.

``n_rows`` is in ``description`` as well: lists of releases need not read that, which may be long.
"""

Index(
    "releases_current_idx",
    releases.c.folded_name,
    unique=True,
    sqlite_where=releases.c.is_current,
    postgresql_where=releases.c.is_current,
)

pins = Table(
    "pins",
    metadata,
    Column("full_name", Text, primary_key=True),
    Column("folded_name", Text, nullable=False, unique=True),
    Column("release_id", Integer, ForeignKey("releases.id"), nullable=False),
    Column("created", UtcDateTime, nullable=False),
)
"""Names that mean one release of a table for good, each in the schema of the table; releases with one are kept."""

Index("pins_release_idx", pins.c.release_id)

statistics = Table(
    "statistics",
    metadata,
    Column("release_id", Integer, ForeignKey("releases.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("summary", LargeBinary, nullable=False),
    Column("cells", LargeBinary),
)
"""What was counted of the rows of releases, written by :mod:`vo_server.store.statistics`; ``cells`` has the map."""

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("phase", Text, nullable=False),
    Column("owner", Text),
    Column("run_id", Text),
    Column("created", UtcDateTime, nullable=False),
    Column("destruction", UtcDateTime, nullable=False),
    Column("execution_duration_s", BigInteger, nullable=False),
    Column("queued", UtcDateTime),
    Column("started", UtcDateTime),
    Column("ended", UtcDateTime),
    Column("quote", UtcDateTime),
    Column("error_message", Text),
    Column("error_code", Text),
    Column("error_is_transient", Boolean),
    Column("worker", Text),
    Column("lease_until", UtcDateTime),
    Column("n_attempts", Integer, nullable=False, server_default="0"),
    Column("n_rows", BigInteger),
    Column("progress", Float),
    Column("estimate", Text),
    Column("client", Text, nullable=False, server_default=""),
    Column("kept_bytes", BigInteger, nullable=False, server_default="0"),
)
"""One row per job. ``worker`` holds the job until ``lease_until``, which its heartbeat pushes on.

``client`` is who the job counts for, see :func:`vo_server.access.clients.client_key`; empty where that is not known.
``kept_bytes`` is the volume of the files of the job.
``n_rows`` and ``progress`` (in [0, 1], as far as the engine tells) are of the run that goes on or was the last.
"""

Index("jobs_queue_idx", jobs.c.phase, jobs.c.queued)
Index("jobs_owner_idx", jobs.c.owner, jobs.c.created)
Index("jobs_destruction_idx", jobs.c.destruction)
Index("jobs_turn_idx", jobs.c.client, jobs.c.started)
Index("jobs_usage_idx", jobs.c.client, jobs.c.phase, jobs.c.kept_bytes)

job_parameters = Table(
    "job_parameters",
    metadata,
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
)

job_results = Table(
    "job_results",
    metadata,
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("path", Text, nullable=False),
    Column("mime", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("n_rows", BigInteger, nullable=False),
    Column("overflow", Boolean, nullable=False),
    Column("limit_kind", Text),
    Column("limit_value", BigInteger),
    Column("total_rows", BigInteger),
    Column("overflow_message", Text),
)
"""One row per result. ``limit_kind`` and ``limit_value`` are of the limit that held, or that cut it."""

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("created", UtcDateTime, nullable=False),
    Column("note", Text),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_name", Text, ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("created", UtcDateTime, nullable=False),
    Column("expires", UtcDateTime),
    Column("label", Text),
)
"""What is known of tokens; ``digest`` is their SHA-256, and the tokens themselves are nowhere."""

Index("tokens_user_idx", tokens.c.user_name)

registry_records = Table(
    "registry_records",
    metadata,
    Column("identifier", Text, primary_key=True),
    Column("digest", Text),
    Column("created", UtcDateTime, nullable=False),
    Column("updated", UtcDateTime, nullable=False),
)
"""One row per record that the registry has or had; ``digest`` is NULL for one that was deleted."""

user_tables = Table(
    "user_tables",
    metadata,
    Column("full_name", Text, primary_key=True),
    Column("folded_name", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    Column("is_public", Boolean, nullable=False),
    Column("n_rows", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("unique_columns", Text, nullable=False),
    Column("derivation", Text),
)
"""One row per table of a user, beside its releases; ``unique_columns`` and ``derivation`` are lists in JSON."""

Index("user_tables_owner_idx", user_tables.c.owner)
Index("user_tables_expires_idx", user_tables.c.expires)

user_table_readers = Table(
    "user_table_readers",
    metadata,
    Column("full_name", Text, ForeignKey("user_tables.full_name", ondelete="CASCADE"), primary_key=True),
    Column("user_name", Text, primary_key=True),
)
"""Users who see a table besides its owner."""
