"""Reading a catalogue's YAML: Felis with the ``vo:`` mappings of :mod:`ingest.notes`.

Without its ``vo:`` mappings a file is plain Felis. Compiling turns a checked file into the values that the house uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from felis import datamodel as felis
from pydantic import ValidationError

from ingest.compile import compile_table
from ingest.notes import VoSchema, VoTable
from vo_server.errors import SchemaFileError

if TYPE_CHECKING:
    from vo_server.load.description import Description

__all__ = ["SchemaFile", "parse_schema", "read_schema_file", "without_notes"]

_TYPES: Final = frozenset(kind.value for kind in felis.DataType)


class SchemaFile:
    """A checked Felis file.

    Parameters
    ----------
    schema
        What is in it.
    file
        Its name, for messages.
    """

    def __init__(self, schema: VoSchema, file: str) -> None:
        self.schema = schema
        self.file = file

    def describe(self, table_name: str) -> Description:
        """Compile the description of a table.

        Parameters
        ----------
        table_name
            Name in the file; in a file of one table any name will do, and the table takes it.

        Raises
        ------
        SchemaFileError
            If there is no such table, or its notes name columns that it does not have.
        """
        chosen = self._chosen(table_name)
        described = compile_table(self.schema, chosen, file=self.file)
        return described.named(str(self.schema.name), table_name)

    def takes_extra(self, table_name: str) -> bool:
        """Tell whether columns that are not described are taken as the files describe them.

        Raises
        ------
        SchemaFileError
            If there is no such table.
        """
        notes = self._chosen(table_name).vo
        return notes is not None and notes.take_extra

    def _chosen(self, table_name: str) -> VoTable:
        tables = {table.name: table for table in self.schema.tables}
        chosen = tables.get(table_name) or (next(iter(tables.values())) if len(tables) == 1 else None)
        if chosen is None:
            raise SchemaFileError(
                f"no table {table_name!r} is described; the tables are {', '.join(tables)}", file=self.file
            )
        return chosen


def read_schema_file(path: str | Path) -> SchemaFile:
    """Read and check a Felis file.

    Raises
    ------
    SchemaFileError
        If it cannot be read, is not YAML, or breaks the rules of Felis or of our notes.
    """
    name = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
        raw = yaml.safe_load(text)
    except OSError as error:
        raise SchemaFileError(f"cannot be read: {error.strerror}", file=name) from error
    except UnicodeDecodeError as error:
        raise SchemaFileError("is not YAML: its text is not UTF-8", file=name) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = None if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"
        raise SchemaFileError(f"is not YAML: {error.problem or error.context}", file=name, where=where) from error
    except yaml.YAMLError as error:
        raise SchemaFileError(f"is not YAML: {' '.join(str(error).split())}", file=name) from error
    return parse_schema(raw, file=name)


def parse_schema(raw: object, *, file: str) -> SchemaFile:
    """Check what was read from a Felis file.

    Raises
    ------
    SchemaFileError
        If it breaks the rules of Felis or of our notes.
    """
    if not isinstance(raw, dict):
        raise SchemaFileError("is not a Felis schema: it must be a mapping with name and tables", file=file)
    try:
        schema = VoSchema.model_validate(raw, context={"id_generation": True})
    except ValidationError as error:
        first = error.errors()[0]
        more = "" if error.error_count() == 1 else f" (and {error.error_count() - 1} more)"
        reason = str(first["msg"]).removeprefix("Value error, ")
        # Behind the first sentences, astropy tells programmers how to define units.
        reason = re.split(r"\s*(?:If this is meant to be|For details, see)", reason)[0]
        if first["type"] == "extra_forbidden":
            reason = f"the key {first['loc'][-1]!r} is not known here"
        raise SchemaFileError(reason + more, file=file, where=_place(first["loc"], raw)) from error
    except (TypeError, KeyError) as error:
        # Felis looks at raw values before it has checked that they are there.
        reason, where = _raw_fault(raw) or (f"is not valid Felis: {error}", None)
        raise SchemaFileError(reason, file=file, where=where) from error
    return SchemaFile(schema, file)


def _raw_fault(raw: Mapping[str, Any]) -> tuple[str, str] | None:
    """Find what Felis stumbles over without saying where: objects without a name, and unknown types."""
    tables = raw.get("tables")
    for number, table in enumerate(tables if isinstance(tables, list) else (), start=1):
        if not isinstance(table, dict) or "name" not in table:
            return "it must be a mapping with a name", f"table {number}"
        columns = table.get("columns")
        for place, column in enumerate(columns if isinstance(columns, list) else (), start=1):
            where = f"table {table['name']}, column"
            if not isinstance(column, dict) or "name" not in column:
                return "it must be a mapping with a name", f"{where} {place}"
            kind = column.get("datatype")
            if kind is not None and kind not in _TYPES:
                known = ", ".join(sorted(_TYPES))
                return f"unknown type {kind!r}; the types are {known}", f"{where} {column['name']}"
    return None


def _place(location: Sequence[int | str], raw: object) -> str | None:
    """Write the place of an error with the names of the objects: ``table main, column ra``."""
    words: list[str] = []
    kind, here = "", raw
    for step in location:
        if isinstance(here, dict):
            here = here.get(step)
            kind = str(step)
            if not isinstance(here, (list, dict)):
                words.append(kind)
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
            name = here.get("name") if isinstance(here, dict) else None
            words.append(f"{kind.removesuffix('s')} {name or step + 1}")
    return ", ".join(words) or None


def without_notes(raw: Any) -> Any:
    """Return what was read from a file without its ``vo:`` mappings: plain Felis."""
    if isinstance(raw, dict):
        return {key: without_notes(value) for key, value in raw.items() if key != "vo"}
    return [without_notes(value) for value in raw] if isinstance(raw, list) else raw
