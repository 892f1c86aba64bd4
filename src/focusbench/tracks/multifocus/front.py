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
from focusbench.tracks.multifocus.clock import WHY_NOT_TIMED, holding
from focusbench.tracks.multifocus.shown import MOST_SAMPLES, shown_degradation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame, Series


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
        return _draw_front(results, settings)


def front_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `front`."""
    timings = results.timings()
    devices = ", ".join(sorted({str(device) for device in timings["device"].dropna()}))
    trains = [m for m in results.methods if m in {method for method, _ in results.trained}]
    without = _not_timed(results, settings.get("sources") or {})
    what = "seconds" if _on_gpu(timings) else "CPU-seconds (all threads together)"
    return (
        f"PSNR (data range 1, whole volume, {shown_degradation(results)}) of the running estimate "
        f"against the {what} spent on it. Time is the number of steps times the time of a step in "
        f"a serial timing run ({devices}). The filled mark is the final estimate; grey lines are "
        "what a reader gets for nothing. Reading, starting up and writing are left out"
        + (f", and so is the training of {', '.join(trains)}" if trains else "")
        + f". The first seed of each method. Preset {settings['preset']}."
        + (
            f" Not shown, as not timed there: {'; '.join(without)} ({WHY_NOT_TIMED})."
            if without
            else ""
        )
    )


def _on_gpu(timings: DataFrame) -> bool:
    return not timings["device"].dropna().isin(["cpu"]).all()


def _scores(results: Results) -> Series:
    return results.scores().set_index(["sample", "degradation", "method", "seed"])["psnr"]


def _shown(results: Results, scores: Series) -> dict[str, list[Restored]]:
    """Sample -> what its panel shows: the first seed of each method that has a score."""
    degradation = shown_degradation(results)
    measured = scores.xs(degradation, level="degradation").groupby("sample").count()
    samples = [s for s in results.samples if measured.get(s, 0)][:MOST_SAMPLES]
    found = {
        s: [results.find(s, degradation, method) for method in results.methods] for s in samples
    }
    return {
        sample: [item for item in items if item and np.isfinite(scores.at[tuple(item)])]
        for sample, items in found.items()
    }


def _not_timed(results: Results, sources: Mapping[str, str]) -> list[str]:
    """Methods that miss in a panel, and where, as no timing holds there."""
    timings = results.timings()
    column = "seconds" if _on_gpu(timings) else "cpu_seconds"
    missing: dict[str, list[str]] = {}
    for sample, items in _shown(results, _scores(results)).items():
        for item in items:
            own = holding(timings, item, sources)
            if not (is_trivial(item.method) or _mean(own, column)):
                missing.setdefault(item.method, []).append(base_id(sample))
    return [f"{method} on {', '.join(samples)}" for method, samples in missing.items()]


def _draw_front(results: Results, settings: Mapping[str, Any]) -> Figure:
    scores = _scores(results)
    shown = _shown(results, scores)
    samples, sources = list(shown), settings.get("sources") or {}
    if not samples:
        return sentence_figure("No sample has a truth to compare with.")
    timings = results.timings()
    column = "seconds" if _on_gpu(timings) else "cpu_seconds"
    styles = track_styles(results.track, results.methods, settings.get("variants", ()))
    columns = min(2, len(samples))
    rows = -(-len(samples) // columns)
    figure = new_figure(3.9 * columns + 0.4, 2.7 * rows + 0.8)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    handles: dict[str, Any] = {}
    for axes, sample in zip(grid.flat, samples, strict=False):
        for item in shown[sample]:
            method, final = item.method, float(scores.at[tuple(item)])
            if is_trivial(method):
                drawn = axes.axhline(
                    final, color=styles[method].colour, linestyle=styles[method].dashes
                )
            else:
                own = holding(timings, item, sources)
                drawn = _draw_curve(results, item, own, column, final, axes, styles[method])
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
    own: DataFrame,
    column: str,
    final: float,
    axes: Axes,
    drawn_as: Style,
) -> Any:
    """Draw a method's way to its final estimate; None where no timing holds (`own` are those)."""
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
