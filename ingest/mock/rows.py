"""Columns of a piece of a mock table, and how they become an Arrow batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.mock.sky import Block

__all__ = ["Rows"]


@dataclass(frozen=True)
class Rows:
    """Columns by name, first axis the row; NaN is NULL, and ``nulls`` marks NULLs where a type has no NaN."""

    columns: Mapping[str, NDArray[Any]]
    nulls: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def take(self, block: Block, chosen: NDArray[np.bool_]) -> Rows:
        """Return the rows of chosen objects that belong to the sky; rows must be the objects of the block."""
        index = np.flatnonzero(chosen[: block.n_wanted])
        return Rows(
            {name: values[index] for name, values in self.columns.items()},
            {name: mask[index] for name, mask in self.nulls.items()},
        )

    def to_batch(self, schema: pa.Schema) -> pa.RecordBatch:
        """Return the columns that a schema names, in its order and types.

        Raises
        ------
        KeyError
            If a column is not there.
        """
        return pa.RecordBatch.from_arrays([self._array(item) for item in schema], schema=schema)

    def _array(self, item: pa.Field) -> pa.Array:
        values, nulls = self.columns[item.name], self.nulls.get(item.name)
        if not pa.types.is_list(item.type):
            return pa.array(values, type=item.type, mask=nulls, from_pandas=True)
        n_rows, width = values.shape
        flat = pa.array(values.ravel(), type=item.type.value_type, from_pandas=True)
        offsets = pa.array(np.arange(0, (n_rows + 1) * width, width, dtype=np.int32))
        return pa.ListArray.from_arrays(offsets, flat, type=item.type)
