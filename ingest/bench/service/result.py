"""What one measurement found, what it is compared with, and what it was to reach."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

__all__ = ["Figure", "Limit", "Measured"]


@dataclass(frozen=True)
class Limit:
    """What the same machine did in the same run without the service."""

    name: str
    value: float
    """In the unit of what is compared with it."""


@dataclass(frozen=True)
class Figure:
    """What a measurement is to reach, edges excluded from "below" and included in "at least"."""

    at_least: float | None = None
    below: float | None = None
    at_least_of_limit: float | None = None
    """Smallest ratio to the limit."""

    def is_reached(self, value: float, ratio: float | None) -> bool:
        """Tell whether a median and its ratio to the limit are good enough."""
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.below is None or value < self.below)
            and (self.at_least_of_limit is None or (ratio is not None and ratio >= self.at_least_of_limit))
        )

    def __str__(self) -> str:
        parts = [f"≥ {self.at_least:,.0f}"] if self.at_least is not None else []
        parts += [f"< {self.below:g}"] if self.below is not None else []
        parts += [f"≥ {self.at_least_of_limit:.2f} of limit"] if self.at_least_of_limit is not None else []
        return ", ".join(parts)


@dataclass(frozen=True)
class Measured:
    """One quantity, measured several times."""

    group: str
    """Which part of the benchmark it belongs to."""
    what: str
    unit: str
    values: tuple[float, ...]
    """One value per repetition, at least one."""
    limit: Limit | None = None
    figure: Figure | None = None

    @property
    def median(self) -> float:
        """Median of the repetitions."""
        return median(self.values)

    @property
    def spread(self) -> float:
        """Largest less smallest value, relative to the median: the noise of the machine."""
        return (max(self.values) - min(self.values)) / abs(self.median) if self.median else 0.0

    @property
    def ratio(self) -> float | None:
        """Median relative to the limit; None without a limit."""
        return None if self.limit is None or not self.limit.value else self.median / self.limit.value

    @property
    def is_reached(self) -> bool | None:
        """Whether the figure is reached; None without a figure."""
        return None if self.figure is None else self.figure.is_reached(self.median, self.ratio)
