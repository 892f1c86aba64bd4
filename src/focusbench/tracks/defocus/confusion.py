"""True levels against predicted ones (the paper's figure 3), on more fields than the paper has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.evaluation.levels import LevelScores, confusion, score
from focusbench.report.figures import new_figure, sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.defocus import confusion_counts as counts
from focusbench.tracks.defocus import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOTHING = "No predictor was judged on patches whose level is known."
WIDTH = 8.4  # inches
MOST_PANELS = 4
BESIDE = 2  # panels
LIGHT = 0.55  # share above which a cell is dark, so that its text is white
MAP = "Blues"


class _Panel(NamedTuple):
    """A set of patches: how many have which true (row) and predicted class (column)."""

    name: str
    table: np.ndarray
    scores: LevelScores
    fields: list[str]


def fig3(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Confusion matrices of `delpnet`, one a set of patches, with counts and shares of a row.

    Reads what predictors said of patches. Of each predictor the first seed; where `delpnet` was
    not judged, the first that was.

    Parameters
    ----------
    results
        Of this track.
    settings
        `track` with `optics` (`levels`, `step`) and `predictors`.
    """
    with style():
        found = _panels(results, settings)
        if found is None:
            return sentence_figure(NOTHING)
        return _draw(found[1], counts.levels_of(settings))


def fig3_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig3`."""
    found = _panels(results, settings)
    if found is None:
        return f"{NOTHING}{shown.made_with(settings)}"
    method, panels = found
    told = "; ".join(f"{_heading(panel)} ({_fields(panel)}): {_scores(panel)}" for panel in panels)
    have = [panel.name for panel in panels]
    missing = [words for name, words in counts.SETS.items() if name not in have and name != "image"]
    return (
        f"True against predicted levels of {method}. In each cell the share of its row, in %, "
        "which is also its colour, and beneath it the number of patches; cells without any are "
        f"empty. bg: patches that show nothing. {told}."
        + (f" Not judged: {', '.join(missing)}." if missing else "")
        + (
            " Images held out, fields seen in training: other levels of the same fields were "
            "learned from, as in the paper, so this is no measure of new fields."
            if "image" in have
            else ""
        )
        + shown.made_with(settings)
    )


def _panels(results: Results, settings: Mapping[str, Any]) -> tuple[str, list[_Panel]] | None:
    told, levels = counts.table(results), counts.levels_of(settings)
    methods = counts.predictors(told, settings)
    if not methods:
        return None
    method, panels = counts.chosen(methods), []
    for name in counts.SETS:
        judged = counts.judged(told, method, name, levels)
        if judged is not None:
            table = confusion(judged.truth, judged.predicted, levels)
            scores = score(judged.truth, judged.predicted, levels, counts.step_of(settings))
            panels.append(_Panel(name, table, scores, list(dict.fromkeys(judged.sample))))
    return (method, panels[:MOST_PANELS]) if panels else None


def _heading(panel: _Panel) -> str:
    return counts.heading(panel.name, panel.fields)


def _fields(panel: _Panel) -> str:
    many = len(panel.fields)
    return f"{many} fields" if many > 1 else panel.fields[0]


def _scores(panel: _Panel) -> str:
    scores = panel.scores
    depth = "" if scores.mae_um is None else f", mean error {scores.mae_um:.2f} µm"
    return (
        f"{scores.patches} patches, {counts.percent(scores.accuracy)} right, "
        f"{counts.percent(scores.within_one)} within one level{depth}"
    )


def _draw(panels: list[_Panel], levels: int) -> Figure:
    columns = min(BESIDE, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(WIDTH * max(columns / BESIDE, 0.62), 4.2 * rows + 0.45)
    above = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    names = [*map(str, range(levels)), "bg"]
    image = None
    for axes, panel in zip(above, panels, strict=False):
        image = _matrix(axes, panel, names)
    for axes in above[len(panels) :]:
        axes.set_visible(False)
    bar = figure.colorbar(
        image,
        ax=above.tolist(),
        location="bottom",
        shrink=0.5,
        aspect=35,
        pad=0.02,
        label="share of the row, %",
    )
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25", "50", "75", "100"])
    return figure


def _matrix(axes: Axes, panel: _Panel, names: list[str]) -> Any:
    many = panel.table.sum(axis=1, keepdims=True)
    shares = np.divide(
        panel.table,
        many,
        out=np.zeros(panel.table.shape),
        where=np.broadcast_to(many > 0, panel.table.shape),
    )
    image = axes.imshow(shares, cmap=MAP, vmin=0, vmax=1)
    for (row, column), number in np.ndenumerate(panel.table):
        if not number:
            continue
        share = shares[row, column]
        ink = {"ha": "center", "color": "white" if share > LIGHT else "black"}
        percent = f"{100 * share:.0f}" if share >= 0.005 else "<1"
        axes.text(column, row + 0.05, percent, va="bottom", fontsize=7, **ink)
        axes.text(column, row + 0.08, f"{number}", va="top", fontsize=5.5, **ink)
    places = range(len(names))
    axes.set_xticks(places, names)
    axes.set_yticks(places, names)
    axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.grid(False)
    axes.grid(True, which="minor", linewidth=0.4, color="#e4e4e4")
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("predicted level")
    axes.set_ylabel("true level")
    scores = panel.scores
    axes.set_title(
        f"{counts.capital(_heading(panel))}\n{scores.patches} patches, "
        f"{counts.percent(scores.accuracy)} right, {counts.percent(scores.within_one)} within 1",
        fontsize=8.5,
    )
    return image
