"""Quality against iterations, and where the methods stop by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from focusbench.paths import Restored
from focusbench.report.figures import Style, is_trivial, new_figure, style, track_styles
from focusbench.report.results import Results
from focusbench.tracks.deconvolution.table1_notes import RECORDED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 6
LEVELS = ("input", "affine_input")  # trivial rows that are drawn; zeros lies far below


def convergence(results: Results, settings: Mapping[str, Any]) -> Figure:
    """PSNR of the running estimate against the iteration, one panel per degradation.

    Reads scores and traces, of the first sample with a truth in the track's own unit of intensity.

    Parameters
    ----------
    results
        Of this track.
    settings
        `variants`, all methods of a user's own.
    """
    with style():
        return _draw(results, settings.get("variants", ()))


def convergence_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `convergence`."""
    panels = _panels(results)
    if not panels:
        return f"No sample has a truth to compare with. Preset {settings['preset']}."
    found = [
        results.find(sample, degradation, method)
        for degradation, sample in panels.items()
        for method in results.methods
        if not is_trivial(method)
    ]
    levels = [item.method for item in found if item is not None and results.trace(item).empty]
    without = list(dict.fromkeys(levels))
    left_out = list(panels)[MOST_PANELS:]
    return (
        f"PSNR (whole volume, data range 1) of the running estimate against the iteration, "
        f"{', '.join(dict.fromkeys(panels.values()))}, one panel per degradation. The filled mark "
        "is the estimate that was kept: there the method stopped, by the level of the noise or "
        "after as many iterations as it may take; it does not see the truth. The ring is the best "
        "iterate of the trace, which only an oracle finds. Grey lines: the input, as it is and "
        "after a gain and an offset that were fitted to the truth."
        + (f" Without iterations, drawn as levels: {', '.join(without)}." if without else "")
        + (f" Not shown: {', '.join(left_out)}." if left_out else "")
        + f" The first seed of each method. Preset {settings['preset']}."
    )


def _panels(results: Results) -> dict[str, str]:
    """Degradation -> the sample shown: the first that has a PSNR."""
    scores = results.scores()
    found: dict[str, str] = {}
    for degradation in results.degradations:
        rows = scores[(scores["degradation"] == degradation) & scores["psnr_volume"].notna()]
        # the trace of a recording knows no gain, so its PSNR says nothing
        if degradation != RECORDED and len(rows):
            found[degradation] = str(rows["sample"].iloc[0])
    return found


def _draw(results: Results, variants: Sequence[str]) -> Figure:
    panels = dict(list(_panels(results).items())[:MOST_PANELS])
    if not panels:
        figure = new_figure(6, 1.5)
        figure.text(0.5, 0.5, "No sample has a truth to compare with.", ha="center", va="center")
        return figure
    scores = results.scores().set_index(list(Restored._fields))["psnr_volume"]
    styles = track_styles(results.track, results.methods, variants)
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    ordered = [m for m in results.methods if not is_trivial(m) or m in LEVELS]
    beside = max(2, columns)  # entries of the legend, some of which are long
    figure = new_figure(
        max(3.1 * columns + 0.6, 5.2), 2.6 * rows + 0.4 + 0.2 * -(-len(ordered) // beside)
    )
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    handles: dict[str, Any] = {}
    for axes, (degradation, sample) in zip(grid.flat, panels.items(), strict=False):
        for method in results.methods:
            item = results.find(sample, degradation, method)
            if item is None or not np.isfinite(scores.at[tuple(item)]):
                continue
            if is_trivial(method) and method not in LEVELS:
                continue
            final = float(scores.at[tuple(item)])
            handles[method] = _draw_method(axes, results, item, final, styles[method])
        axes.set_title(f"{sample}\n{degradation}")
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    for axes in grid[:, 0]:
        axes.set_ylabel("PSNR of the volume, dB")
    for c in range(columns):
        lowest = grid[max(r for r in range(rows) if r * columns + c < len(panels)), c]
        lowest.set_xlabel("iteration")
        lowest.tick_params(labelbottom=True)
    grid[0, 0].set_xscale("log")
    grid[0, 0].xaxis.set_major_formatter("{x:g}")
    ordered = [method for method in ordered if method in handles]
    figure.legend(
        [handles[method] for method in ordered],
        ordered,
        loc="outside lower center",
        ncols=min(beside, len(ordered)),
        frameon=False,
    )
    return figure


def _draw_method(
    axes: Axes, results: Results, item: Restored, final: float, drawn_as: Style
) -> Any:
    """Draw a method's way to its estimate, or its level where it makes no iterations."""
    look = {"color": drawn_as.colour, "linestyle": drawn_as.dashes}
    trace = results.trace(item)
    trace = trace[np.isfinite(trace["psnr"])]
    if trace.empty:
        return axes.axhline(final, **look)
    steps, psnr = trace["step"].to_numpy(dtype=float), trace["psnr"].to_numpy()
    (line,) = axes.plot(
        steps,
        psnr,
        **look,
        marker=drawn_as.marker,
        markevery=[len(steps) - 1],
        markersize=7,
        markeredgecolor="white",
        markeredgewidth=0.8,
        zorder=3,
    )
    best = int(np.argmax(psnr))
    if best != len(psnr) - 1:
        axes.plot(
            steps[best],
            psnr[best],
            "o",
            markersize=8,
            markerfacecolor="none",
            markeredgecolor=drawn_as.colour,
            markeredgewidth=1.2,
        )
    return line
