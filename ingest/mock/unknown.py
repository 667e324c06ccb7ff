"""Columns of the mock tables whose real columns are not known: as few as a source of that kind needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UNKNOWN_COLUMNS"]

_MADE_UP: Final = "; made up: the columns of the real table are not known"


def _column(name: str, primitive: Primitive, what: str, *, ucd: str, unit: str | None = None) -> Column:
    arraysize = "*" if primitive is Primitive.CHAR else None
    datatype = DataType(primitive, arraysize) if arraysize else DataType(primitive)
    return Column(name, datatype, unit=unit, ucd=ucd, description=what + _MADE_UP, is_principal=True)


_PLACE: Final = (
    _column("designation", Primitive.CHAR, "Name of the source", ucd="meta.id;meta.main"),
    _column("glon", Primitive.DOUBLE, "Galactic longitude", ucd="pos.galactic.lon", unit="deg"),
    _column("glat", Primitive.DOUBLE, "Galactic latitude", ucd="pos.galactic.lat", unit="deg"),
)
_FLUX: Final = (
    _column("flux", Primitive.FLOAT, "Flux", ucd="phot.flux.density", unit="Jy"),
    _column("err_flux", Primitive.FLOAT, "Error of the flux", ucd="stat.error;phot.flux.density", unit="Jy"),
)

UNKNOWN_COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {
    "compactsources.mipsgaldao2": _PLACE + _FLUX,
    "compactsources.wise22": _PLACE + _FLUX,
    "compactsources.msx21": _PLACE + _FLUX,
    "compactsources.instances": (
        _PLACE[0],
        _column("numidtree", Primitive.INT, "Identifier of the association tree", ucd="meta.id"),
        _column("n_bands", Primitive.INT, "Bands of Hi-GAL that the source is seen in", ucd="meta.number"),
    ),
    "bubbles.bubbles": (*_PLACE, _column("radius", Primitive.FLOAT, "Radius", ucd="phys.angSize", unit="arcsec")),
}
"""By the name of the table."""
