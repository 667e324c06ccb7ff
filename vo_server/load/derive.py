"""Columns that a file lacks and that are computed from others, as the description says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from vo_server.formats.read.cast import cast
from vo_server.load.formulas import FORMULAS, element_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.load.description import DerivedColumn
    from vo_server.model.datatype import DataType

__all__ = ["derive"]


def derive(derived: DerivedColumn, values_of: Callable[[str], pa.Array], null_texts: frozenset[str]) -> pa.Array:
    """Compute a column.

    Parameters
    ----------
    derived
        How.
    values_of
        Gives the values of an input by its name, of any Arrow type.
    null_texts
        Texts that mean NULL, where an input is text.

    Returns
    -------
    pyarrow.Array
        NULL where an input is NULL, cannot be read, or gives no value.
    """
    inputs = [values_of(name) for name in derived.inputs]
    if derived.formula is None:
        assert derived.element is not None
        return element_of(inputs[0], derived.element)
    formula = FORMULAS[derived.formula]
    numbers = [_as(values, kind, null_texts) for values, kind in zip(inputs, formula.inputs, strict=True)]
    return formula.compute(*numbers)


def _as(values: pa.Array, kind: DataType, null_texts: frozenset[str]) -> pa.Array:
    return cast(values, kind, null_texts)[0]
