"""Statistics of a load against numpy and pandas, which have all rows at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from vo_server.errors import CatalogueError
from vo_server.load.sampling import SIZE
from vo_server.load.statistics import Statistics
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.statistics import PERCENTILES, ColumnStatistics, TableStatistics
from vo_server.model.table import HEALPIX_COLUMN, Column, Position, Table
from vo_server.sky.healpix import cells

TEXT = DataType(Primitive.CHAR, "*")
WHEN = DataType(Primitive.CHAR, "*", "timestamp")
N_MANY = 200_000
TABLE = Table(
    "s",
    "t",
    (
        Column("id", DataType(Primitive.LONG)),
        Column("ra", DataType(Primitive.DOUBLE)),
        Column("dec", DataType(Primitive.DOUBLE)),
        Column("mag", DataType(Primitive.FLOAT)),
        Column("class", TEXT),
        Column("name", TEXT),
        Column("is_good", DataType(Primitive.BOOLEAN)),
        Column("seen", WHEN),
        Column("mags", DataType(Primitive.FLOAT, "3")),
        Column(HEALPIX_COLUMN, DataType(Primitive.LONG), is_hidden=True),
    ),
    position=Position("ra", "dec"),
)


def one_column(datatype: DataType) -> Table:
    return Table("s", "t", (Column("x", datatype),))


def seen(table: Table, rows: pa.Table, *, n_batch: int = 50_000, seed: int = 0) -> Statistics:
    made = Statistics(table, seed=seed)
    for batch in rows.to_batches(max_chunksize=n_batch):
        made.see(batch)
    return made


def of_values(datatype: DataType, values: Any, **how: Any) -> ColumnStatistics:
    """Return the statistics of a table of one column."""
    table = one_column(datatype)
    rows = pa.table([pa.array(values, datatype.arrow, **how)], schema=arrow_schema(table.columns))
    (found,) = seen(table, rows).result().columns
    return found


def all_rows(n_rows: int, *, first: int = 0, seed: int = 1) -> pa.Table:
    random = np.random.default_rng(seed)
    ra, dec = random.uniform(100, 160, n_rows), random.uniform(-30, 10, n_rows)
    columns = {
        "id": pa.array(np.arange(n_rows) * 3 + first + 2**60),
        "ra": pa.array(ra),
        "dec": pa.array(dec),
        "mag": pa.array(random.normal(20, 2, n_rows).astype(np.float32), mask=random.random(n_rows) < 0.1),
        "class": pa.array(np.array(["STAR", "GALAXY", "QSO"])[random.choice(3, n_rows, p=[0.5, 0.3, 0.2])]),
        "name": pa.array([f"J{first + number:09d}" for number in range(n_rows)]),
        "is_good": pa.array(random.random(n_rows) < 0.25, mask=random.random(n_rows) < 0.5),
        "seen": pa.array(1_700_000_000_000_000 + random.integers(0, 10**13, n_rows), pa.timestamp("us")),
        "mags": pa.array(list(random.normal(0, 1, (n_rows, 3)).astype(np.float32)), pa.list_(pa.float32())),
        HEALPIX_COLUMN: pa.array(cells(ra, dec)),
    }
    return pa.table(columns, schema=arrow_schema(TABLE.columns))


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return all_rows(N_MANY)


@pytest.fixture(scope="module")
def found(rows: pa.Table) -> TableStatistics:
    return seen(TABLE, rows).result()


def column(found: TableStatistics, name: str) -> ColumnStatistics:
    one = found.column(name)
    assert one is not None
    return one


def ranks(rows: pa.Table, found: TableStatistics, name: str) -> Iterator[tuple[int, float]]:
    """Yield each percentile with the share of the rows that is not larger than the value told for it."""
    values = rows[name].drop_null().to_numpy()
    for percent, value in zip(PERCENTILES, column(found, name).percentiles, strict=True):
        yield percent, float(np.mean(values <= np.asarray(value, values.dtype)))


def test_counts_extremes_and_moments_are_exact(rows: pa.Table, found: TableStatistics) -> None:
    mag, values = column(found, "mag"), rows["mag"].drop_null().to_numpy().astype(np.float64)
    assert (found.n_rows, mag.n_null, mag.n_values) == (N_MANY, N_MANY - len(values), len(values))
    assert (mag.minimum, mag.maximum) == (values.min(), values.max())
    assert mag.mean == pytest.approx(values.mean(), rel=1e-12)
    assert mag.deviation == pytest.approx(values.std(), rel=1e-12)


def test_whole_numbers_of_64_bits_are_exact(rows: pa.Table, found: TableStatistics) -> None:
    identifier = column(found, "id")
    assert (identifier.minimum, identifier.maximum) == (2**60, 2**60 + 3 * (N_MANY - 1))
    assert set(identifier.percentiles) <= set(rows["id"].to_pylist())


@pytest.mark.parametrize("name", ["mag", "ra", "seen"])
def test_percentiles_are_right_within_what_the_sample_promises(
    rows: pa.Table, found: TableStatistics, name: str
) -> None:
    assert found.n_sampled == SIZE
    for percent, share in ranks(rows, found, name):
        p = percent / 100
        assert share == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / SIZE) + 2 / SIZE), percent


def test_few_values_are_all_counted_exactly(rows: pa.Table, found: TableStatistics) -> None:
    expected = pd.Series(rows["class"].to_pylist()).value_counts()
    kinds = column(found, "class")
    assert (kinds.n_distinct, kinds.is_distinct_exact) == (3, True)
    assert kinds.top is not None
    assert dict(zip(kinds.top.values, kinds.top.counts, strict=True)) == expected.to_dict()
    assert list(kinds.top.counts) == sorted(expected, reverse=True)
    assert kinds.top.is_exact
    good = column(found, "is_good")
    assert good.top is not None
    true = sum(1 for one in rows["is_good"].to_pylist() if one)
    assert dict(zip(good.top.values, good.top.counts, strict=True))[True] == true
    assert (good.minimum, good.maximum, good.percentiles) == (False, True, ())


@pytest.mark.parametrize("name", ["id", "name", "mag", "seen"])
def test_many_values_are_estimated_within_a_few_percent(rows: pa.Table, found: TableStatistics, name: str) -> None:
    expected = len(set(rows[name].drop_null().to_pylist()))
    one = column(found, name)
    assert one.n_distinct == pytest.approx(expected, rel=5 * 0.016)
    assert not one.is_distinct_exact


def test_a_histogram_of_many_rows_is_that_of_all_within_the_noise_of_the_sample(
    rows: pa.Table, found: TableStatistics
) -> None:
    histogram = column(found, "mag").histogram
    assert histogram is not None
    assert not histogram.is_exact
    expected, _ = np.histogram(rows["mag"].drop_null().to_numpy(), np.array(histogram.edges))
    share = SIZE / N_MANY
    assert np.abs(np.array(histogram.counts) - expected).max() < 6 * np.sqrt(expected.max() / share)


def test_elements_of_arrays_are_counted_together(rows: pa.Table, found: TableStatistics) -> None:
    mags, values = column(found, "mags"), np.concatenate(rows["mags"].to_pylist()).astype(np.float32)
    assert (mags.n_null, mags.n_values, mags.n_distinct) == (0, 3 * N_MANY, None)
    assert (mags.minimum, mags.maximum) == (values.min(), values.max())
    median = mags.percentiles[PERCENTILES.index(50)]
    assert isinstance(median, float)
    assert abs(median) < 0.03


def test_the_map_has_every_row_in_its_cell(rows: pa.Table, found: TableStatistics) -> None:
    sky = seen(TABLE, rows).sky()
    assert sky is not None
    numbers = rows[HEALPIX_COLUMN].to_numpy() >> 2 * (29 - sky.order)
    expected, counts = np.unique(numbers, return_counts=True)
    assert np.array_equal(sky.cells, expected)
    assert np.array_equal(sky.counts, counts)
    assert (found.coverage_order, found.n_cells, found.area_deg2) == (sky.order, len(expected), sky.area_deg2)


def test_parts_that_are_merged_are_like_the_whole(rows: pa.Table) -> None:
    parts = [rows.slice(0, 70_000), rows.slice(70_000, 1000), rows.slice(71_000)]
    merged = Statistics(TABLE)
    for seed, part in enumerate(parts):
        merged.merge(seen(TABLE, part, seed=seed))
    result, whole = merged.result(), seen(TABLE, rows).result()
    assert (result.n_rows, result.n_sampled, result.n_cells) == (whole.n_rows, whole.n_sampled, whole.n_cells)
    for one, other in zip(result.columns, whole.columns, strict=True):
        exact = "n_null", "n_values", "minimum", "maximum", "n_distinct"
        assert [getattr(one, name) for name in exact] == [getattr(other, name) for name in exact]
    for percent, share in ranks(rows, result, "mag"):
        p = percent / 100
        assert share == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / SIZE) + 2 / SIZE), percent


def in_parts(rows: pa.Table, n_parts: int) -> tuple[Statistics, list[bytes]]:
    """Return statistics made as a load does, and what it keeps of each part."""
    merged, kept = Statistics(TABLE), []
    for seed, first in enumerate(range(0, len(rows), len(rows) // n_parts)):
        part = merged.part(seed=seed)
        for batch in rows.slice(first, len(rows) // n_parts).to_batches(max_chunksize=10_000):
            part.see(batch)
        kept.append(part.encode())
        merged.merge(part)
    return merged, kept


def assert_close(rows: pa.Table, result: TableStatistics) -> None:
    """Check what is not exact against the rows, within five standard deviations."""
    assert result.n_rows == len(rows)
    for percent, share in ranks(rows, result, "mag"):
        p = percent / 100
        assert share == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / result.n_sampled) + 2 / result.n_sampled)
    n_ids = column(result, "id").n_distinct
    assert n_ids == pytest.approx(len(rows), rel=5 * 0.016)


def test_later_parts_keep_less_and_lose_nothing(rows: pa.Table) -> None:
    merged, kept = in_parts(rows, 10)
    result = merged.result()
    assert result.n_sampled == SIZE
    assert_close(rows, result)
    assert len(kept[-1]) < 0.4 * len(kept[0])
    again = Statistics(TABLE)
    for data in reversed(kept):
        again.merge(Statistics.decode(data, TABLE))
    for one, other in zip(again.result().columns, result.columns, strict=True):
        assert (one.percentiles, one.top, one.n_distinct) == (other.percentiles, other.top, other.n_distinct)


def test_later_parts_are_right_without_earlier_ones(rows: pa.Table) -> None:
    _, kept = in_parts(rows, 4)
    rest = Statistics(TABLE)
    for data in kept[1:]:
        rest.merge(Statistics.decode(data, TABLE))
    result = rest.result()
    assert 0.6 * SIZE < result.n_sampled < SIZE
    last = rows.slice(len(rows) // 4)
    assert_close(last, result)
    mag = column(result, "mag").histogram
    assert mag is not None
    assert not mag.is_exact


def test_the_order_of_parts_and_the_sizes_of_batches_do_not_matter(rows: pa.Table) -> None:
    parts = [seen(TABLE, rows.slice(0, 90_000), n_batch=7_001, seed=0), seen(TABLE, rows.slice(90_000), seed=1)]
    again = [seen(TABLE, rows.slice(90_000), n_batch=100_000, seed=1), seen(TABLE, rows.slice(0, 90_000), seed=0)]
    results = []
    for some in (parts, again):
        merged = Statistics(TABLE)
        for part in some:
            merged.merge(part)
        results.append(merged.result())
    one, other = results
    for ours, theirs in zip(one.columns, other.columns, strict=True):
        assert (ours.percentiles, ours.top, ours.histogram) == (theirs.percentiles, theirs.top, theirs.histogram)


def test_what_is_encoded_is_decoded_as_it_was(rows: pa.Table) -> None:
    made = seen(TABLE, rows)
    back = Statistics.decode(made.encode(), TABLE)
    assert back.result() == made.result()
    more = all_rows(1000, first=10**6, seed=3)
    back.merge(seen(TABLE, more, seed=1))
    made.merge(seen(TABLE, more, seed=1))
    assert back.result() == made.result()


def test_what_is_encoded_does_not_grow_with_the_rows(rows: pa.Table) -> None:
    whole, half = seen(TABLE, rows), seen(TABLE, rows.slice(0, N_MANY // 2))
    assert len(whole.encode()) < 1.2 * len(half.encode())


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda _: b"not statistics"])
def test_damaged_bytes_are_told_with_the_table(damage: Any) -> None:
    data = seen(TABLE, all_rows(10)).encode()
    with pytest.raises(CatalogueError, match=r"a part of s\.t are damaged"):
        Statistics.decode(damage(data), TABLE)


def test_statistics_of_other_columns_are_refused() -> None:
    data = seen(TABLE, all_rows(10)).encode()
    with pytest.raises(CatalogueError, match="the columns differ"):
        Statistics.decode(data, one_column(TEXT))


def test_nothing_but_null_has_no_extremes() -> None:
    found = of_values(DataType(Primitive.DOUBLE), [None] * 5)
    assert (found.n_null, found.n_values, found.n_distinct) == (5, 0, 0)
    assert (found.minimum, found.mean, found.percentiles, found.top, found.histogram) == (None, None, (), None, None)


def test_a_table_without_rows_has_statistics() -> None:
    result = Statistics(TABLE).result()
    assert (result.n_rows, result.n_cells, result.area_deg2) == (0, 0, 0.0)
    assert all(one.n_values == 0 for one in result.columns)


def test_infinite_values_and_nan_are_counted_apart() -> None:
    values = np.array([1.0, np.inf, -np.inf, np.nan, 3.0])
    found = of_values(DataType(Primitive.DOUBLE), values, from_pandas=False)
    assert (found.n_not_finite, found.n_values, found.minimum, found.maximum, found.mean) == (3, 2, 1.0, 3.0, 2.0)
    assert found.n_distinct == 2


def test_the_largest_doubles_overflow_nothing() -> None:
    found = of_values(DataType(Primitive.DOUBLE), [-1.7e308, 1.7e308, 1.7e308])
    assert (found.minimum, found.maximum, found.n_not_finite, found.deviation) == (-1.7e308, 1.7e308, 0, None)
    assert found.histogram is not None
    assert sum(found.histogram.counts) == 3


def test_zero_and_minus_zero_are_one_value() -> None:
    assert of_values(DataType(Primitive.DOUBLE), [0.0, -0.0]).n_distinct == 1
    many = np.concatenate([np.arange(5000.0), [-0.0]])
    assert of_values(DataType(Primitive.DOUBLE), np.tile(many, 2)).n_distinct in range(4700, 5301)


@pytest.mark.parametrize("n_values", [999, 1000, 1001, 4000])
def test_the_number_of_different_values_is_exact_while_they_are_few(n_values: int) -> None:
    found = of_values(DataType(Primitive.INT), np.tile(np.arange(n_values), 3))
    assert (found.n_distinct, found.is_distinct_exact) == (n_values, True)


@pytest.mark.parametrize("n_different", [10, 3000])
def test_different_texts_have_different_hashes_and_equal_ones_the_same(n_different: int) -> None:
    texts = [letter * length for length in range(n_different // 10) for letter in "abcdefghiÅ"]
    different = len(set(texts))
    found = of_values(TEXT, texts * 3)
    assert (found.n_distinct, found.is_distinct_exact) == (different, True)


def test_a_frequent_value_among_many_is_found_in_the_sample() -> None:
    values = np.arange(N_MANY, dtype=np.float64)
    values[::4] = -99
    found = of_values(DataType(Primitive.DOUBLE), values)
    assert found.top is not None
    assert found.top.values == (-99.0,)  # noqa: PD011 - not of pandas
    assert not found.top.is_exact
    assert found.top.counts[0] == pytest.approx(N_MANY / 4, rel=0.06)


def test_a_small_table_has_exact_percentiles_and_histogram() -> None:
    values: NDArray[np.float64] = np.random.default_rng(5).normal(size=5000)
    found = of_values(DataType(Primitive.DOUBLE), values)
    expected = [float(np.percentile(values, percent, method="inverted_cdf")) for percent in PERCENTILES]
    assert list(found.percentiles) == expected
    assert found.histogram is not None
    assert found.histogram.is_exact
    assert list(found.histogram.counts) == np.histogram(values, np.array(found.histogram.edges))[0].tolist()


def test_small_whole_numbers_have_a_bin_each() -> None:
    found = of_values(DataType(Primitive.SHORT), [1, 1, 2, 4])
    assert found.histogram is not None
    assert found.histogram.edges == (0.5, 1.5, 2.5, 3.5, 4.5)
    assert found.histogram.counts == (2, 1, 0, 1)


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        (DataType(Primitive.LONG), [2**60, 2**60 + 1, 2**60 + 90]),
        (DataType(Primitive.LONG), [7, 7, 7]),
        (DataType(Primitive.LONG), [-(2**63), 0, 2**63 - 1]),
        (DataType(Primitive.DOUBLE), [0.0, 0.0, 0.0]),
        (DataType(Primitive.DOUBLE), [1.0, float(np.nextafter(1, 2)), 1.0]),
    ],
    ids=["large", "one whole number", "all of 64 bits", "zero", "next to each other"],
)
def test_every_range_has_a_histogram_with_ascending_edges(datatype: DataType, values: list[float]) -> None:
    histogram = of_values(datatype, values).histogram
    assert histogram is not None
    assert sum(histogram.counts) == 3
    assert list(histogram.edges) == sorted(set(histogram.edges))


def test_instants_are_told_as_text_and_binned_by_day() -> None:
    found = of_values(WHEN, np.array(["2026-01-01T00:00:00", "2026-01-02T12:00:00.5"], "datetime64[us]"))
    assert (found.minimum, found.maximum) == ("2026-01-01T00:00:00.000000", "2026-01-02T12:00:00.500000")
    assert found.histogram is not None
    assert found.histogram.edges[0] == 61041.0


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    found = of_values(TEXT, ["a" * 300, "b"])
    assert found.minimum == "a" * 200 + "…"


def test_a_wide_table_keeps_a_smaller_sample() -> None:
    wide = one_column(DataType(Primitive.DOUBLE, "4000"))
    made = Statistics(wide)
    for number in range(6):
        block = pa.FixedSizeListArray.from_arrays(np.full(4000 * 1000, float(number)), 4000)
        made.see(pa.record_batch([block.cast(pa.list_(pa.float64()))], schema=arrow_schema(wide.columns)))
    result = made.result()
    assert 256 <= result.n_sampled <= 2048
    assert result.columns[0].n_values == 6 * 4000 * 1000
