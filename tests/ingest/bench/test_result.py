from __future__ import annotations

import pytest

from ingest.bench.service.bench import percentile
from ingest.bench.service.result import Figure, Limit, Measured


def test_a_measurement_is_its_median_and_its_noise() -> None:
    found = Measured("formats", "rows", "rows/s", (90.0, 100.0, 130.0), Limit("COPY", 200.0))
    assert (found.median, found.spread, found.ratio, found.is_reached) == (100.0, 0.4, 0.5, None)


@pytest.mark.parametrize(
    ("figure", "is_reached"),
    [
        (Figure(at_least=100), True),
        (Figure(at_least=101), False),
        (Figure(below=100), False),
        (Figure(below=101), True),
        (Figure(at_least_of_limit=0.5), True),
        (Figure(at_least_of_limit=0.51), False),
        (Figure(at_least=100, at_least_of_limit=0.51), False),
    ],
    ids=str,
)
def test_a_figure_is_reached_when_all_its_parts_are(figure: Figure, is_reached: bool) -> None:
    assert Measured("formats", "rows", "rows/s", (100.0,), Limit("COPY", 200.0), figure).is_reached is is_reached


def test_a_ratio_without_a_limit_is_not_reached() -> None:
    assert Measured("formats", "rows", "rows/s", (1.0,), figure=Figure(at_least_of_limit=0.1)).is_reached is False


@pytest.mark.parametrize(("percent", "value"), [(50, 50.5), (95, 96), (99, 100), (0, 1)])
def test_percentiles_of_a_hundred_numbers(percent: float, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], percent) == value
