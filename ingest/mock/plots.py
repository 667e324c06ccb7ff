"""Plots of the mock sky for its page in the documentation: what is drawn beside what is stated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import bannjos, counts, jplus, legacy, ls_psc, spectra
from ingest.mock.footprint import FieldName
from ingest.mock.sky import Kind, MockSky

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ingest.mock.sky import Block

__all__ = ["PLOTS", "draw"]

_COLOURS: Final = {Kind.GALAXY: "tab:red", Kind.QSO: "tab:purple", Kind.STAR: "tab:blue"}
_CLASSES: Final = (Kind.GALAXY, Kind.QSO, Kind.STAR)
_DPI: Final = 80
PLOTS: Final = ("counts", "colours", "classes")
"""Names of the files, each with the ending ``.png``."""

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def draw(sky: MockSky, directory: Path) -> list[Path]:
    """Draw all plots.

    Parameters
    ----------
    sky
        What is drawn; a multiple of the cycle has all bricks as often as they should be.
    directory
        Where the files go; made when it is not there.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is not installed.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional

    directory.mkdir(parents=True, exist_ok=True)
    blocks = list(sky.blocks())
    paths = []
    for name, draw_one in zip(PLOTS, (_counts, _colours, _classes), strict=True):
        figure = Figure(figsize=(9.0, 3.6), layout="constrained")
        draw_one(figure, blocks, sky)
        figure.suptitle("mock data, made up from random numbers", fontsize=9, color="grey")
        path = directory / f"{name}.png"
        # Without the version of the library in the file, it changes with the content only.
        figure.savefig(path, dpi=_DPI, metadata={"Software": None})
        paths.append(path)
    return paths


def _counts(figure: Figure, blocks: list[Block], sky: MockSky) -> None:
    """Draw counts by magnitude and redshifts."""
    left, right = figure.subplots(1, 2)
    name = FieldName.NORTH
    kind, r_mag, redshift, field = (
        np.concatenate([getattr(one, what) for one in blocks]) for what in ("kind", "r_mag", "redshift", "field")
    )
    edges = np.arange(15.0, 23.51, 0.5)
    middles = 0.5 * (edges[1:] + edges[:-1])
    stated = counts.differential(name, middles)
    n_here = (field == name).sum()
    per_deg2 = counts.shares(name)[0] / n_here
    for one in _CLASSES:
        numbers = np.histogram(r_mag[(field == name) & (kind == one)], bins=edges)[0]
        drawn = numbers > 0
        errors = per_deg2 / 0.5 * np.sqrt(numbers[drawn])
        left.errorbar(
            middles[drawn], per_deg2 / 0.5 * numbers[drawn], errors, fmt="o", ms=3, color=_COLOURS[one], label=one.name
        )
        left.plot(middles, stated[:, one], color=_COLOURS[one], lw=1)
        if one is not Kind.STAR:
            right.hist(
                redshift[kind == one], bins=np.arange(0.0, 4.6, 0.1), density=True, histtype="step", color=_COLOURS[one]
            )
    left.set(
        yscale="log", xlabel="r [mag]", ylabel="deg$^{-2}$ mag$^{-1}$", title=f"NORTH field, {sky.n_objects} objects"
    )
    left.legend(fontsize=8)
    right.set(xlabel="redshift", ylabel="density", title="galaxies and quasars")


def _colours(figure: Figure, blocks: list[Block], sky: MockSky) -> None:
    """Draw colours in the optical and in the infrared."""
    del sky
    left, right = figure.subplots(1, 2)
    places = np.array([477.0, 623.0, 763.0, 3353.0, 4603.0])
    block = blocks[0]
    mags = spectra.ab_mag(block, places)
    vega = mags[:, 3:] + np.array([spectra.VEGA_MINUS_AB[band] for band in ("W1", "W2")])
    for one in (Kind.GALAXY, Kind.STAR, Kind.QSO):
        chosen = (block.kind == one) & (block.r_mag < 22.5)
        size, colour = (8.0 if one is Kind.QSO else 2.0), _COLOURS[one]
        left.scatter(mags[chosen, 0] - mags[chosen, 1], mags[chosen, 1] - mags[chosen, 2], s=size, color=colour)
        right.scatter(mags[chosen, 0] - mags[chosen, 1], vega[chosen, 0] - vega[chosen, 1], s=size, color=colour)
    left.set(xlabel="g - r (AB)", ylabel="r - i (AB)", title="without noise")
    right.set(xlabel="g - r (AB)", ylabel="W1 - W2 (Vega)", title="without noise")


def _classes(figure: Figure, blocks: list[Block], sky: MockSky) -> None:
    """Draw how right BANNJOS's probabilities are, its selections of quasars, and the scores of LS-PSC."""
    del sky
    left, middle, right = figure.subplots(1, 3)
    rows, kinds = _bannjos(blocks)
    bins = np.linspace(0.0, 1.0, 11)
    left.plot([0, 1], [0, 1], color="grey", lw=1)
    for one in _CLASSES:
        mean = rows[f"CLASS_{one.name}_prob_mean"]
        place = np.clip(np.digitize(mean, bins) - 1, 0, 9)
        numbers = np.bincount(place, minlength=10)
        right_ones = np.bincount(place, weights=kinds == one, minlength=10)
        share = right_ones / np.maximum(numbers, 1)
        error = np.sqrt(np.maximum(share * (1 - share), 0.01) / np.maximum(numbers, 1))
        given = np.bincount(place, weights=mean, minlength=10) / np.maximum(numbers, 1)
        left.errorbar(given, share, error, fmt="o", ms=3, color=_COLOURS[one], label=one.name)
    left.set(xlabel="BANNJOS, mean probability", ylabel="share that is of the class")
    left.legend(fontsize=7)
    _selections(middle, rows, kinds)
    score = np.concatenate([ls_psc.main(block).columns["ml_score"] for block in blocks[:4]])
    is_point = np.concatenate([_scored(block) for block in blocks[:4]])
    for what, colour in ((True, "tab:blue"), (False, "tab:red")):
        drawn = score[(is_point == what) & ~np.isnan(score)]
        right.hist(drawn, bins=np.linspace(0, 1, 41), histtype="step", color=colour, log=True)
    right.set(xlabel="LS-PSC, ml_score", ylabel="points (blue), extended (red)")


def _scored(block: Block) -> BoolArray:
    seen = legacy.observed(block)
    kept = seen.block.is_wanted & ~seen.is_duplicate & ~np.isnan(seen.white_mag)
    return np.asarray(seen.block.is_point[kept])


def _bannjos(blocks: list[Block]) -> tuple[dict[str, FloatArray], NDArray[np.int64]]:
    """Return the rows outside of the tiles with caveats, and the kind of each."""
    pieces, kinds = [], []
    for block in blocks:
        columns = bannjos.class_bannjos(block).columns
        seen = jplus.seen(block)
        own = jplus.ids(seen)
        key = own["TILE_ID"].astype(np.int64) << 32 | own["NUMBER"]
        order = np.argsort(key)
        wanted = columns["TILE_ID"].astype(np.int64) << 32 | columns["NUMBER"]
        plain = ~np.isin(columns["TILE_ID"], list(bannjos.CAVEAT_TILES))
        pieces.append({name: values[plain] for name, values in columns.items()})
        kinds.append(seen.kind[order[np.searchsorted(key[order], wanted[plain])]])
    return {name: np.concatenate([one[name] for one in pieces]) for name in pieces[0]}, np.concatenate(kinds)


def _selections(axes: Axes, rows: dict[str, FloatArray], kinds: NDArray[np.int64]) -> None:
    """Draw purity and completeness of the published selections of each class."""
    medians = np.stack([rows[f"CLASS_{one.name}_prob_pc50"] for one in _CLASSES], axis=1)
    for one in _CLASSES:
        chosen = [medians.argmax(axis=1) == one]
        for low, high in (("pc16", "pc84"), ("pc02", "pc98")):
            others = [rows[f"CLASS_{other.name}_prob_{high}"] < 0.333 for other in _CLASSES if other is not one]
            chosen.append((rows[f"CLASS_{one.name}_prob_{low}"] >= 0.333) & np.logical_and.reduce(others))
        purity = [float((kinds[each] == one).mean()) for each in chosen]
        completeness = [float(each[kinds == one].mean()) for each in chosen]
        axes.plot(completeness, purity, "-", color=_COLOURS[one], lw=1)
        for mark, x, y in zip("os^", completeness, purity, strict=True):
            axes.plot([x], [y], mark, color=_COLOURS[one], ms=5)
    axes.set(xlabel="completeness", ylabel="purity", title="highest median (o), 1$\\sigma$, 2$\\sigma$ (^)")
