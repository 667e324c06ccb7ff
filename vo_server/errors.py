"""The error tree: every failure that has an answer for the caller.

An error knows its protocol code and HTTP status and carries what was given, what was expected and
what to do next. How it is told (VOTable, text, JSON, a line on the terminal) is the business of the
layer that tells it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MAX_STATUS_OF_CALLER",
    "AdqlError",
    "AuthenticationError",
    "CatalogueError",
    "CatalogueUnavailableError",
    "ConfigurationError",
    "ConflictError",
    "EngineError",
    "EvaluationError",
    "ForbiddenError",
    "IngestError",
    "LimitError",
    "MissingError",
    "ParameterError",
    "PhaseError",
    "Problem",
    "ProblemKind",
    "QueryCancelledError",
    "QueryMemoryError",
    "QueryTimeoutError",
    "SchemaFileError",
    "Span",
    "TooLargeError",
    "TooManyError",
    "UnavailableError",
    "UploadError",
    "UsageError",
    "VoError",
]

MAX_STATUS_OF_CALLER: Final = 499
"""Status codes up to here are faults of the request (RFC 9110, section 15.5)."""


class VoError(Exception):
    """Any failure with an answer for the caller.

    Parameters
    ----------
    message
        What was given and what was expected, in words for an astronomer.
    hint
        One next step, without a trailing full stop needed by the renderers.
    """

    code: ClassVar[str] = "internal"
    """Stable machine-readable name of the kind of failure."""

    status: ClassVar[int] = 500
    """HTTP status of a synchronous answer."""

    transient: ClassVar[bool] = False
    """Whether the same request may succeed later (UWS ``errorSummary/@type``)."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def is_of_request(self) -> bool:
        """True for what the caller can mend: the fault is in the request, which fails again until it is changed."""
        return self.status <= MAX_STATUS_OF_CALLER and not self.transient

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class UsageError(VoError):
    """The request cannot be answered as it stands; the caller can mend it."""

    code = "usage"
    status = 400


class ParameterError(UsageError):
    """A request parameter has a value that is not allowed.

    Parameters
    ----------
    name
        Parameter name as the standard writes it, e.g. ``MAXREC``.
    value
        The value that was given; None when the parameter is missing.
    expected
        What would have been accepted, in words.
    """

    code = "parameter"

    def __init__(self, name: str, value: str | None, expected: str, *, hint: str | None = None) -> None:
        given = "is missing" if value is None else f"has the value {_shorten(value)!r}"
        super().__init__(f"parameter {name} {given}; expected {expected}", hint=hint)
        self.name = name
        self.value = value
        self.expected = expected


class UploadError(UsageError):
    """An uploaded table cannot be used."""

    code = "upload"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text: half-open character range and the position of its first character."""

    start: int
    """Offset of the first character, from 0."""
    end: int
    """Offset behind the last character."""
    line: int
    """Line of the first character, from 1."""
    column: int
    """Column of the first character, from 1, in characters."""

    def to(self, other: Span) -> Span:
        """Return the span from the start of this one to the end of another."""
        return Span(self.start, max(self.end, other.end), self.line, self.column)


class ProblemKind(StrEnum):
    """Kinds of mistakes in a query."""

    SYNTAX = "syntax"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    TYPE = "type"
    ARITY = "arity"
    UNSUPPORTED = "unsupported"
    UNIT = "unit"
    """Units that do not go together; only ever told as a note."""
    NAME = "name"
    """Another name of a column than the published one; only ever told as a note."""
    NONSTANDARD = "nonstandard"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a query text: where it is, what it is, how to mend it."""

    kind: ProblemKind
    message: str
    span: Span
    token: str = ""
    """The text the message is about, as the user wrote it."""
    hint: str | None = None

    def __str__(self) -> str:
        text = f"line {self.span.line}, column {self.span.column}: {self.message}"
        return text if self.hint is None else f"{text} ({self.hint})"


class AdqlError(UsageError):
    """A query that cannot be run, with all its known problems in the order of the text.

    Parameters
    ----------
    problems
        At least one problem.
    """

    code = "adql"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.span.start, problem.span.end)))
        super().__init__("; ".join(str(problem) for problem in self.problems))

    @property
    def span(self) -> Span:
        """Position of the first problem."""
        return self.problems[0].span


class MissingError(VoError):
    """A table, job or resource that does not exist (any more)."""

    code = "missing"
    status = 404


class ConflictError(VoError):
    """Something that does not go with what is there, such as a name that is taken."""

    code = "conflict"
    status = 409


class AuthenticationError(VoError):
    """Credentials that are wrong, or none where some are needed (RFC 9110, section 15.5.2)."""

    code = "authentication"
    status = 401


class ForbiddenError(VoError):
    """Something that belongs to somebody else (UWS 1.1, section 2.2: status 403)."""

    code = "forbidden"
    status = 403


class PhaseError(VoError):
    """A request that the phase of a job does not allow (UWS 1.1, section 2.2: status 403)."""

    code = "phase"
    status = 403


class LimitError(VoError):
    """A limit of the service, not a fault of the request.

    Parameters
    ----------
    limit
        Stable name of the limit, as ``/api/limits`` and ``docs/users.md`` have it; None where it has none.
    retry_after_s
        When it may be worth while to come back [s]; None for the usual time.
    """

    code = "limit"
    status = 503
    transient = True

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        limit: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.limit = limit
        self.retry_after_s = retry_after_s


class QueryTimeoutError(LimitError):
    """A query ran longer than it may.

    Parameters
    ----------
    limit_s
        The limit that was reached [s].
    link
        URL that starts a job of the same query when it is POSTed to; None when there is none.
    """

    code = "timeout"
    status = 408

    def __init__(self, limit_s: float, *, hint: str | None = None, link: str | None = None) -> None:
        super().__init__(
            f"the query ran longer than the limit of {limit_s:g} s",
            hint=hint or "run it as an asynchronous job, or make it smaller with TOP or a narrower condition",
        )
        self.limit_s = limit_s
        self.link = link


class QueryCancelledError(LimitError):
    """A query was stopped because nobody waits for it any more."""

    code = "cancelled"
    status = 499


class TooManyError(LimitError):
    """More requests at once than the service or the caller's share allows."""

    code = "busy"
    status = 429


class TooLargeError(LimitError):
    """A request or an upload is larger than allowed."""

    code = "too-large"
    status = 413
    transient = False


class EngineError(VoError):
    """The database could not answer; its own words are in the log, not here.

    Parameters
    ----------
    sqlstate
        SQLSTATE or the driver's error class, for the log and for tests.
    """

    code = "engine"

    def __init__(self, message: str, *, sqlstate: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.sqlstate = sqlstate


class EvaluationError(EngineError):
    """The query asks for a value that does not exist: a division by zero, a number out of range, a text as a number."""

    code = "evaluation"
    status = 400


class QueryMemoryError(EngineError):
    """The query needs more memory than queries may use, even with what does not fit put on disk."""

    code = "memory"
    status = 413


class UnavailableError(EngineError):
    """The database cannot answer now; the same query may work later."""

    code = "unavailable"
    status = 503
    transient = True


class ReplacedError(UnavailableError):
    """A release was dropped after the query was compiled and before it could read it."""

    code = "replaced"


class CatalogueError(VoError):
    """The catalogue of published tables is missing, damaged or of another version."""

    code = "catalogue"


class CatalogueUnavailableError(CatalogueError):
    """The catalogue cannot be read or written now; the same request may be answered later."""

    code = "catalogue-unavailable"
    status = 503
    transient = True


class ConfigurationError(VoError):
    """The installation or the settings do not allow what was asked for."""

    code = "configuration"


class SchemaFileError(UsageError):
    """A Felis description that does not hold together.

    Parameters
    ----------
    file
        The YAML file.
    where
        The object inside, e.g. ``table main, column ra``.
    """

    code = "schema-file"

    def __init__(self, message: str, *, file: str, where: str | None = None, hint: str | None = None) -> None:
        place = file if where is None else f"{file}: {where}"
        super().__init__(f"{place}: {message}", hint=hint)
        self.file = file
        self.where = where


class IngestError(UsageError):
    """A file that cannot be loaded as it is.

    Parameters
    ----------
    file
        The file as the user named it.
    row
        Row in the file, from 1, counting data rows only; None when the whole file is meant.
    column
        Column name; None when no single column is to blame.
    """

    code = "ingest"

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        hint: str | None = None,
    ) -> None:
        place = [file] if file is not None else []
        if row is not None:
            place.append(f"row {row}")
        if column is not None:
            place.append(f"column {column}")
        super().__init__(": ".join([", ".join(place), message]) if place else message, hint=hint)
        self.file = file
        self.row = row
        self.column = column


def _shorten(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
