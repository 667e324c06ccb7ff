"""Target lists: what a recipe selects, as a telescope wants it for a night."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.errors import UsageError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.identity import OPERATOR
from vo_server.model.query import Note, Query, QueryResult, arrow_schema
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vo_server.model.identity import Identity
    from vo_server.model.recipe import Recipe, Targets
    from vo_server.services.query import QueryService
    from vo_server.sky.sites import Site

__all__ = ["LOWEST_DEG", "MOST_TARGETS", "TARGET_COLUMNS", "Observing", "TargetService"]

LOWEST_DEG: Final = 30.0
"""Altitude below which nobody observes unless told otherwise [deg]."""

MOST_TARGETS: Final = 100_000
"""Objects that are looked at for one list: all of them are in memory and sorted."""

_DOUBLE: Final = DataType(Primitive.DOUBLE)
_TEXT: Final = DataType(Primitive.UNICODE_CHAR, "*")

TARGET_COLUMNS: Final = (
    Column("name", _TEXT, ucd="meta.id;meta.main", description="Name of the target", is_principal=True),
    Column("ra", _DOUBLE, unit="deg", ucd="pos.eq.ra;meta.main", description="Right ascension (ICRS) in that night"),
    Column("dec", _DOUBLE, unit="deg", ucd="pos.eq.dec;meta.main", description="Declination (ICRS) in that night"),
    Column("epoch", _DOUBLE, unit="yr", ucd="time.epoch", description="Julian year of the position"),
    Column("magnitude", _DOUBLE, unit="mag", ucd="phot.mag", description="Magnitude"),
    Column("probability", _DOUBLE, ucd="stat.probability", description="Probability of the class that was selected"),
    Column("priority", _DOUBLE, description="Larger comes first"),
    Column("max_altitude", _DOUBLE, unit="deg", ucd="pos.az.alt;stat.max", description="Highest altitude in the dark"),
    Column("best_time", DataType(Primitive.CHAR, "*", "timestamp"), ucd="time", description="When it is reached (UTC)"),
    Column("hours_up", _DOUBLE, unit="h", ucd="time.duration", description="Dark time above the lowest altitude"),
)
"""What a list has of each target."""

_UNIX_EPOCH: Final = np.datetime64("1970-01-01T00:00:00", "us")


@dataclass(frozen=True)
class Observing:
    """Where, when and how low."""

    site: Site
    evening: dt.date
    """Local date on which the night begins."""
    sun_deg: float
    """Altitude of the Sun below which it is dark [deg]."""
    lowest_deg: float = LOWEST_DEG
    """Lowest useful altitude [deg]."""
    n_targets: int | None = None
    """Most targets in the list; None for all."""


class TargetService:
    """Makes target lists.

    Parameters
    ----------
    queries
        Runs the queries of recipes.
    """

    def __init__(self, *, queries: QueryService) -> None:
        self._queries = queries

    def make(
        self,
        recipe: Recipe,
        given: Mapping[str, str],
        observing: Observing,
        *,
        timeout_s: float,
        caller: Identity = OPERATOR,
    ) -> QueryResult:
        """Return a list of targets that are up in a night, the most important first.

        Parameters
        ----------
        recipe
            What selects them.
        given
            Values of its parameters.
        observing
            Where and when.
        timeout_s
            Time for the query [s].
        caller
            Who asks.

        Returns
        -------
        QueryResult
            With :data:`TARGET_COLUMNS`; its notes tell the site, the night and what was left out.

        Raises
        ------
        UsageError
            If the recipe does not say which columns make targets, it selects too many objects, or it gets not dark.
        """
        targets = recipe.targets
        if targets is None:
            raise UsageError(
                f"recipe {recipe.name} does not say which of its columns make a target",
                hint="its description needs `targets` with name, ra and dec",
            )
        query = Query(recipe.query(given), maxrec=MOST_TARGETS)
        with closing(self._queries.run(query, timeout_s=timeout_s, caller=caller)) as result:
            selected = pa.Table.from_batches(list(result.batches), result.schema)
            columns = {column.name: column for column in result.columns}
        if result.overflow:
            raise UsageError(
                f"recipe {recipe.name} selects more than {MOST_TARGETS} objects, too many for a target list",
                hint="narrow its parameters",
            )
        return self._list(recipe, _Selected(selected, columns, targets, recipe.name), observing, result)

    def _list(self, recipe: Recipe, selected: _Selected, observing: Observing, result: QueryResult) -> QueryResult:
        from vo_server.sky.visibility import at_epoch, night_of, visibility  # noqa: PLC0415 - half a second of astropy

        night = night_of(observing.site, observing.evening, sun_deg=observing.sun_deg)
        epoch = float(night.middle.jyear)
        ra, dec = selected.numbers("ra"), selected.numbers("dec")
        has_place = np.isfinite(ra) & np.isfinite(dec)
        if not has_place.all():
            selected, ra, dec = selected.take(has_place), ra[has_place], dec[has_place]
        if selected.targets.epoch is not None and selected.targets.pm_ra and selected.targets.pm_dec:
            ra, dec = at_epoch(
                ra,
                dec,
                pm_ra_masyr=selected.numbers("pm_ra"),
                pm_dec_masyr=selected.numbers("pm_dec"),
                epoch=selected.targets.epoch,
                when=night.middle,
            )
        seen = visibility(ra, dec, night, lowest_deg=observing.lowest_deg)
        probability = selected.numbers("probability")
        priority = selected.numbers("priority") if selected.targets.priority else probability
        made = pa.Table.from_arrays(
            [
                selected.names(),
                _column(ra),
                _column(dec),
                _column(np.full(len(ra), epoch)),
                _column(selected.numbers("magnitude")),
                _column(probability),
                _column(priority),
                _column(seen.max_altitude_deg),
                pa.array(np.asarray(seen.best_time.to_value("datetime64"), "datetime64[us]")),
                _column(seen.hours_up),
            ],
            names=[column.name for column in TARGET_COLUMNS],
        )
        up = made.filter(pc.greater(made["hours_up"], 0))
        ordered = up.sort_by([("priority", "descending"), ("hours_up", "descending"), ("name", "ascending")])
        kept = ordered.slice(0, observing.n_targets)
        batch = kept.cast(arrow_schema(TARGET_COLUMNS)).combine_chunks()
        notes = (
            *result.notes,
            Note("RECIPE", recipe.name, recipe.title),
            Note("SITE", observing.site.name, _words(observing.site)),
            Note("NIGHT", observing.evening.isoformat(), f"dark from {night.start.isot} to {night.end.isot} UTC"),
            Note("SELECTED", str(result.n_rows), "objects that the recipe selects"),
            Note("UP", str(up.num_rows), f"of them above {observing.lowest_deg:g} deg in the dark"),
        )
        return QueryResult(
            columns=TARGET_COLUMNS,
            batches=iter(batch.to_batches()),
            maxrec=max(kept.num_rows, 1),
            notes=notes,
            started=result.started,
            n_rows=kept.num_rows,
        )


@dataclass(frozen=True)
class _Selected:
    """The rows of a recipe, read by the roles of its columns."""

    rows: pa.Table
    columns: Mapping[str, Column]
    targets: Targets
    recipe: str

    def take(self, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> _Selected:
        """Return some of the rows."""
        return _Selected(self.rows.filter(pa.array(chosen)), self.columns, self.targets, self.recipe)

    def numbers(self, role: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the numbers of a role, NaN for null and for a role that no column has."""
        name = getattr(self.targets, role)
        if name is None:
            return np.full(self.rows.num_rows, np.nan)
        return np.asarray(pc.cast(self._column(name), pa.float64()).fill_null(np.nan).to_numpy(), np.float64)

    def names(self) -> pa.Array:
        """Return the names of the targets, as texts."""
        texts = pc.cast(self._column(self.targets.name), pa.string())
        return pc.fill_null(texts, "").combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts

    def _column(self, name: str) -> pa.ChunkedArray:
        if name not in self.columns:
            raise UsageError(
                f"recipe {self.recipe} has no column {name!r} for its targets",
                hint=f"its columns are {', '.join(self.columns)}",
            )
        return self.rows[name]


def _column(values: np.ndarray[Any, np.dtype[np.float64]]) -> pa.Array:
    """Return numbers with null for NaN."""
    return pa.array(values, from_pandas=True)


def _words(site: Site) -> str:
    return f"longitude {site.lon_deg:g} deg east, latitude {site.lat_deg:g} deg, height {site.height_m:g} m"
