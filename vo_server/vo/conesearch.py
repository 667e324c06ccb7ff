"""What a cone search can do, as a capability (SimpleDALRegExt 1.1, ConeSearch)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vo_server.vo.xml import XSI, XmlWriter

__all__ = ["CONE_NAMESPACE", "ConeDescription", "capabilities", "write_capability"]

CONE_NAMESPACE: Final = "http://www.ivoa.net/xml/ConeSearch/v1.0"

_ROOT: Final = {
    "xmlns:vosi": "http://www.ivoa.net/xml/VOSICapabilities/v1.0",
    "xmlns:vr": "http://www.ivoa.net/xml/VOResource/v1.0",
    "xmlns:vs": "http://www.ivoa.net/xml/VODataService/v1.1",
    "xmlns:cs": CONE_NAMESPACE,
    "xmlns:xsi": XSI,
}

_STANDARD_ID: Final = "ivo://ivoa.net/std/ConeSearch"

_EXAMPLE_RADIUS_DEG: Final = 0.01


@dataclass(frozen=True)
class _Parameter:
    """An input parameter."""

    name: str
    use: str
    description: str
    unit: str | None
    ucd: str | None
    datatype: str


_PARAMETERS: Final = (
    _Parameter("RA", "required", "ICRS right ascension of the middle", "deg", "pos.eq.ra", "real"),
    _Parameter("DEC", "required", "ICRS declination of the middle", "deg", "pos.eq.dec", "real"),
    _Parameter("SR", "required", "Radius, edge included", "deg", "phys.angSize", "real"),
    _Parameter("VERB", "optional", "Columns: 1 the least, 2 the usual, 3 all", None, None, "integer"),
    _Parameter("MAXREC", "optional", "Most rows; 0 for the columns alone", None, None, "integer"),
    _Parameter("RESPONSEFORMAT", "optional", "Format of the answer, as for TAP", None, "meta.code.mime", "string"),
)


@dataclass(frozen=True)
class ConeDescription:
    """What is told of the search of one table."""

    url: str
    """Address of the search, without a question mark."""
    description: str | None
    max_radius_deg: float
    max_rows: int
    example: tuple[float, float] | None
    """ICRS position of a row [deg], around which validators search; None for a table without rows."""


def capabilities(described: ConeDescription) -> bytes:
    """Return the ``vosi:capabilities`` document of one search."""
    writer = XmlWriter()
    with writer.element("vosi:capabilities", _ROOT):
        write_capability(writer, described)
        for name in ("capabilities", "availability"):
            with (
                writer.element("capability", {"standardID": f"ivo://ivoa.net/std/VOSI#{name}"}),
                writer.element("interface", {"xsi:type": "vs:ParamHTTP", "role": "std", "version": "1.0"}),
            ):
                writer.leaf("accessURL", f"{described.url}/{name}", {"use": "full"})
    return writer.to_bytes()


def write_capability(writer: XmlWriter, described: ConeDescription) -> None:
    """Write the capability; the prefixes ``cs``, ``vs`` and ``xsi`` are bound outside."""
    with writer.element("capability", {"xsi:type": "cs:ConeSearch", "standardID": _STANDARD_ID}):
        writer.optional("description", described.description)
        with writer.element("interface", {"xsi:type": "vs:ParamHTTP", "role": "std", "version": "1.03"}):
            writer.leaf("accessURL", f"{described.url}?", {"use": "base"})
            writer.leaf("queryType", "GET")
            writer.leaf("resultType", "text/xml")
            for one in _PARAMETERS:
                with writer.element("param", {"use": one.use, "std": "true"}):
                    writer.leaf("name", one.name)
                    writer.leaf("description", one.description)
                    writer.optional("unit", one.unit)
                    writer.optional("ucd", one.ucd)
                    writer.leaf("dataType", one.datatype)
        writer.leaf("maxSR", f"{described.max_radius_deg:g}")
        writer.leaf("maxRecords", str(described.max_rows))
        writer.leaf("verbosity", "true")
        if described.example is not None:
            ra_deg, dec_deg = described.example
            with writer.element("testQuery"):
                writer.leaf("ra", repr(ra_deg))
                writer.leaf("dec", repr(dec_deg))
                writer.leaf("sr", f"{_EXAMPLE_RADIUS_DEG:g}")
