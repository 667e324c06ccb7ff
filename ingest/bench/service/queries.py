"""The queries that are measured, as the papers' readers write them."""

from __future__ import annotations

from typing import Final

from ingest.bench.service.table import TABLE

__all__ = ["ALL_ROWS", "RADII_DEG", "SELECTIONS", "TOP_1", "cone"]

_NAME: Final = TABLE.full_name

ALL_ROWS: Final = f"SELECT * FROM {_NAME}"

TOP_1: Final = f"SELECT TOP 1 SOURCEID_VISTA FROM {_NAME}"
"""The smallest query: what is left is the way through the service."""

RADII_DEG: Final = {"1 arcsec": 1 / 3600, "1 arcmin": 1 / 60, "0.1 deg": 0.1, "1 deg": 1.0}

SELECTIONS: Final = {
    "count by class": f"SELECT CLASS, COUNT(*) AS n FROM {_NAME} GROUP BY CLASS",
    "count of sure quasars": f"SELECT COUNT(*) AS n FROM {_NAME} WHERE p_QSO >= 0.9 AND CLASS = 'QSO'",
    "sure quasars, their rows": (
        f"SELECT SOURCEID_VISTA, RA_DES, DEC_DES, p_QSO FROM {_NAME} "
        "WHERE p_QSO >= 0.9 AND CLASS = 'QSO' AND Warning_flag = 0"
    ),
    "purity by magnitude": (
        "SELECT FLOOR(2 * mag_auto_r_DES) / 2 AS r_bin, COUNT(*) AS n, AVG(p_QSO) AS purity "
        f"FROM {_NAME} WHERE CLASS = 'QSO' AND mag_auto_r_DES IS NOT NULL GROUP BY FLOOR(2 * mag_auto_r_DES) / 2"
    ),
    "changed class, best first": (
        f"SELECT TOP 1000 SOURCEID_VISTA, CLASS, CLASS_25, p_QSO, p_QSO_25 FROM {_NAME} "
        "WHERE CLASS <> CLASS_25 ORDER BY p_QSO DESC"
    ),
}
"""Selections at a purity and counts, by what they are for."""


def cone(ra_deg: float, dec_deg: float, radius_deg: float) -> str:
    """Return a cone search with all columns."""
    assert TABLE.position is not None
    place = f"POINT({TABLE.position.ra}, {TABLE.position.dec})"
    return f"SELECT * FROM {_NAME} WHERE 1 = CONTAINS({place}, CIRCLE({ra_deg!r}, {dec_deg!r}, {radius_deg!r}))"
