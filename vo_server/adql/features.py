"""What the service may declare of the language on each engine: only what really works there (TAPRegExt)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vo_server.adql.functions import FUNCTIONS, Family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.adql.functions import Function

__all__ = ["FeatureGroup", "declared_features"]

_SYNTAX: Final = {
    Family.STRING: (("ILIKE", None),),
    "features-adql-common-table": (("WITH", None),),
    "features-adql-sets": (("UNION", None), ("EXCEPT", None), ("INTERSECT", None)),
    "features-adql-type": (("CAST", None),),
    "features-adql-offset": (("OFFSET", None),),
}
"""Features that are forms of the grammar and not rows of the function table."""

_OPTIONAL: Final = (Family.GEOMETRY, Family.UDF, Family.STRING, Family.CONDITIONAL, Family.UNIT)


@dataclass(frozen=True)
class FeatureGroup:
    """Features of one type."""

    fragment: str
    """End of the type's URI, e.g. ``features-adqlgeo``."""
    features: tuple[tuple[str, str | None], ...]
    """Pairs of form and description."""


def declared_features(engine: str) -> tuple[FeatureGroup, ...]:
    """Return what an engine can do beyond the mandatory core.

    Parameters
    ----------
    engine
        Key of the SQL templates: ``duckdb`` or ``postgres``.
    """
    groups: dict[str, dict[str, str | None]] = {str(family): {} for family in _OPTIONAL}
    for fragment, forms in _SYNTAX.items():
        groups.setdefault(str(fragment), {}).update(forms)
    for function in _working(engine):
        # A user-defined function is declared by its signature, each overload for itself; others by their names.
        is_udf = function.family is Family.UDF
        form = function.signature if is_udf else function.name
        groups[str(function.family)].setdefault(form, function.description if is_udf else None)
    return tuple(
        FeatureGroup(fragment, tuple(sorted(features.items(), key=lambda feature: feature[0])))
        for fragment, features in groups.items()
        if features
    )


def _working(engine: str) -> Iterator[Function]:
    """Yield the optional functions that an engine can lower."""
    for function in FUNCTIONS:
        if function.family in _OPTIONAL and (function.is_special or engine in function.sql or "*" in function.sql):
            yield function
