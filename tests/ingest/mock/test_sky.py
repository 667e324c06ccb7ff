"""The mock sky is the same for the same seed, however it is made and however large it is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ingest.mock import counts, footprint
from ingest.mock.footprint import FIELDS, FieldName
from ingest.mock.sky import BLOCK_SIZE, CYCLE, MAX_OBJECTS, Kind, MockSky, slots
from ingest.mock.tables import MOCK_TABLES, PASSES, made_together
from tests.support.mock_rows import batches

N = 20_000
_SAME_FOR_ALL_SIZES = {"jplus.bannjos_caveats", "compactsources.sed_models"}


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


@pytest.mark.parametrize("table", sorted(set(MOCK_TABLES) - {"jplus.bannjos_caveats"}))
def test_another_seed_gives_another_table(table: str) -> None:
    assert not table_of(table).equals(table_of(table, seed=2))


@pytest.mark.parametrize("table", MOCK_TABLES)
def test_a_larger_sky_begins_with_the_smaller_one(table: str) -> None:
    small, large = table_of(table, N), table_of(table, N + 3 * BLOCK_SIZE)
    assert (small.num_rows < large.num_rows) != (table in _SAME_FOR_ALL_SIZES)
    assert large.slice(0, small.num_rows).equals(small)


@pytest.mark.parametrize("table", MOCK_TABLES)
def test_a_block_can_be_made_without_the_blocks_before_it(table: str) -> None:
    sky, schema = MockSky(N), schema_of(table)
    streamed = pa.Table.from_batches(batches(sky, table, schema), schema)
    last = MOCK_TABLES[table](sky.block(2)).to_batch(schema)
    assert pa.Table.from_batches([last]).equals(streamed.slice(streamed.num_rows - last.num_rows))


@pytest.mark.parametrize("n_objects", [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1])
def test_the_truth_has_exactly_as_many_rows_as_asked_for(n_objects: int) -> None:
    truth = table_of("mock.truth", n_objects)
    assert truth["object_id"].to_pylist() == list(range(n_objects))


@pytest.mark.parametrize("n_objects", [-1, MAX_OBJECTS + 1])
def test_a_size_that_identifiers_cannot_count_is_refused(n_objects: int) -> None:
    with pytest.raises(ValueError, match="the mock sky holds from 0 to"):
        MockSky(n_objects)


def test_the_largest_sky_has_valid_identifiers_to_its_end() -> None:
    sky = MockSky(MAX_OBJECTS)
    last = sky.block(sky.n_blocks - 1)
    assert last.index[-1] == MAX_OBJECTS - 1
    assert last.in_brick.max() < 1 << 20
    tile, number = footprint.jplus_ids(last.brick, last.in_brick)
    assert max(tile.max(), number.max(), last.index.max()) < 1 << 31


def test_all_kinds_are_there_and_most_objects_are_faint_galaxies() -> None:
    truth = table_of("mock.truth")
    counted = {row["values"]: row["counts"] for row in truth["class"].value_counts().to_pylist()}
    assert set(counted) == {kind.name for kind in Kind}
    assert counted["GALAXY"] > counted["STAR"] > counted["QSO"] > 100
    assert np.nanmedian(truth["r_mag"].to_numpy()) > 21


def test_only_galaxies_and_quasars_have_a_redshift() -> None:
    truth = table_of("mock.truth")
    has_none = np.isin(np.array(truth["class"].to_pylist()), ("STAR", "CLUMP"))
    assert np.array_equal(np.isnan(truth["redshift"].to_numpy()), has_none)


def test_every_brick_gets_objects_as_often_as_the_counts_of_its_field_say() -> None:
    areas = np.array([field.area_deg2 for field in FIELDS])
    of_field = footprint.field_of(np.arange(len(slots())))
    dealt = np.bincount(of_field, weights=slots())
    assert dealt.sum() == CYCLE
    densities = [counts.shares(name)[0] for name in FieldName if name is not FieldName.PLANE]
    expected = areas[:-1] * densities
    assert dealt[:-1] == pytest.approx(0.95 * CYCLE * expected / expected.sum(), rel=0.01)


def test_identifiers_in_a_brick_do_not_repeat() -> None:
    sky = MockSky(3 * CYCLE)
    blocks = [sky.block(number) for number in (0, 1, 7, 8, 9, 17, 20)]
    brick, in_brick = (np.concatenate([getattr(one, name) for one in blocks]) for name in ("brick", "in_brick"))
    assert len(np.unique(brick << 32 | in_brick)) == len(brick)


def test_objects_lie_in_the_brick_that_they_are_dealt_to() -> None:
    for number in range(3):
        block = MockSky(N).block(number)
        for name, field in zip(FieldName, FIELDS, strict=True):
            here = block.select((block.field == name) & np.full(len(block), not field.is_galactic))
            column, row = footprint.column_row(here.brick)
            assert np.array_equal(np.floor((here.ra_deg - field.lon_min_deg) / field.brick_lon_deg), column)
            assert np.array_equal(np.floor((here.dec_deg - field.lat_min_deg) / field.brick_lat_deg), row)


def test_each_survey_sees_a_part_and_neighbours_share_some() -> None:
    truth = table_of("mock.truth", 60_000)
    seen = {
        name: np.array(truth[name].is_valid().to_pylist())
        for name in ("ls_id", "TILE_ID", "SOURCEID_VISTA", "objectId", "designationft", "caesar_name")
    }
    assert all(100 < mask.sum() < 50_000 for mask in seen.values())
    for one, other in (
        ("ls_id", "TILE_ID"),
        ("ls_id", "SOURCEID_VISTA"),
        ("ls_id", "objectId"),
        ("caesar_name", "ls_id"),
    ):
        assert (seen[one] & seen[other]).sum() > 50
    assert not (seen["TILE_ID"] & seen["SOURCEID_VISTA"]).any()
    assert not (seen["designationft"] & seen["ls_id"]).any()


def test_tables_that_are_made_together_are_those_that_are_made_alone() -> None:
    sky = MockSky(N)
    for names in PASSES:
        schemas = {name: schema_of(name) for name in names}
        together: dict[str, list[pa.RecordBatch]] = {name: [] for name in names}
        for name, batch in made_together(sky, schemas):
            together[name].append(batch)
        for name, schema in schemas.items():
            assert pa.Table.from_batches(together[name], schema).equals(table_of(name))


def test_every_table_is_made_in_one_pass() -> None:
    assert [name for names in PASSES for name in names] == list(MOCK_TABLES)
