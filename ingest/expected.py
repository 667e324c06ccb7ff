"""Numbers that the documents of a catalogue print, and how the whole catalogue answers them: ``sql/expected``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vo_server.errors import SchemaFileError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Expected", "ExpectedNumbers", "read_expected"]


class Expected(BaseModel):
    """One number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern="^[a-z0-9_]+$")
    what: str
    """What is counted, in words."""
    tables: tuple[str, ...] = ()
    """The tables that the query reads."""
    adql: str | None = None
    """A query of one row whose only value is the number."""
    columns_of: str | None = None
    """A table whose columns are counted, in place of a query."""
    value: float
    tolerance: float = Field(default=0.0, ge=0.0)
    """By how much the number may be off."""
    tolerated_fraction: float = Field(default=0.0, ge=0.0, le=1.0)
    """By which share of the value it may be off; the larger of both tolerances counts."""

    @model_validator(mode="after")
    def says_one_thing(self) -> Self:
        """Demand a query with its tables, or a table."""
        if (self.adql is None) == (self.columns_of is None) or (self.adql is None) == bool(self.tables):
            raise ValueError("a number has adql and tables, or columns_of")
        return self

    @property
    def needs(self) -> tuple[str, ...]:
        """Full names of the tables that must be published."""
        return self.tables if self.columns_of is None else (self.columns_of,)

    def is_met_by(self, found: float | None) -> bool:
        """Tell whether what was found is the number, within the tolerance."""
        allowed = max(self.tolerance, self.tolerated_fraction * abs(self.value))
        return found is not None and math.isfinite(found) and abs(found - self.value) <= allowed


class ExpectedNumbers(BaseModel):
    """The numbers of one catalogue."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    """Where they are printed."""
    expected: tuple[Expected, ...]

    @model_validator(mode="after")
    def names_differ(self) -> Self:
        """Refuse two numbers of one name."""
        names = [one.name for one in self.expected]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"there are two numbers {', '.join(twice)}")
        return self


def read_expected(path: Path) -> ExpectedNumbers:
    """Read the numbers of one catalogue.

    Raises
    ------
    SchemaFileError
        If the file is not YAML, or breaks the rules.
    """
    try:
        return ExpectedNumbers.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SchemaFileError(f"cannot be read: {error.strerror}", file=str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SchemaFileError(f"is not YAML: {' '.join(str(error).split())}", file=str(path)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ", ".join(str(step) for step in first["loc"]) or None
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise SchemaFileError(reason, file=str(path), where=where) from error
