"""How the cells of each column are written, chosen from what was seen of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vo_server.formats.fits.survey import CANDIDATES
from vo_server.model.datatype import Primitive
from vo_server.vo.votable import NULL_ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.formats.fits.survey import ColumnFacts, Survey
    from vo_server.model.table import Column

__all__ = ["Form", "forms_of", "heap_bytes"]

_CODES: Final = {
    Primitive.BOOLEAN: "L",
    Primitive.UNSIGNED_BYTE: "B",
    Primitive.SHORT: "I",
    Primitive.INT: "J",
    Primitive.LONG: "K",
    Primitive.FLOAT: "E",
    Primitive.DOUBLE: "D",
    Primitive.CHAR: "A",
    Primitive.UNICODE_CHAR: "A",
}
_WIDER: Final = {
    Primitive.UNSIGNED_BYTE: Primitive.SHORT,
    Primitive.SHORT: Primitive.INT,
    Primitive.INT: Primitive.LONG,
}
_MOST_PADDING_BYTES: Final = 64 * 1024 * 1024
_MOST_PADDING: Final = 4
"""Texts go into the heap where padding would make more bytes than these, and this many times as many as there are."""

_LARGEST_32_BIT: Final = 2**31 - 1


@dataclass(frozen=True)
class Form:
    """The form of one column."""

    code: str
    """Letter of TFORM."""
    wire: str
    """numpy type of one element."""
    repeat: int
    """Elements of a cell; of the longest one in the heap."""
    descriptor: str | None = None
    """``P`` or ``Q`` where the cells are in the heap (32 or 64 bits), else None."""
    null: int | None = None
    """TNULL."""
    shape: tuple[int, ...] = ()
    """TDIM, first axis fastest."""
    losses: tuple[str, ...] = ()
    """What the column has that FITS, or this form, cannot tell."""

    @property
    def tform(self) -> str:
        """Value of TFORM."""
        if self.descriptor is not None:
            return f"1{self.descriptor}{self.code}({self.repeat})"
        return f"{self.repeat}{self.code}"

    @property
    def field(self) -> tuple[str, tuple[int, ...]]:
        """Type and shape of the cell in a row, as numpy has it."""
        if self.descriptor is not None:
            return (">i4" if self.descriptor == "P" else ">i8"), (2,)
        if self.code == "A":
            return f"V{self.repeat}", ()  # In one piece it is copied five times as quickly as byte by byte.
        return self.wire, () if self.repeat == 1 else (self.repeat,)


def forms_of(columns: Sequence[Column], survey: Survey) -> list[Form]:
    """Return the form of each column."""
    pairs = list(zip(columns, survey.facts, strict=True))
    in_heap = [_is_in_heap(column, facts, survey.n_rows) for column, facts in pairs]
    needed = (column.datatype.facts.size_bytes * facts.total for column, facts in pairs)
    n_bytes = sum(size for size, is_heap in zip(needed, in_heap, strict=True) if is_heap)
    descriptor = "P" if n_bytes <= _LARGEST_32_BIT else "Q"
    return [
        _form(column, facts, descriptor if is_heap else None)
        for (column, facts), is_heap in zip(pairs, in_heap, strict=True)
    ]


def _is_in_heap(column: Column, facts: ColumnFacts, n_rows: int) -> bool:
    datatype = column.datatype
    if datatype.is_array:
        return datatype.n_elements is None
    if not (datatype.is_string or datatype.is_timestamp):
        return False
    padded = facts.longest * n_rows
    return padded > _MOST_PADDING_BYTES and padded > _MOST_PADDING * facts.total


def _form(column: Column, facts: ColumnFacts, descriptor: str | None) -> Form:
    if column.datatype.is_array:
        return _array_form(column, facts, descriptor)
    if column.datatype.is_string or column.datatype.is_timestamp:
        return _text_form(facts, descriptor)
    return _scalar_form(column, facts)


def _scalar_form(column: Column, facts: ColumnFacts) -> Form:
    primitive = column.datatype.primitive
    if primitive in CANDIDATES and facts.has_null:
        return _nullable_form(primitive, facts)
    losses = ("NULL and NaN are both written as NaN",) if facts.has_null and facts.has_nan else ()
    return Form(_CODES[primitive], _wire(column), 1, losses=losses)


def _nullable_form(primitive: Primitive, facts: ColumnFacts) -> Form:
    free = next((value for value in CANDIDATES[primitive] if value not in facts.seen), None)
    if free is None and primitive in _WIDER:
        # All that could mean NULL has been used up: the next type has values that cannot.
        primitive = _WIDER[primitive]
        free = CANDIDATES[primitive][0]
    losses: tuple[str, ...] = ()
    if free is None:
        free = CANDIDATES[primitive][0]
        losses = (f"NULL is written as {free}, which is a value of the column, too",)
    wire = "u1" if primitive is Primitive.UNSIGNED_BYTE else f">i{_SIZES[primitive]}"
    return Form(_CODES[primitive], wire, 1, null=free, losses=losses)


_SIZES: Final = {Primitive.SHORT: 2, Primitive.INT: 4, Primitive.LONG: 8}


def _text_form(facts: ColumnFacts, descriptor: str | None) -> Form:
    losses = []
    if facts.is_beyond_ascii:
        losses.append("characters beyond printable ASCII are written as question marks")
    if facts.has_null and facts.has_empty:
        losses.append(
            "NULL is written as NUL and the empty text as a blank, which most readers take for the same"
            if descriptor is None
            else "NULL and the empty text are both written as no text"
        )
    return Form("A", "u1", max(1, facts.longest), descriptor, losses=tuple(losses))


def _array_form(column: Column, facts: ColumnFacts, descriptor: str | None) -> Form:
    datatype = column.datatype
    null = NULL_ELEMENTS.get(datatype.primitive)
    filler = {Primitive.UNSIGNED_BYTE: "0", Primitive.BOOLEAN: "unknown"}.get(datatype.primitive, null or "NaN")
    losses = []
    if descriptor is not None and facts.has_null and facts.has_empty:
        losses.append("NULL and the empty array are both written as no elements")
    if descriptor is None and facts.has_null:
        losses.append(f"NULL is written as an array whose elements are {filler}")
    if facts.has_null_element and datatype.primitive is not Primitive.BOOLEAN:
        losses.append(f"NULL inside an array is written as {filler}")
    # astropy cannot read a TNULL of a column in the heap.
    needs_null = descriptor is None and (facts.has_null or facts.has_null_element)
    repeat = facts.longest if datatype.n_elements is None else datatype.n_elements
    axes = (datatype.arraysize or "").split("x")
    shape = tuple(int(axis) for axis in axes) if descriptor is None and len(axes) > 1 else ()
    return Form(
        _CODES[datatype.primitive],
        _wire(column),
        repeat,
        descriptor,
        null=null if needs_null else None,
        shape=shape,
        losses=tuple(losses),
    )


def _wire(column: Column) -> str:
    return "u1" if column.datatype.primitive is Primitive.BOOLEAN else column.datatype.facts.numpy


def heap_bytes(columns: Sequence[Column], forms: Sequence[Form], survey: Survey) -> int:
    """Return the size of the heap."""
    sizes = (
        (1 if form.code == "A" else column.datatype.facts.size_bytes) * facts.total
        for column, form, facts in zip(columns, forms, survey.facts, strict=True)
        if form.descriptor is not None
    )
    return sum(sizes)
