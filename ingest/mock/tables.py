"""The tables of the mock sky, by the names that the real ones are published under."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from ingest.mock import bannjos, caesar, counterparts, dp1, jplus, legacy, ls_psc, truth, vexas, vialactea
from ingest.mock.ahead import made_ahead
from ingest.mock.sky import MockSky

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    import pyarrow as pa

    from ingest.mock.rows import Rows
    from ingest.mock.sky import Block

__all__ = ["MOCK_TABLES", "PASSES", "made_columns", "made_together"]

_PASSES: Final[tuple[Mapping[str, Callable[[Block], Rows]], ...]] = (
    {
        "ls_psc.main": ls_psc.main,
        "ls_dr10.tractor": legacy.tractor,
        "ls_dr10.apflux": legacy.apflux,
        "legacysurvey.tractor_native": legacy.tractor_native,
    },
    {
        "jplus.MagABDualObj": jplus.mag_ab_dual_obj,
        "jplus.bannjos_caveats": bannjos.bannjos_caveats,
        "jplus.ClassBANNJOS": bannjos.class_bannjos,
    },
    {
        "jplus.FLambdaDualObj": jplus.flambda_dual_obj,
        "jplus.FNuDualObj": jplus.fnu_dual_obj,
        "jplus.MWExtinction": jplus.mw_extinction,
        "jplus.xmatch_gaia_dr3": counterparts.xmatch_gaia_dr3,
        "jplus.xmatch_allwise": counterparts.xmatch_allwise,
        "jplus.xmatch_catwise2020": counterparts.xmatch_catwise2020,
    },
    {
        "vexas.desw": vexas.desw,
        "vexas.psw": vexas.psw,
        "vexas.smw": vexas.smw,
        "vexas.spec_good": vexas.spec_good,
        "dp1.Object": dp1.objects,
    },
    {
        "compactsources.sed_view_final": vialactea.sed_view_final,
        **{f"compactsources.higal{band}": vialactea.higal(band) for band in vialactea.HIGAL_BANDS},
        "compactsources.mipsgaldao2": vialactea.mid_infrared("24"),
        "compactsources.wise22": vialactea.mid_infrared("22"),
    },
    {
        "compactsources.msx21": vialactea.mid_infrared("21"),
        "compactsources.instances": vialactea.instances,
        "compactsources.props_dist": vialactea.props_dist,
        "compactsources.sed_models": vialactea.sed_models,
        "filaments.filaments": vialactea.filaments,
        "filaments.branches": vialactea.branches,
        "bubbles.bubbles": vialactea.bubbles,
    },
    {
        "caesar.islands": caesar.islands,
        "caesar.components": caesar.components,
        "mock.truth": truth.truth,
    },
)
"""What makes the rows of each table for a block of objects, table by table in the passes over the sky.

What tables of one pass have in common is made once. A pass has few tables, because each of them holds a sample of its
rows, up to 64 MB, and three sessions of PostgreSQL.
"""
MOCK_TABLES: Final[Mapping[str, Callable[[Block], Rows]]] = {
    name: make for tables in _PASSES for name, make in tables.items()
}
"""What makes the rows of each table, in the order in which tables are published."""
PASSES: Final = tuple(tuple(tables) for tables in _PASSES)
"""Names of the tables that are made in one pass over the sky."""
_OF_ANY_SIZE: Final = frozenset({"jplus.bannjos_caveats", "compactsources.sed_models"})
"""Tables that have all their rows with the first block."""


@cache
def made_columns(table: str) -> frozenset[str]:
    """Return the names of the columns that are made of a table."""
    return frozenset(MOCK_TABLES[table](MockSky(1).block(0)).columns)


def made_together(sky: MockSky, schemas: Mapping[str, pa.Schema]) -> Generator[tuple[str, pa.RecordBatch]]:
    """Make the rows of several tables in one pass over the sky, block by block.

    Parameters
    ----------
    sky
        The objects.
    schemas
        Names and types of the columns to give of each table, a key of :data:`MOCK_TABLES`.

    Yields
    ------
    table, batch
        The rows of a table from a block that has any.
    """

    def make(number: int) -> list[tuple[str, pa.RecordBatch]]:
        block = sky.block(number)
        wanted = ((name, schema) for name, schema in schemas.items() if number == 0 or name not in _OF_ANY_SIZE)
        return [(name, MOCK_TABLES[name](block).to_batch(schema)) for name, schema in wanted]

    n_blocks = sky.n_blocks if set(schemas) - _OF_ANY_SIZE else min(sky.n_blocks, 1)
    for made in made_ahead(make, range(n_blocks)):
        for name, batch in made:
            if batch.num_rows:
                yield name, batch
