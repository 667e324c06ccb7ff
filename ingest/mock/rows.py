"""Columns of a piece of a mock table, and how they become an Arrow batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Rows"]


@dataclass(frozen=True)
class Rows:
    """Columns by name, first axis the row; NaN is NULL, and ``nulls`` marks NULLs where a type has no NaN."""

    columns: Mapping[str, NDArray[Any]]
    nulls: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
        """Return some of the rows, by a mask or by their places."""
        return Rows(
            {name: values[chosen] for name, values in self.columns.items()},
            {name: mask[chosen] for name, mask in self.nulls.items()},
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
            return _cast(values, item.type, nulls)
        n_rows, width = values.shape
        flat = _cast(values.ravel(), item.type.value_type, None)
        offsets = pa.array(np.arange(0, (n_rows + 1) * width, width, dtype=np.int32))
        return pa.ListArray.from_arrays(offsets, flat, type=item.type)


def _cast(values: NDArray[Any], wanted: pa.DataType, nulls: NDArray[np.bool_] | None) -> pa.Array:
    """Convert in numpy, which rounds a double to a float where Arrow refuses."""
    if pa.types.is_floating(wanted):
        values = values.astype(np.float32 if wanted == pa.float32() else np.float64)
    return pa.array(values, type=wanted, mask=nulls, from_pandas=True)
