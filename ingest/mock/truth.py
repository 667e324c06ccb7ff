"""What the mock sky knows of itself: the table that selections can be judged by."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import caesar, dp1, jplus, legacy, spectra, vexas, vialactea
from ingest.mock.clumps import clumps_of
from ingest.mock.footprint import FieldName
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Kind

__all__ = ["BANDS_NM", "truth"]

_CLASSES: Final = np.array([kind.name for kind in Kind])
_FIELDS: Final = np.array([field.name for field in FieldName])
BANDS_NM: Final = {
    "u": 355.0, "g": 477.0, "r": 623.0, "i": 763.0, "z": 905.0, "y": 1009.0,
    "j": 1252.0, "h": 1645.0, "ks": 2147.0, "w1": 3353.0, "w2": 4603.0,
}  # fmt: skip
"""Bands of the true magnitudes [nm]."""


def truth(block: Block) -> Rows:
    """Return the rows of ``mock.truth`` for a block: every object, also those that no survey saw."""
    mags = spectra.ab_mag(block, np.array(list(BANDS_NM.values())))
    clumps = clumps_of(block)
    is_clump = block.kind == Kind.CLUMP
    distance_pc = block.distance_pc.copy()
    distance_pc[is_clump] = 1000.0 * clumps.distance_kpc
    in_radio = caesar.is_detected(block)
    in_merged = is_clump.copy()
    in_merged[is_clump] = vialactea.is_merged(clumps)
    merged = np.full(len(block), "", dtype="U40")
    merged[is_clump] = vialactea.merged_names(clumps)
    identifier, in_vexas, in_dp1, in_jplus = (
        legacy.ls_id(block), vexas.is_detected(block), dp1.is_inside(block), jplus.is_detected(block)
    )  # fmt: skip
    columns: dict[str, NDArray[Any]] = {
        "object_id": block.index,
        "ra": block.ra_deg,
        "dec": block.dec_deg,
        "class": _CLASSES[block.kind],
        "redshift": block.redshift,
        **{f"{band}_mag": mags[:, place] for place, band in enumerate(BANDS_NM)},
        "ebv": np.where(is_clump, np.nan, block.ebv_mag),
        "distance_pc": distance_pc,
        "half_light_radius": np.where(is_clump, np.nan, block.radius_arcsec),
        "is_point": block.is_point,
        "field": _FIELDS[block.field],
        "ls_id": identifier,
        **jplus.ids(block),
        "SOURCEID_VISTA": vexas.source_id(block),
        "objectId": dp1.object_id(block),
        "designationft": merged,
        "caesar_name": caesar.names(block),
    }
    nulls = {
        "ls_id": identifier < 0,
        "TILE_ID": ~in_jplus,
        "NUMBER": ~in_jplus,
        "SOURCEID_VISTA": ~in_vexas,
        "objectId": ~in_dp1,
        "designationft": ~in_merged,
        "caesar_name": ~in_radio,
        "is_point": is_clump,
    }
    return Rows(columns, nulls).take(block.is_wanted)
