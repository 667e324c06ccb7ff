from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ingest.bench.service.table import BLOCK_ROWS, CLASSES, TABLE, batches, centres
from vo_server.model.query import arrow_schema
from vo_server.model.table import HEALPIX_COLUMN
from vo_server.sky.healpix import cells


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    """A block and a bit."""
    return pa.Table.from_batches(batches(BLOCK_ROWS + 10))


def test_the_table_has_the_28_columns_of_vexas(rows: pa.Table) -> None:
    assert len(TABLE.visible_columns) == 28
    assert rows.schema == arrow_schema(TABLE.columns)
    assert rows.num_rows == BLOCK_ROWS + 10


def test_a_larger_table_begins_with_the_rows_of_a_smaller_one(rows: pa.Table) -> None:
    assert pa.Table.from_batches(batches(1_000)).equals(rows.slice(0, 1_000))


def test_probabilities_sum_to_one_and_the_class_is_the_highest(rows: pa.Table) -> None:
    p = np.stack([rows[f"p_{name}"].to_numpy() for name in CLASSES], axis=1)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert [CLASSES[index] for index in p[:100].argmax(axis=1)] == rows["CLASS"][:100].to_pylist()


def test_identifiers_differ_and_do_not_fit_a_double(rows: pa.Table) -> None:
    ids = rows["SOURCEID_VISTA"]
    assert pc.count_distinct(ids).as_py() == rows.num_rows
    assert ids[1].as_py() != int(float(ids[1].as_py()))


def test_a_band_that_was_not_measured_has_neither_magnitude_nor_error(rows: pa.Table) -> None:
    is_missing = rows["mag_auto_g_DES"].is_null()
    assert 0.05 < pc.mean(is_missing.cast("f8")).as_py() < 0.2
    assert is_missing.equals(rows["magerr_auto_g_DES"].is_null())


def test_cells_belong_to_the_positions(rows: pa.Table) -> None:
    first = rows.slice(0, 100)
    expected = cells(first["RA_DES"].to_numpy(), first["DEC_DES"].to_numpy())
    assert first[HEALPIX_COLUMN].to_pylist() == expected.tolist()


def test_centres_are_places_of_rows() -> None:
    few = pa.Table.from_batches(batches(50))
    places = set(zip(few["RA_DES"].to_pylist(), few["DEC_DES"].to_pylist(), strict=True))
    assert set(centres(20, n_rows=50)) <= places
