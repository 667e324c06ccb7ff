"""Coverage maps (MOC 2.0) of counted cells, as FITS, JSON and text."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vo_server.sky.coverage import CellCounts

__all__ = ["MOC_WRITERS", "moc_fits", "moc_json", "moc_text"]


def moc_fits(counts: CellCounts) -> bytes:
    """Return the coverage as FITS; the cells of all rows are in it, at the order of the counts.

    References
    ----------
    MOC 2.0, section 4.3.1 (NUNIQ, which clients of version 1 read as well).
    """
    with TemporaryDirectory() as folder:
        file = Path(folder, "moc.fits")  # the library writes FITS into files only
        _moc(counts).save(file, format="fits", v1_compatible=True, fits_keywords={"PIXTYPE": "HEALPIX"})
        return file.read_bytes()


def moc_json(counts: CellCounts) -> bytes:
    """Return the coverage as JSON: lists of cells by order (MOC 2.0, section 4.3.2)."""
    return str(_moc(counts).to_string(format="json")).encode()


def moc_text(counts: CellCounts, *, order: int | None = None) -> str:
    """Return the coverage as text (MOC 2.0, section 4.3.2).

    Parameters
    ----------
    counts
        What is covered.
    order
        Deepest order; that of the counts when None.
    """
    return " ".join(str(_moc(counts if order is None else counts.coarser(order)).to_string()).split())


def _text_file(counts: CellCounts) -> bytes:
    return f"{moc_text(counts)}\n".encode()


MOC_WRITERS: Final[Mapping[str, Callable[[CellCounts], bytes]]] = {
    "fits": moc_fits,
    "json": moc_json,
    "text": _text_file,
}
"""What makes a file of a coverage, by the name of its format."""


def _moc(counts: CellCounts) -> Any:
    from mocpy import MOC  # noqa: PLC0415 - it brings astropy's units and costs half a second

    cells = counts.cells.astype("uint64")
    return MOC.from_healpix_cells(cells, depth=counts.order, max_depth=counts.order)
