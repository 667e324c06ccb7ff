"""Make one description of the columns of several files that become one table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vo_server.errors import IngestError
from vo_server.model.datatype import DataType, Primitive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.formats.read.base import TableFacts, TableReader
    from vo_server.model.table import Column

__all__ = ["unite"]


def unite(readers: Sequence[TableReader]) -> TableFacts:
    """Return what the files say together.

    All must have the same column names, in any order. Types are widened to hold the values of all files; what one
    file does not say (units, descriptions) is taken from the first that says it.

    Raises
    ------
    IngestError
        If the columns differ, or their types are of different kinds.
    """
    first, *others = readers
    for other in others:
        _check_names(first, other)
    columns = tuple(_united(column.name, readers) for column in first.facts.columns)
    counts = [reader.facts.n_rows for reader in readers]
    many = len(readers) > 1
    return replace(
        first.facts,
        columns=columns,
        n_rows=None if None in counts else sum(count or 0 for count in counts),
        warnings=tuple(
            f"{reader.file}: {warning}" if many else warning for reader in readers for warning in reader.facts.warnings
        ),
        valueless=frozenset.intersection(*(reader.facts.valueless for reader in readers)),
        nearly_numbers=_nearly_numbers(readers),
    )


def _nearly_numbers(readers: Sequence[TableReader]) -> dict[str, str]:
    """Return what is said of columns of numbers with a few other values; in all files they are nearly numbers."""
    said: dict[str, str] = {}
    texts: set[str] = set()
    for reader in readers:
        nearly = reader.facts.nearly_numbers
        for name, words in nearly.items():
            said.setdefault(name, f"{reader.file}: {words}" if len(readers) > 1 else words)
        known = (column for column in reader.facts.columns if column.name not in (*nearly, *reader.facts.valueless))
        texts.update(column.name for column in known if not column.datatype.is_numeric)
    return {name: words for name, words in said.items() if name not in texts}


def _check_names(first: TableReader, other: TableReader) -> None:
    here = [column.name for column in first.facts.columns]
    there = [column.name for column in other.facts.columns]
    if sorted(here) == sorted(there):
        return
    missing = [name for name in here if name not in there]
    extra = [name for name in there if name not in here]
    told = []
    if missing:
        told.append(f"it has no {', '.join(missing)}")
    if extra:
        told.append(f"it has {', '.join(extra)} in addition")
    raise IngestError(
        f"its columns differ from those of {first.file}: {'; '.join(told) or 'names repeat'}",
        file=other.file,
        hint="load files with different columns as different tables",
    )


def _united(name: str, readers: Sequence[TableReader]) -> Column:
    found = [(reader, next(column for column in reader.facts.columns if column.name == name)) for reader in readers]
    known = [(reader, column) for reader, column in found if name not in reader.facts.valueless] or found[:1]
    datatype = known[0][1].datatype
    for reader, column in known[1:]:
        datatype = _wider(name, datatype, column.datatype, known[0][0], reader)
    columns = [column for _, column in found]
    return replace(
        known[0][1],
        datatype=datatype,
        unit=next((column.unit for column in columns if column.unit), None),
        ucd=next((column.ucd for column in columns if column.ucd), None),
        description=next((column.description for column in columns if column.description), None),
    )


def _wider(name: str, one: DataType, other: DataType, first: TableReader, second: TableReader) -> DataType:
    if one == other:
        return one
    if one.is_numeric and other.is_numeric:
        return DataType.widest(one, other)
    if one.is_string and other.is_string:
        primitives = {one.primitive, other.primitive}
        primitive = Primitive.UNICODE_CHAR if Primitive.UNICODE_CHAR in primitives else Primitive.CHAR
        return DataType(primitive, "*", one.xtype if one.xtype == other.xtype else None)
    if one.is_array and other.is_array and one.primitive is other.primitive:
        return replace(one, arraysize="*", xtype=one.xtype if one.xtype == other.xtype else None)
    if first.null_texts and second.null_texts:
        # Both are text, so that text is what holds the values of both without loss.
        return DataType(Primitive.CHAR, "*")
    raise IngestError(
        f"it is {_words(other)} here and {_words(one)} in {first.file}",
        file=second.file,
        column=name,
        hint="convert one of the files, or describe the column in a schema file",
    )


def _words(datatype: DataType) -> str:
    size = f"[{datatype.arraysize}]" if datatype.arraysize else ""
    return f"{datatype.primitive}{size}"
