"""Make a description out of what the files say, and infer only where that is safe.

Whatever cannot be taken over or inferred stays empty, with a warning.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vo_server.load.description import (
    COMPUTED_DEC,
    COMPUTED_RA,
    Derivation,
    DerivationKind,
    Description,
    computed_columns,
    healpix_column,
)
from vo_server.load.gaps import NO_POSITIONS, gaps, listed
from vo_server.load.positions import PositionJudge, marked_pair, marked_point, without_main
from vo_server.load.shapes import is_outline, main_shape, shape_type
from vo_server.load.units import known_ucd, vounit
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, Column, Position, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.formats.read.base import TableFacts

__all__ = ["DRAFT_ADVICE", "infer"]

_SEXAGESIMAL_UNITS: Final = ("h:m:s", "d:m:s")
DRAFT_ADVICE: Final = "`vo-server ingest describe` writes a draft to fill in, `--schema-file` takes it"
_UNIT_IN_NAME: Final = re.compile(r".*\[(.+)\]")
_FLOATS: Final = frozenset({Primitive.FLOAT, Primitive.DOUBLE})


def infer(
    facts: TableFacts, *, schema: str, table: str, description: str | None = None, in_place: str | None = None
) -> Description:
    """Make the description of a table.

    Parameters
    ----------
    facts
        What the files say.
    schema, table
        What the table will be called.
    description
        What the publisher says of the table; wins over the files.
    in_place
        For a table that is published where it is, so that nothing can be computed or added: how to fill gaps.
    """
    return _Inference(facts, schema, table, description, in_place).description()


class _Inference:
    """One pass of judging over the columns of a file."""

    def __init__(
        self, facts: TableFacts, schema: str, table: str, description: str | None, in_place: str | None
    ) -> None:
        self.facts = facts
        self.schema = schema
        self.name = table
        self.text = description or facts.description
        self.in_place = in_place
        self.warnings: list[str] = list(facts.warnings)
        if facts.valueless:
            names = listed([column.name for column in facts.columns if column.name in facts.valueless])
            self.warnings.append(f"columns without any value are published as text: {names}")
        self.frames = {name.lower(): frame for name, frame in facts.frames.items()}
        self.sexagesimal: dict[str, str] = {}
        self.nearly_numbers: dict[str, str] = {}
        self.dimensionless: set[str] = set()
        self.not_equatorial: set[str] = set()
        """Columns of points that are said to be something else than ICRS positions."""
        self.position_origin = "names"

    def description(self) -> Description:
        names = self._unique_names()
        sources = dict(zip(names, (column.name for column in self.facts.columns), strict=True))
        columns = [
            self._column(name, column)
            for name, column in zip(names, self.facts.columns, strict=True)
            if not self._is_cell(name)
        ]
        sources = {column.name: sources[column.name] for column in columns}
        said = self.facts.nearly_numbers
        self.nearly_numbers = {name: said[source] for name, source in sources.items() if source in said}
        columns, position, derivation = self._with_position(columns)
        taken = () if position is None else position.columns
        self.warnings.extend(
            f"column {name}: {words}; published as text"
            for name, words in self.nearly_numbers.items()
            if name not in taken
        )
        if self.in_place is None and (position is not None or main_shape(columns) is not None):
            columns.append(healpix_column(has_position=position is not None))
        table = Table(self.schema, self.name, tuple(columns), description=self.text, position=position)
        self.warnings.extend(gaps(table, advice=self.in_place or DRAFT_ADVICE, dimensionless=self.dimensionless))
        return Description(
            Schema(self.schema),
            table,
            sources,
            derivation,
            is_inferred=True,
            position_origin=f"inferred from the {self.position_origin}",
            warnings=tuple(self.warnings),
        )

    def _unique_names(self) -> list[str]:
        """Return names that differ in more than case."""
        taken: Counter[str] = Counter()
        names, renamed = [], []
        every = {column.name.strip().lower() for column in self.facts.columns}
        for column in self.facts.columns:
            name = column.name.strip()
            folded = name.lower()
            taken[folded] += 1
            if taken[folded] > 1:
                number = taken[folded]
                while f"{folded}_{number}" in every:
                    number += 1
                renamed.append(f"{name} (now {name}_{number})")
                name = f"{name}_{number}"
                every.add(name.lower())
            names.append(name)
        if renamed:
            self.warnings.append(f"names that differ at most in case were made different: {listed(renamed)}")
        return names

    def _is_cell(self, name: str) -> bool:
        if name.lower() != HEALPIX_COLUMN or self.in_place is not None:
            return False
        self.warnings.append(f"column {name} is computed anew from the positions; the file's own is not taken over")
        return True

    def _column(self, name: str, column: Column) -> Column:
        datatype = column.datatype
        if datatype.xtype in ("hms", "dms"):
            self.sexagesimal[name] = datatype.xtype
            datatype = replace(datatype, xtype=None)
        unit = self._unit(name, column.unit)
        datatype = self._shape(name, datatype, unit)
        if datatype.is_geometry:
            unit = "deg"
            # What the file says, and not only what is a UCD: pos.galactic alone is none.
            if column.ucd is not None and column.ucd.lower().partition(";")[0] != "pos.eq":
                self.not_equatorial.add(name)
        null_values = column.null_values
        if datatype.primitive in _FLOATS and not datatype.is_array:
            null_values = (*null_values, "NaN")
        made = replace(
            column,
            name=name,
            datatype=datatype,
            unit=unit,
            ucd=self._ucd(name, column.ucd),
            description=" ".join(column.description.split()) if column.description else None,
            null_values=null_values,
        )
        return replace(made, is_indexed=self.in_place is None) if is_outline(made) else made

    def _shape(self, name: str, datatype: DataType, unit: str | None) -> DataType:
        """Return the type of a column as the shapes that its xtype says, where its values can be such."""
        found = shape_type(datatype)
        is_given = (datatype.xtype or "").lower().removeprefix("adql:") in {"point", "circle", "polygon"}
        if not is_given or (self.in_place is not None and datatype.is_string):
            return datatype
        why = f"it is in {unit}" if unit not in (None, "deg") else "a cell has another count of numbers"
        if found is None or unit not in (None, "deg"):
            self.warnings.append(f"column {name}: the xtype {datatype.xtype!r} was left out: {why}")
            return replace(datatype, xtype=None)
        return found

    def _unit(self, name: str, unit: str | None) -> str | None:
        if unit is None:
            inside = _UNIT_IN_NAME.fullmatch(name)
            return (vounit(inside[1]) or None) if inside is not None else None
        bare = unit.strip("\"' ")
        if bare in _SEXAGESIMAL_UNITS:
            self.sexagesimal[name] = "hms" if bare.startswith("h") else "dms"
            return None
        known = vounit(unit)
        if known is None:
            self.warnings.append(f"column {name}: the unit {unit!r} is not a VOUnit and was left out")
        if known == "":
            self.dimensionless.add(name)
        return known or None

    def _ucd(self, name: str, ucd: str | None) -> str | None:
        if ucd is None:
            return None
        known = known_ucd(ucd)
        if known is None:
            self.warnings.append(f"column {name}: the UCD {ucd!r} is not in the controlled vocabulary and was left out")
        return known

    def _with_position(self, columns: list[Column]) -> tuple[list[Column], Position | None, Derivation | None]:
        """Find the main position, or what it can be computed from."""
        judge = PositionJudge(self.frames, self.sexagesimal, self.nearly_numbers, self.not_equatorial)
        pair = judge.equatorial_pair(columns)
        if pair is not None:
            self.position_origin = judge.origin_of_pair(columns, *pair)
            return marked_pair(columns, *pair), Position(*pair), None
        points, origin = judge.points(columns)
        if len(points) == 1:
            self.position_origin = origin
            return marked_point(columns, points[0]), Position(point=points[0]), None
        derivation = self._derivation(judge, columns)
        if derivation is None:
            why = judge.why_not(columns)
            self.warnings.append(f"no positions were found{why}: {NO_POSITIONS}; name the columns in a schema file")
            return columns, None, None
        taken = {column.name.lower() for column in columns}
        if taken & {COMPUTED_RA, COMPUTED_DEC}:
            self.warnings.append(f"positions were not computed: the file has a column {COMPUTED_RA} or {COMPUTED_DEC}")
            return columns, None, None
        columns = [without_main(column, "pos.eq") for column in columns]
        return [*columns, *computed_columns(derivation)], Position(COMPUTED_RA, COMPUTED_DEC), derivation

    def _derivation(self, judge: PositionJudge, columns: Sequence[Column]) -> Derivation | None:
        if self.in_place is not None:
            return None
        pair = judge.sexagesimal_pair(columns)
        if pair is not None:
            return Derivation(DerivationKind.SEXAGESIMAL, *pair)
        pair = judge.galactic_pair(columns)
        return None if pair is None else Derivation(DerivationKind.GALACTIC, *pair)
