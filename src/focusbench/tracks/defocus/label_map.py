"""Predicted levels of the patches of a field (the paper's figure 2c), beside the true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.report.figures import (
    image_axes,
    new_figure,
    scale_bar,
    sentence_figure,
    style,
)
from focusbench.report.results import Results
from focusbench.solvers.patch_grid import PatchGrid
from focusbench.tracks.defocus import shown, true_levels
from focusbench.tracks.defocus.confusion_counts import levels_of, step_of
from focusbench.tracks.defocus.label_map_colours import draw_levels, level_bar
from focusbench.tracks.defocus.sections import grey
from focusbench.tracks.defocus.told import ORACLE, PAPERS
from focusbench.training.level_map import BG, LevelMap, levels_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 4
MOST_PREDICTORS = 2
WIDTH = 8.4  # inches
LABEL = 0.25  # inches, of the rows' names
LINES = 0.22  # inches, of what stands beneath a row
AROUND = 0.7  # inches, of headings of one line and colour bar
LINE = 0.17  # inches, of a heading's second line
NOTHING = "No predictor was asked for the levels of a field."


class _Row(NamedTuple):
    """A field as one degradation made it."""

    degradation: str
    truth: np.ndarray | None  # (Y, X), counts
    observed: np.ndarray
    pixel_size: float | None  # um
    edges: tuple[np.ndarray, np.ndarray]  # between patches, pixels
    true: np.ndarray | None  # (R, C), levels or BG; None: not known
    predicted: dict[str, np.ndarray]  # likewise, by predictor


class _Shown(NamedTuple):
    """What the figure shows."""

    sample: str
    predictors: list[str]
    side: int
    rows: list[_Row]
    left_out: list[str]  # degradations without predicted levels, or beyond what fits
    others: list[str]  # predictors beyond what fits


def fig2(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Field in focus, as observed, true levels of its patches, and what predictors say.

    One row a degradation, of the first sample whose levels were told. Reads truths, observations
    and their records, and levels files. Of the predictors that have some, two are shown: `delpnet`
    first, then in the order of the configuration.

    Parameters
    ----------
    results
        Of this track.
    settings
        `track` with `optics` (`levels`, `step`), `predictors` and `seeds`; `methods`: parameters
        by id, which name the predictors of restorers.
    """
    with style():
        found = _shown(results, settings)
        return sentence_figure(NOTHING) if found is None else _draw(found, settings)


def fig2_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig2`."""
    found = _shown(results, settings)
    if found is None:
        return f"{NOTHING}{shown.made_with(settings)}"
    told = "; ".join(
        f"{row.degradation}, {name}: {_agreement(row.true, said)}"
        for row in found.rows
        for name, said in row.predicted.items()
    )
    return (
        f"{found.sample}: the field in focus, as it was observed (one grey scale in a row), the "
        f"true defocus levels of its patches of {found.side} px and what is said of each by "
        f"{shown.listed(found.predictors)}. Levels are {step_of(settings):g} µm apart. A patch's "
        "true level is the mean of its pixels', rounded; bg: nothing is seen there, by the paper's "
        "rule, before noise. Where a field is no multiple of a patch, the last ones are moved back "
        "so that they end with it, and are drawn where no other lies; narrow ones have no number. "
        f"{told}."
        + (f" Not shown: {', '.join(found.left_out)}." if found.left_out else "")
        + (f" Nor what these say: {', '.join(found.others)}." if found.others else "")
        + shown.made_with(settings)
    )


def _shown(results: Results, settings: Mapping[str, Any]) -> _Shown | None:
    seed = int((settings["track"].get("seeds") or [0])[0])
    for sample in results.samples:
        own = [item.degradation for item in results.items if item.sample == sample]
        maps = {
            (name, degradation): told
            for name in _asked(results, settings)
            for degradation in dict.fromkeys(own)
            if (told := results.levels(name, sample, degradation, seed)) is not None
        }
        if not maps:
            continue
        predictors = list(dict.fromkeys(name for name, _ in maps))
        kept = predictors[:MOST_PREDICTORS]
        having = [one for one in dict.fromkeys(own) if any((name, one) in maps for name in kept)]
        rows = [
            _row(results, sample, one, {n: maps[n, one] for n in kept if (n, one) in maps})
            for one in having[:MOST_ROWS]
        ]
        side = next(iter(maps.values())).side
        left_out = [one for one in dict.fromkeys(own) if one not in having[:MOST_ROWS]]
        return _Shown(sample, kept, side, rows, left_out, predictors[MOST_PREDICTORS:])
    return None


def _asked(results: Results, settings: Mapping[str, Any]) -> list[str]:
    """Predictors that are compared, and those that tell restorers their levels."""
    telling = [shown.predictor(settings, method) for method in results.methods]
    known = [PAPERS, *(settings["track"].get("predictors") or []), *telling]
    return [one for one in dict.fromkeys(known) if one not in (ORACLE, None)]


def _row(results: Results, sample: str, degradation: str, told: Mapping[str, LevelMap]) -> _Row:
    truth, observed = results.truth(sample), results.observed(sample, degradation)
    levels = results.observation_record(sample, degradation).get("levels")
    first = next(iter(told.values()))
    wide = PatchGrid(observed.array.shape, first.side, true_levels.TRIANGULAR)
    grid = PatchGrid(wide.shape, wide.size)
    true = None
    if levels:
        true = levels_on(wide, true_levels.patch_levels(levels, wide), grid.window)
    return _Row(
        degradation,
        None if truth is None else truth.array,
        observed.array,
        None if observed.voxel_size is None else observed.voxel_size[-1],
        _edges(grid),
        true,
        {name: levels_on(wide, one.levels, grid.window) for name, one in told.items()},
    )


def _edges(grid: PatchGrid) -> tuple[np.ndarray, np.ndarray]:
    """Where one patch takes over from another, and the borders of the field; pixels."""
    y, x = (
        np.concatenate([[0], borders, [length]])
        for borders, length in zip(grid.borders, grid.shape, strict=True)
    )
    return y, x


def _agreement(true: np.ndarray | None, said: np.ndarray) -> str:
    if true is None:
        return "true levels not known"
    right, near, _ = _compared(true, said)
    both = (true != BG) & (said != BG)
    lost, made = int(((true != BG) & (said == BG)).sum()), int(((true == BG) & (said != BG)).sum())
    error = np.abs(true - said)[both].mean() if both.any() else 0.0
    off = f", mean error {error:.2f} levels" if both.any() else ""
    return (
        f"of {true.size} patches {right} right, {near} within one level{off}, {lost} taken for bg "
        f"that are not, {made} of bg not"
    )


def _compared(true: np.ndarray, said: np.ndarray) -> tuple[int, int, int]:
    """How many patches are right, right or one level off, and how many there are."""
    right = true == said
    near = right | ((np.abs(true - said) <= 1) & (true != BG) & (said != BG))
    return int(right.sum()), int(near.sum()), true.size


def _draw(found: _Shown, settings: Mapping[str, Any]) -> Figure:
    height, width = found.rows[0].observed.shape
    columns = 3 + len(found.predictors)
    panel = (WIDTH - LABEL) / columns
    names = [f"{shown.heading(one)} says" for one in found.predictors]
    tall = len(found.rows) * (panel * height / width + LINES) + AROUND
    tall += LINE * any("\n" in name for name in names)
    figure = new_figure(WIDTH, tall)
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.0, hspace=0.0)
    above = figure.subplots(len(found.rows), columns, squeeze=False)
    for place, (axes, row) in enumerate(zip(above, found.rows, strict=True)):
        _draw_row(axes, row, levels_of(settings), found.predictors)
        if place == 0:
            for one, title in zip(
                axes, ["in focus", "observed", "true levels", *names], strict=True
            ):
                one.set_title(title)
    level_bar(figure, above.ravel().tolist(), levels_of(settings), step_of(settings))
    return figure


def _draw_row(above: Sequence[Axes], row: _Row, levels: int, predictors: Sequence[str]) -> None:
    scale = grey(*(one for one in (row.truth, row.observed) if one is not None))
    for axes, image in zip(above, (row.truth, row.observed), strict=False):
        if image is None:
            _missing(axes, row.observed.shape)
            continue
        axes.imshow(image, cmap="gray", vmin=scale.black, vmax=scale.white)
        scale_bar(axes, image.shape, row.pixel_size)
    said = [row.predicted.get(one) for one in predictors]
    for axes, known in zip(above[2:], (row.true, *said), strict=True):
        if known is None:
            _missing(axes, row.observed.shape)
        else:
            draw_levels(axes, known, row.edges, levels)
    for axes in above:
        image_axes(axes)
    above[0].set_ylabel(row.degradation, fontsize=8)
    white = f"black {scale.black:.0f}, white {scale.white:.0f} counts"
    above[1].set_xlabel(white, fontsize=7)
    for axes, one in zip(above[3:], said, strict=True):
        if one is not None and row.true is not None:
            right, near, many = _compared(row.true, one)
            axes.set_xlabel(f"{right} of {many} right, {near} within 1", fontsize=7)


def _missing(axes: Axes, shape: tuple[int, ...]) -> None:
    axes.set_xlim(0, shape[1])
    axes.set_ylim(shape[0], 0)
    axes.set_aspect("equal")
    words = {"transform": axes.transAxes, "ha": "center", "va": "center", "fontsize": 8}
    axes.text(0.5, 0.5, "not known", **words)
