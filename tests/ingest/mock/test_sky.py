"""The mock sky is the same for the same seed, however it is made and however large it is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ingest.mock import footprint
from ingest.mock.sky import BLOCK_SIZE, Kind, MockSky
from ingest.mock.tables import MOCK_TABLES, batches

N = 20_000


def schema_of(table: str) -> pa.Schema:
    """Types as the generator makes them; the published types are compared in test_publish."""
    columns = MOCK_TABLES[table](MockSky(1).block(0)).columns
    fields = []
    for name, values in columns.items():
        scalar = pa.string() if values.dtype.kind == "U" else pa.from_numpy_dtype(values.dtype)
        fields.append(pa.field(name, pa.list_(scalar) if values.ndim == 2 else scalar))
    return pa.schema(fields)


def table_of(table: str, n_objects: int = N, seed: int = 1) -> pa.Table:
    schema = schema_of(table)
    return pa.Table.from_batches(batches(MockSky(n_objects, seed), table, schema), schema)


@pytest.mark.parametrize("table", MOCK_TABLES)
def test_the_same_seed_gives_the_same_table(table: str) -> None:
    assert table_of(table).equals(table_of(table))


@pytest.mark.parametrize("table", MOCK_TABLES)
def test_another_seed_gives_another_table(table: str) -> None:
    assert not table_of(table).equals(table_of(table, seed=2))


@pytest.mark.parametrize("table", MOCK_TABLES)
def test_a_larger_sky_begins_with_the_smaller_one(table: str) -> None:
    small, large = table_of(table, N), table_of(table, N + 3 * BLOCK_SIZE)
    assert small.num_rows < large.num_rows
    assert large.slice(0, small.num_rows).equals(small)


@pytest.mark.parametrize("table", MOCK_TABLES)
def test_a_block_can_be_made_without_the_blocks_before_it(table: str) -> None:
    sky, schema = MockSky(N), schema_of(table)
    streamed = list(batches(sky, table, schema))
    assert MOCK_TABLES[table](sky.block(2)).to_batch(schema).equals(streamed[2])


@pytest.mark.parametrize("n_objects", [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1])
def test_the_truth_has_exactly_as_many_rows_as_asked_for(n_objects: int) -> None:
    truth = table_of("mock.truth", n_objects)
    assert truth["object_id"].to_pylist() == list(range(n_objects))


@pytest.mark.parametrize("n_objects", [-1, footprint.MAX_OBJECTS + 1])
def test_a_size_that_identifiers_cannot_count_is_refused(n_objects: int) -> None:
    with pytest.raises(ValueError, match="the mock sky holds from 0 to"):
        MockSky(n_objects)


def test_the_largest_sky_has_valid_identifiers_to_its_end() -> None:
    sky = MockSky(footprint.MAX_OBJECTS)
    last = sky.block(sky.n_blocks - 1)
    assert last.index[-1] == footprint.MAX_OBJECTS - 1
    assert footprint.running_number(last.index).max() < 1 << 20
    tile, number = footprint.jplus_ids(last.brick, footprint.running_number(last.index))
    assert tile.max() < 1 << 15
    assert number.max() < 1 << 31


def test_all_kinds_are_there_and_most_objects_are_faint_galaxies() -> None:
    truth = table_of("mock.truth")
    counts = {row["values"]: row["counts"] for row in truth["class"].value_counts().to_pylist()}
    assert set(counts) == {kind.name for kind in Kind}
    assert counts["GALAXY"] > counts["STAR"] > counts["QSO"] > 100
    assert np.median(truth["r_mag"].to_numpy()) > 21


def test_only_stars_have_no_redshift() -> None:
    truth = table_of("mock.truth")
    is_star = np.array(truth["class"].to_pylist()) == "STAR"
    assert np.array_equal(np.array(truth["redshift"].is_null().to_pylist()), is_star)


def test_objects_lie_in_the_field_and_evenly_on_the_sphere() -> None:
    truth = table_of("mock.truth", 64_000)
    ra, dec = truth["ra"].to_numpy(), truth["dec"].to_numpy()
    assert 147.0 <= ra.min() < ra.max() < 156.6
    assert 29.5 <= dec.min() < dec.max() < 34.5
    # Each of the 640 bricks of equal steps gets 100 objects: within a brick the sphere's area counts.
    bricks = np.histogram2d(ra, dec, bins=[32, 20], range=[[147.0, 156.6], [29.5, 34.5]])[0]
    assert np.all(bricks == 100)


def test_the_two_surveys_overlap_and_each_has_a_part_of_its_own() -> None:
    truth = table_of("mock.truth")
    in_ls = np.array(truth["ls_id"].is_valid().to_pylist())
    in_jplus = np.array(truth["TILE_ID"].is_valid().to_pylist())
    for chosen in (in_ls & in_jplus, in_ls & ~in_jplus, ~in_ls & in_jplus):
        assert chosen.sum() > N / 20
