"""What the mock sky knows of itself: the table that selections can be judged by."""

from __future__ import annotations

from typing import Final

import numpy as np

from ingest.mock import footprint, jplus
from ingest.mock.ls_psc import ls_id
from ingest.mock.rows import Rows
from ingest.mock.sky import Block, Kind

__all__ = ["truth"]

_NAMES: Final = np.array([kind.name for kind in Kind])


def truth(block: Block) -> Rows:
    """Return the rows of ``mock.truth`` for a block: every object, also those that no survey saw."""
    tile, number = footprint.jplus_ids(block.brick, footprint.running_number(block.index))
    identifier = ls_id(block)
    unseen = ~jplus.is_detected(block)
    columns = {
        "object_id": block.index,
        "ra": block.ra_deg,
        "dec": block.dec_deg,
        "class": _NAMES[block.kind],
        "redshift": block.redshift,
        "r_mag": block.r_mag.astype(np.float32),
        "ls_id": identifier,
        "TILE_ID": tile.astype(np.int32),
        "NUMBER": number.astype(np.int32),
    }
    nulls = {"ls_id": identifier < 0, "TILE_ID": unseen, "NUMBER": unseen}
    return Rows(columns, nulls).take(block, np.ones(len(block.index), dtype=np.bool_))
