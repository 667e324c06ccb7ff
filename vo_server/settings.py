"""Every knob of the server, frozen, with its unit in its type or its name.

Read by the command line, the application and the factory only. Environment variables have the prefix ``VO_``
and ``__`` between group and field: ``VO_TAP__DEFAULT_MAXREC=50000``.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    HttpUrl,
    IPvAnyNetwork,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from vo_server.errors import ConfigurationError

__all__ = [
    "AnonymousSettings",
    "CallerSettings",
    "ConeSettings",
    "DuckdbSettings",
    "PostgresSettings",
    "RegistrySettings",
    "ServerSettings",
    "Settings",
    "TapSettings",
    "UploadSettings",
    "UserSettings",
    "UserTableSettings",
    "UwsSettings",
    "load_settings",
    "missing_for_registry",
]

PositiveSeconds = Annotated[float, Field(gt=0)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(_Group):
    """How the service is reached and what it says of itself."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: PositiveInt = Field(1, description="Server processes.")
    public_url: HttpUrl | None = Field(
        None,
        description="URL under which clients reach the service, e.g. https://vo.example.org; made from the request "
        "when not set. Set it behind a proxy.",
    )
    title: str = Field("vo-server", description="Name of the service, shown to users.")
    publisher: str | None = Field(None, description="Who publishes the data (Data Origin INFO).")
    contact: str | None = Field(None, description="E-mail address for questions (Data Origin INFO).")
    ivoid: str | None = Field(
        None,
        pattern=r"^ivo://[A-Za-z0-9][A-Za-z0-9._~-]{2,}(/[A-Za-z0-9._~=-]+)*$",
        description="IVOA identifier of the service, e.g. ivo://example.org/tap (Data Origin INFO service_ivoid and "
        "records for the registry).",
    )
    max_body_bytes: ByteSize | None = Field(
        None, gt=0, description="Largest request body; what the largest uploads and query need when not set."
    )
    stream_bytes: ByteSize = Field(
        ByteSize(256 * 1024 * 1024),
        ge=8 * 1024 * 1024,
        description="Memory of all answers that are on their way together, in one server process.",
    )


class RegistrySettings(_Group):
    """What the records for the VO registry tell beside what the tables say."""

    description: str | None = Field(
        None, description="What the service is, in a few sentences; made from its title when not set."
    )
    subjects: tuple[str, ...] = Field(
        ("catalogs",),
        min_length=1,
        description='Terms of the Unified Astronomy Thesaurus, e.g. ["galaxies", "photometry"].',
    )
    contact_name: str | None = Field(None, description="Whom to write to; the publisher when not set.")
    page_records: PositiveInt = Field(100, description="Most records in one answer to a harvester.")


class TapSettings(_Group):
    """Limits of TAP queries."""

    default_maxrec: PositiveInt = Field(100_000, description="Row limit when the caller sets none.")
    hard_maxrec: PositiveInt = Field(20_000_000, description="Row limit that no caller can pass.")
    max_result_bytes: ByteSize = Field(
        ByteSize(16 * 1024**3),
        gt=0,
        description="Largest volume of the rows of one answer, counted before they are written in a format.",
    )
    sync_timeout_s: PositiveSeconds = Field(60.0, description="Longest run of a synchronous query [s].")
    max_query_bytes: ByteSize = Field(ByteSize(1024 * 1024), description="Longest query text.")
    max_concurrent: PositiveInt = Field(16, description="Queries running at once in one server process.")
    feature_uri_style: str = Field(
        "lower",
        pattern="^(lower|legacy)$",
        description="Spelling of feature-type URIs in capabilities: 'lower' as ADQL 2.1 section 4.1 demands, 'legacy' "
        "with TAPRegExt in mixed case for clients from before 2023.",
    )


class ConeSettings(_Group):
    """Cone searches."""

    ucds: str = Field(
        "ucd1",
        pattern=r"^ucd1\+?$",
        description="UCDs of identifier and position in answers: 'ucd1' as SCS 1.03 has them and clients look for "
        "them, 'ucd1+' as the draft of SCS 1.1 has them.",
    )


class UploadSettings(_Group):
    """Tables that come with a query."""

    max_bytes: ByteSize = Field(
        ByteSize(128 * 1024 * 1024), gt=0, description="Largest volume of all uploads of one query together, unpacked."
    )
    max_rows: PositiveInt = Field(5_000_000, description="Most rows of one upload.")
    max_tables: PositiveInt = Field(16, description="Most uploads of one query.")
    memory_bytes: ByteSize = Field(
        ByteSize(512 * 1024 * 1024),
        gt=0,
        description="Memory of the uploads of all queries together, in one process; queries wait for room in it.",
    )
    url_timeout_s: PositiveSeconds = Field(30.0, description="Longest time for one upload by URL [s].")
    url_redirects: NonNegativeInt = Field(5, description="Most redirects of an upload by URL.")
    url_networks: tuple[IPvAnyNetwork, ...] = Field(
        (),
        description="Networks from which uploads by URL are fetched although they are not public, e.g. "
        '["10.1.0.0/16"].',
    )


class UwsSettings(_Group):
    """Asynchronous jobs."""

    default_duration_s: PositiveInt = Field(600, description="Longest run of a job unless it asks for more [s].")
    hard_duration_s: PositiveInt = Field(3600, description="Longest run of any job [s].")
    default_retention_s: PositiveInt = Field(7 * 86400, description="Time until a job is destroyed [s].")
    hard_retention_s: PositiveInt = Field(30 * 86400, description="Longest time that a job may be kept [s].")
    archive_s: NonNegativeInt = Field(
        0,
        description="Time for which the record of a job is kept after its destruction, in phase ARCHIVED and without "
        "its files [s]; 0 for not at all.",
    )
    max_wait_s: PositiveSeconds = Field(50.0, description="Longest time that a request with WAIT blocks [s].")
    concurrent_jobs: NonNegativeInt = Field(
        2,
        description="Jobs running at once in one process, of a server or of `vo-server worker`; with 0 servers leave "
        "all jobs to workers.",
    )
    lease_s: PositiveSeconds = Field(
        30.0, description="Time after which the jobs of a process that has died are run again by another [s]."
    )
    short_duration_s: PositiveInt = Field(
        600,
        description="Longest execution duration of a job in the short queue [s]. A quarter of the places for jobs, but "
        "one at least where there are several, are kept for that queue.",
    )
    max_long_jobs: PositiveInt | None = Field(
        None, description="Jobs of the long queue that run at once in all processes; any number when not set."
    )
    results_dir: Path | None = Field(
        None, description="Directory of job results; 'results' beside the catalogue when not set."
    )
    results_url: str | None = Field(
        None,
        pattern="^[a-z][a-z0-9+.-]*://.",
        description="URL of job results, instead of a directory: anything that fsspec understands, e.g. "
        "s3://bucket/results with the package s3fs installed. Workers on several machines need one, or a directory "
        "that they share.",
    )

    @model_validator(mode="after")
    def _check_places(self) -> Self:
        if self.results_dir is not None and self.results_url is not None:
            raise ValueError("results_dir and results_url cannot both be set")
        return self


class UserTableSettings(_Group):
    """Tables that users keep."""

    default_lifetime_s: PositiveInt = Field(90 * 86400, description="Time until a new table is removed [s].")
    max_lifetime_s: PositiveInt = Field(
        365 * 86400, description="Longest time from now for which an owner may have a table kept [s]."
    )
    max_tables: PositiveInt = Field(100, description="Tables of one user.")
    max_rows: PositiveInt = Field(100_000_000, description="Rows of all tables of one user.")
    max_bytes: ByteSize = Field(
        ByteSize(10 * 1024**3),
        gt=0,
        description="Volume of the rows of all tables of one user, as in memory; on disk they take less.",
    )
    max_body_bytes: ByteSize = Field(
        ByteSize(1024**3), gt=0, description="Largest request body that makes or fills a table."
    )


class CallerSettings(_Group):
    """What one caller of a class may use, within what the service allows at all."""

    max_rows: PositiveInt | None = Field(None, description="Rows of an answer; as for the service when not set.")
    max_result_bytes: ByteSize | None = Field(
        None, gt=0, description="Volume of the rows of one answer; as for the service when not set."
    )
    sync_timeout_s: PositiveSeconds | None = Field(
        None, description="Longest run of a synchronous query [s]; as for the service when not set."
    )
    max_duration_s: PositiveInt | None = Field(
        None, description="Longest run of a job [s]; as for the service when not set."
    )
    max_upload_bytes: ByteSize | None = Field(
        None, gt=0, description="Largest volume of all uploads of one query together; as for the service when not set."
    )
    sync_queries: PositiveInt | None = Field(
        None, description="Synchronous queries running at once in one server process; any number when not set."
    )
    running_jobs: PositiveInt = Field(4, description="Jobs running at once, in all processes.")
    waiting_jobs: PositiveInt = Field(1_000, description="Jobs that have not begun to run.")
    kept_jobs: PositiveInt = Field(10_000, description="Jobs that were not destroyed yet, in any phase.")
    kept_bytes: ByteSize = Field(ByteSize(20 * 1024**3), gt=0, description="Volume of the files of all these jobs.")


class AnonymousSettings(CallerSettings):
    """What one anonymous client, told from others by the address, may use."""


class UserSettings(CallerSettings):
    """What one user may use."""

    running_jobs: PositiveInt = Field(8, description="Jobs running at once, in all processes.")
    kept_bytes: ByteSize = Field(ByteSize(100 * 1024**3), gt=0, description="Volume of the files of all these jobs.")


class DuckdbSettings(_Group):
    """The embedded engine."""

    memory_bytes: ByteSize = Field(ByteSize(4 * 1024**3), description="Memory that queries may use together.")
    threads: PositiveInt = Field(2, description="Threads of one query.")
    max_attached: PositiveInt = Field(256, description="Release files kept open.")


class PostgresSettings(_Group):
    """PostgreSQL with Q3C."""

    pool_size: PositiveInt = Field(20, description="Query connections of one server process.")
    data_schema: str = Field("vo_data", pattern="^[a-z_][a-z0-9_]*$", description="Database schema of the releases.")
    store_schema: str = Field("vo_store", pattern="^[a-z_][a-z0-9_]*$", description="Database schema of the catalogue.")


class Settings(BaseSettings):
    """All settings of a server."""

    model_config = SettingsConfigDict(env_prefix="VO_", env_nested_delimiter="__", frozen=True, extra="forbid")

    database: str = Field(
        "duckdb:///vo-data",
        description="Where the data live: duckdb:///DIR (relative) or duckdb:////DIR (absolute), or postgresql://...",
    )
    server: ServerSettings = ServerSettings()
    registry: RegistrySettings = RegistrySettings()
    tap: TapSettings = TapSettings()
    cone: ConeSettings = ConeSettings()
    uploads: UploadSettings = UploadSettings()
    uws: UwsSettings = UwsSettings()
    user_tables: UserTableSettings = UserTableSettings()
    anonymous: AnonymousSettings = AnonymousSettings()
    users: UserSettings = UserSettings()
    duckdb: DuckdbSettings = DuckdbSettings()
    postgres: PostgresSettings = PostgresSettings()


def missing_for_registry(settings: Settings) -> list[str]:
    """Return what must be set before the service has records for the VO registry, with an example each."""
    server = settings.server
    missing = []
    if server.ivoid is None or not server.ivoid.removeprefix("ivo://").partition("/")[2]:
        missing.append("VO_SERVER__IVOID (ivo://authority/path, e.g. ivo://example.org/tap)")
    if server.publisher is None:
        missing.append("VO_SERVER__PUBLISHER (e.g. Example Observatory)")
    if server.contact is None:
        missing.append("VO_SERVER__CONTACT (an e-mail address)")
    if server.public_url is None:
        missing.append("VO_SERVER__PUBLIC_URL (e.g. https://vo.example.org)")
    return missing


def load_settings(**given: object) -> Settings:
    """Read the settings from the environment, with what a command line gave on top.

    Parameters
    ----------
    **given
        Settings by name; ``server``, ``tap`` and the other groups as mappings of fields. None means "not given".

    Raises
    ------
    ConfigurationError
        If a value is not allowed or a name is unknown, with every mistake in one message.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        mistakes = "; ".join(_mistake(one["loc"], one["type"], one["msg"]) for one in error.errors())
        raise ConfigurationError(f"the settings are not valid: {mistakes}") from error


def _mistake(place: tuple[int | str, ...], kind: str, message: str) -> str:
    """Tell one mistake, without the value, which may be a secret."""
    name = f"VO_{'__'.join(str(part) for part in place).upper()}"
    known = _descriptions()
    if kind == "extra_forbidden":
        near = get_close_matches(name, known, n=1, cutoff=0.7)
        return f"{name}: there is no such setting" + (f"; did you mean {near[0]}?" if near else "")
    if kind == "string_pattern_mismatch":
        return f"{name}: not of the expected form ({known[name]})"
    return f"{name}: {message}"


def _descriptions() -> dict[str, str]:
    """Return what each setting means, by its variable."""
    found = {}
    for group, outer in Settings.model_fields.items():
        inner = getattr(outer.annotation, "model_fields", None)
        if inner is None:
            found[f"VO_{group.upper()}"] = outer.description or ""
            continue
        found |= {f"VO_{group}__{name}".upper(): field.description or "" for name, field in inner.items()}
    return found
