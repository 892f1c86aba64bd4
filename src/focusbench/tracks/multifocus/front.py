"""Quality of the running estimate against what was spent on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from focusbench.paths import Restored, base_id
from focusbench.report.figures import (
    Style,
    is_trivial,
    new_figure,
    sentence_figure,
    style,
    track_styles,
)
from focusbench.report.results import Results
from focusbench.tracks.multifocus.shown import MOST_SAMPLES, shown_degradation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame


def front(results: Results, settings: Mapping[str, Any]) -> Figure:
    """PSNR of the running estimate against the CPU-seconds spent, one panel per sample.

    Reads scores, traces and timings: a step's place on the axis is its number times the CPU
    seconds of a step in the timing run, so that no time of a parallel run enters.

    Parameters
    ----------
    results
        Of this track, with `timed` set.
    settings
        Taken as all figures take it.
    """
    with style():
        return _draw_front(results)


def front_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `front`."""
    timings = results.timings()
    devices = ", ".join(sorted({str(device) for device in timings["device"].dropna()}))
    trains = [m for m in results.methods if m in {method for method, _ in results.trained}]
    what = "seconds" if _on_gpu(timings) else "CPU-seconds (all threads together)"
    return (
        f"PSNR (data range 1, whole volume, {shown_degradation(results)}) of the running estimate "
        f"against the {what} spent on it. Time is the number of steps times the time of a step in "
        f"a serial timing run ({devices}). The filled mark is the final estimate; grey lines are "
        "what a reader gets for nothing. Reading, starting up and writing are left out"
        + (f", and so is the training of {', '.join(trains)}" if trains else "")
        + f". The first seed of each method. Preset {settings['preset']}."
    )


def _on_gpu(timings: DataFrame) -> bool:
    return not timings["device"].dropna().isin(["cpu"]).all()


def _draw_front(results: Results) -> Figure:
    degradation = shown_degradation(results)
    scores = results.scores().set_index(["sample", "degradation", "method", "seed"])["psnr"]
    measured = scores.xs(degradation, level="degradation").groupby("sample").count()
    samples = [s for s in results.samples if measured.get(s, 0)][:MOST_SAMPLES]
    if not samples:
        return sentence_figure("No sample has a truth to compare with.")
    timings = results.timings()
    column = "seconds" if _on_gpu(timings) else "cpu_seconds"
    styles = track_styles(results.track, results.methods)
    columns = min(2, len(samples))
    rows = -(-len(samples) // columns)
    figure = new_figure(3.9 * columns + 0.4, 2.7 * rows + 0.8)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    handles: dict[str, Any] = {}
    for axes, sample in zip(grid.flat, samples, strict=False):
        for method in results.methods:
            item = results.find(sample, degradation, method)
            if item is None or not np.isfinite(scores.at[tuple(item)]):
                continue
            final = float(scores.at[tuple(item)])
            if is_trivial(method):
                drawn = axes.axhline(
                    final, color=styles[method].colour, linestyle=styles[method].dashes
                )
            else:
                drawn = _draw_curve(results, item, timings, column, final, axes, styles[method])
            if drawn is not None:
                handles[method] = drawn
        axes.set_title(base_id(sample))
    for axes in grid.flat[len(samples) :]:
        axes.axis("off")
    for axes in grid[:, 0]:
        axes.set_ylabel("PSNR (range 1), dB")
    unit = "seconds" if column == "seconds" else "CPU-seconds"
    for c in range(columns):
        lowest = grid[max(r for r in range(rows) if r * columns + c < len(samples)), c]
        lowest.set_xlabel(f"{unit} (steps × time of a step)")
        lowest.tick_params(labelbottom=True)
    grid[0, 0].set_xscale("log")
    ordered = [method for method in results.methods if method in handles]
    figure.legend(
        [handles[method] for method in ordered],
        ordered,
        loc="outside lower center",
        ncols=2 * columns,
        frameon=False,
    )
    return figure


def _draw_curve(
    results: Results,
    item: Restored,
    timings: DataFrame,
    column: str,
    final: float,
    axes: Axes,
    drawn_as: Style,
) -> Any:
    """Draw a method's way to its final estimate; None where it was not timed."""
    own = timings[timings["method"] == item.method]
    same = own[(own["sample"] == item.sample) & (own["degradation"] == item.degradation)]
    own = same if len(same) else own  # equal sizes: a step costs the same on every sample
    per_step = _mean(own, f"{column}_per_step")
    trace = results.trace(item)
    trace = trace[trace["psnr"].notna() & np.isfinite(trace["psnr"])]
    look = {"color": drawn_as.colour, "linestyle": drawn_as.dashes, "marker": drawn_as.marker}
    mark = {"markersize": 7, "markeredgecolor": "white", "markeredgewidth": 0.8}
    if per_step and len(trace):
        # what the phases before the first step took: all, less that of the steps themselves
        before = max(0.0, _mean(own, column) - _mean(own, "steps") * per_step)
        seconds = before + trace["step"].to_numpy(dtype=float) * per_step
        (line,) = axes.plot(
            seconds, trace["psnr"].to_numpy(), **look, **mark, markevery=[len(trace) - 1]
        )
        return line
    whole = _mean(own, column)  # no loop: one mark, at the time of its whole run
    if not whole:
        return None
    (line,) = axes.plot([whole], [final], **look, **mark)
    return line


def _mean(rows: DataFrame, column: str) -> float:
    values = rows[column].dropna() if column in rows else []
    return float(values.mean()) if len(values) else 0.0
