"""Read region files of SAOImage DS9 as tables of outlines: one row for each polygon, ellipse or circle on the sky."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from vo_server.errors import IngestError
from vo_server.formats.read.base import BATCH_ROWS, MalformedRows, TableFacts
from vo_server.formats.read.source import open_bytes
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import Column
from vo_server.sky.ellipse import ELLIPSE_CORNERS, ellipse_corners_deg

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.formats.read.source import Source

__all__ = ["Ds9Reader", "is_ds9"]

_HEAD: Final = re.compile(rb"^#\s*Region file format: DS9", re.IGNORECASE)
_FEWEST: Final = 3
_WEST_DEG: Final = 90.0
"""How far north is from west, where angles of DS9 begin."""

_COLUMNS: Final = (
    Column("name", DataType(Primitive.CHAR, "*"), description="Text of the region", ucd="meta.id"),
    Column("shape", DataType(Primitive.CHAR, "*"), description="polygon, ellipse or circle", ucd="meta.code"),
    Column("tags", DataType(Primitive.CHAR, "*"), description="Tags of the region, joined by blanks", ucd="meta.code"),
    Column(
        "outline",
        DataType(Primitive.DOUBLE, "*", "polygon"),
        unit="deg",
        ucd="pos.outline;obs.field",
        description=f"Outline (ICRS); ellipses and circles have {ELLIPSE_CORNERS} corners",
    ),
)


def is_ds9(head: bytes) -> bool:
    """Tell whether a file begins as DS9 and CAESAR write region files."""
    return _HEAD.match(head) is not None


class Ds9Reader:
    """The regions of one file; a :class:`~vo_server.formats.read.base.TableReader`.

    The file is read at once: it describes one map.

    Parameters
    ----------
    source
        The file.

    References
    ----------
    SAOImage DS9 reference manual, *Regions*: radii are half axes, angles go from west through north.
    """

    def __init__(self, source: Source) -> None:
        self.file = source.name
        self.facts = TableFacts(_COLUMNS)
        self.null_texts: frozenset[str] = frozenset()
        self.keeps_empty = False
        self.malformed = MalformedRows()
        self._source = source

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the regions in their order.

        Raises
        ------
        IngestError
            If the file cannot be read, or a region has no outline on the sky.
        """
        rows = [self._row(number, region) for number, region in enumerate(self._regions(), start=1)]
        schema = arrow_schema(_COLUMNS)
        for start in range(0, len(rows), BATCH_ROWS):
            names, shapes, tags, outlines = zip(*rows[start : start + BATCH_ROWS], strict=True)
            values = zip((names, shapes, tags, outlines), schema, strict=True)
            yield pa.record_batch([pa.array(one, field.type) for one, field in values], schema=schema)

    def row_number(self, index: int) -> int:
        """Return the number of a region, from 1."""
        return index + 1

    def fraction(self) -> float | None:
        """Tell nothing: the file is read at once."""
        return None

    def _regions(self) -> Any:
        from regions import Regions  # noqa: PLC0415 - two seconds that only region files cost

        with open_bytes(self._source) as stream:
            data = stream.read()
        try:
            return Regions.parse(data.decode("utf-8"), format="ds9")
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise IngestError(f"the regions cannot be read: {error}", file=self.file) from error

    def _row(self, number: int, region: Any) -> tuple[str | None, str, str | None, list[float]]:
        kind = type(region).__name__
        shape = kind.removesuffix("SkyRegion").lower()
        if kind.endswith("PixelRegion"):
            raise IngestError(
                "the region is in pixels of an image, not on the sky",
                file=self.file,
                row=number,
                hint="save the regions in fk5, icrs or galactic coordinates",
            )
        if shape == "polygon":
            corners = region.vertices
        elif shape == "ellipse":
            corners = _around(region.center, region.width / 2, region.height / 2, region.angle.to_value("deg"))
        elif shape == "circle":
            corners = _around(region.center, region.radius, region.radius, 0.0)
        else:
            raise IngestError(f"a {shape} has no outline", file=self.file, row=number)
        places = corners.icrs
        flat = np.column_stack([places.ra.deg, places.dec.deg]).ravel()
        if not np.isfinite(flat).all():
            given, hint = _size_of(region, shape)
            raise IngestError(f"the {shape}{given} is nowhere on the sky", file=self.file, row=number, hint=hint)
        if len(flat) < 2 * _FEWEST:
            raise IngestError(f"a polygon with {len(flat) // 2} corners has no outline", file=self.file, row=number)
        return region.meta.get("text"), shape, " ".join(region.meta.get("tag", ())) or None, flat.tolist()


def _size_of(region: Any, shape: str) -> tuple[str, str]:
    """Return what a region says of its size, in words, and what it may say."""
    if shape == "polygon":
        return "", "each corner has a longitude and a latitude"
    bounds = "above 0 and below 90 degrees, and the centre has a longitude and a latitude"
    if shape == "circle":
        return f" of {region.radius.to_value('deg'):g} deg", f"a radius is {bounds}"
    axes = " and ".join(f"{axis.to_value('deg') / 2:g}" for axis in (region.width, region.height))
    return f" with half axes of {axes} deg", f"half axes are {bounds}"


def _around(centre: Any, first: Any, second: Any, angle_deg: float) -> Any:
    """Return corners of an ellipse by its half axes, the first of which is turned from west through north.

    They are in the frame of the centre: that is where the angle is measured.
    """
    from astropy.coordinates import SkyCoord  # noqa: PLC0415 - as regions

    place = centre.spherical
    (corners,) = ellipse_corners_deg(
        [place.lon.deg], [place.lat.deg], [first.to_value("deg")], [second.to_value("deg")], [angle_deg - _WEST_DEG]
    )
    return SkyCoord(corners, unit="deg", frame=centre.frame.replicate_without_data())
