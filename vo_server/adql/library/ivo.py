"""The functions that the IVOA has registered (catalogue of user-defined functions 1.2): ``ivo_`` and a name.

``ivo_simbadpoint`` is not there: it asks a name resolver on the network for each query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.library.ivo_numbers import NUMBER_UDFS
from vo_server.adql.library.ivo_sky import SKY_UDFS
from vo_server.adql.library.ivo_text import TEXT_UDFS
from vo_server.adql.library.ivo_time import TIME_UDFS

if TYPE_CHECKING:
    from vo_server.adql.function import Function

__all__ = ["IVO_FUNCTIONS"]

IVO_FUNCTIONS: Final[tuple[Function, ...]] = (*SKY_UDFS, *TIME_UDFS, *TEXT_UDFS, *NUMBER_UDFS)
