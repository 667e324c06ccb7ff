"""Write a description as Felis YAML: a draft for the publisher to fill in."""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import yaml

from ingest.origin import TEMPLATE
from ingest.spec import parse_schema
from vo_server.load.description import COMPUTED_DEC, COMPUTED_RA, Derivation, Description
from vo_server.load.infer import DRAFT_ADVICE
from vo_server.load.publish import is_candidate
from vo_server.load.units import is_plain_unit
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN

if TYPE_CHECKING:
    from vo_server.model.provenance import Provenance
    from vo_server.model.table import Column, Table

__all__ = ["to_felis", "to_yaml"]

_FELIS_TYPES: Final = {
    Primitive.BOOLEAN: "boolean",
    Primitive.UNSIGNED_BYTE: "byte",
    Primitive.SHORT: "short",
    Primitive.INT: "int",
    Primitive.LONG: "long",
    Primitive.FLOAT: "float",
    Primitive.DOUBLE: "double",
}
_UNICODE_LENGTH: Final = 255
"""Length that Felis demands of a Unicode column; ``votable:arraysize`` says that there is no limit."""


def to_yaml(description: Description) -> str:
    """Return a description as YAML, its warnings as comments on top."""
    told = [one.removesuffix(f"; {DRAFT_ADVICE}") for one in description.warnings]
    warnings = "".join(f"# {words}\n" for words in (*told, *_identifier_words(description.table)))
    head = f"# Draft: fill in what is missing, then load with --schema-file.\n{warnings}"
    body = yaml.safe_dump(to_felis(description), sort_keys=False, allow_unicode=True, width=120)
    template = TEMPLATE if description.table.provenance is None else ""
    return f"{head}{template}---\n{body}"


def _identifier_words(table: Table) -> list[str]:
    """Return what a load without a description would find out by itself, and one with it must be told."""
    if table.primary_key or any((one.ucd or "").startswith("meta.id") for one in table.columns):
        return []
    names = [one.name for one in table.visible_columns if is_candidate(one)]
    return [
        f"no identifier is described: if {name} differs in every row, write `ivoa:ucd: meta.id;meta.main` at the "
        f"column, or `primaryKey: '#{table.name}.{name}'` at the table"
        for name in names[:1]
    ]


def to_felis(description: Description) -> dict[str, Any]:
    """Return a description as a Felis mapping; it is valid Felis when its ``vo:`` mappings are taken away."""
    table = description.table
    shown = [one for one in table.columns if one.name in description.sources]
    raw: dict[str, Any] = {
        "name": table.schema,
        "@id": f"#{table.schema}",
        **_given(description=description.schema.description),
        **_notes(title=description.schema.title),
        "tables": [
            {
                "name": table.name,
                "@id": f"#{table.name}",
                **_given(description=table.description),
                **_primary_key(table),
                **_given(**{"tap:table_index": table.index, "votable:utype": table.utype}),
                **_notes(
                    title=table.title,
                    **_position_notes(table, description.derivation),
                    provenance=_provenance_notes(table.provenance),
                    row_links=[
                        _given(
                            template=one.template,
                            semantics=one.semantics,
                            description=one.description,
                            type=one.content_type,
                        )
                        for one in table.row_links
                    ],
                ),
                "columns": [
                    _column(one, table.name, index, description.sources[one.name])
                    for index, one in enumerate(shown, start=1)
                ],
            }
        ],
    }
    # Felis writes its defaults into what it checks.
    parse_schema(copy.deepcopy(raw), file="draft")
    return raw


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _notes(**values: Any) -> dict[str, Any]:
    kept = {key: value for key, value in values.items() if value not in (None, [], {}, False)}
    return {"vo": kept} if kept else {}


def _primary_key(table: Table) -> dict[str, Any]:
    ids = [f"#{table.name}.{name}" for name in table.primary_key]
    return {} if not ids else {"primaryKey": ids[0] if len(ids) == 1 else ids}


def _position_notes(table: Table, derivation: Derivation | None) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    if derivation is not None:
        notes[derivation.kind.value] = {"lon": derivation.lon, "lat": derivation.lat}
    position = table.position
    if position is not None and (position.ra, position.dec) != (COMPUTED_RA, COMPUTED_DEC):
        place = {"point": position.point} if position.point else {"ra": position.ra, "dec": position.dec}
        notes["position"] = _given(**place, epoch=position.epoch_jyear)
    return notes


def _provenance_notes(provenance: Provenance | None) -> dict[str, Any] | None:
    if provenance is None:
        return None
    said = {key: value for key, value in asdict(provenance).items() if value not in (None, ())}
    if provenance.creator:
        said["creator"] = list(provenance.creator)
    if provenance.links:
        said["links"] = [
            _given(href=one.href, title=one.title, role=one.content_role, type=one.content_type)
            for one in provenance.links
        ]
    return said


def _column(one: Column, table: str, index: int, source: str) -> dict[str, Any]:
    assert one.name != HEALPIX_COLUMN, "the cell column is never described"
    null_values: Any = list(one.null_values)
    if not null_values:
        # An empty list says that NaN stays NaN; Felis files without the note mean the opposite.
        is_float = one.datatype.primitive in (Primitive.FLOAT, Primitive.DOUBLE) and not one.datatype.is_array
        null_values = () if is_float else None
    is_felis_unit = one.unit is None or is_plain_unit(one.unit)
    notes = {
        "null_values": list(null_values) if null_values is not None else None,
        "hidden": one.is_hidden or None,
        "element_names": list(one.element_names) or None,
        "flag_meanings": dict(one.flag_meanings) or None,
        "flag_bits": dict(one.flag_bits) or None,
        "aliases": list(one.aliases) or None,
        "source": source if source != one.name else None,
        "unit": one.unit if not is_felis_unit else None,
    }
    notes = {key: value for key, value in notes.items() if value is not None}
    return {
        "name": one.name,
        "@id": f"#{table}.{one.name}",
        **_type(one.datatype),
        **_given(description=one.description),
        **({} if one.is_nullable else {"nullable": False}),
        **_given(
            **{
                "ivoa:unit": one.unit if is_felis_unit else None,
                "ivoa:ucd": one.ucd,
                "votable:utype": one.utype,
                "tap:principal": 1 if one.is_principal else None,
                "tap:std": 1 if one.is_std else None,
                "tap:column_index": index,
            }
        ),
        **({"vo": notes} if notes else {}),
    }


def _type(datatype: DataType) -> dict[str, Any]:
    """Return the Felis keys of a type."""
    if datatype.is_timestamp:
        return {"datatype": "timestamp"}
    said: dict[str, Any] = _given(**{"votable:xtype": datatype.xtype})
    if datatype.primitive in _FELIS_TYPES:
        return {
            "datatype": _FELIS_TYPES[datatype.primitive],
            **_given(**{"votable:arraysize": datatype.arraysize}),
            **said,
        }
    return {**_text_type(datatype), **said}


def _text_type(datatype: DataType) -> dict[str, Any]:
    arraysize = datatype.arraysize
    is_unicode = datatype.primitive is Primitive.UNICODE_CHAR
    if arraysize is None:
        return {"datatype": "unicode" if is_unicode else "char", "length": 1}
    if arraysize == "*" and not is_unicode:
        return {"datatype": "text"}
    digits = arraysize.removesuffix("*")
    length = int(digits) if digits.isdigit() else _UNICODE_LENGTH
    kind = "unicode" if is_unicode else "string"
    return {"datatype": kind, "length": length, "votable:arraysize": arraysize}
