"""Figures of the track: slices of the volumes (the paper's figure 3), and quality against cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench import methods as known_methods
from focusbench.paths import Restored
from focusbench.report.figures import (
    DIFFERENCE_MAP,
    Style,
    image_axes,
    is_trivial,
    method_styles,
    new_figure,
    scale_bar,
    style,
)
from focusbench.report.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

MOST_SAMPLES = 4
MOST_METHODS = 6
UNIT = "transmittance per µm"


def fig3(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Slices of the truth and of each method's volume, with the difference maps beneath.

    Reads scores, truths, observations and restored volumes; settings are not needed.

    Parameters
    ----------
    results
        Of this track.
    settings
        Taken as all figures take it.
    """
    with style():
        return _draw_slices(_slices(results), _figure_methods(results))


def fig3_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig3`."""
    shown = "; ".join(
        f"{panel.sample} slice {panel.index + 1} of {panel.slices}" for panel in _slices(results)
    )
    left_out = [m for m in results.methods if m not in _figure_methods(results)]
    return (
        f"Slices of transmittance ({_degradation(results)}): {shown}; each is the slice whose "
        "truth varies most. Beneath each method the signed difference, estimate minus truth; "
        "beneath the truth the image that was observed at that focus, with its range of "
        "intensity. All slices share one grey scale and all differences one colour scale; PSNR "
        f"is that of the whole volume with data range 1. Preset {settings['preset']}."
        + (f" Not shown: {', '.join(left_out)} (see the table)." if left_out else "")
    )


class _Panel(NamedTuple):
    """What is shown of one sample: slice `index` of each volume."""

    sample: str
    index: int
    slices: int
    pixel_size: float | None  # um
    truth: np.ndarray | None
    observed: np.ndarray
    estimates: dict[str, np.ndarray]
    psnr: dict[str, float]


def _degradation(results: Results) -> str:
    """The one that figures show: `clean`, or else the first."""
    found = results.degradations
    return "clean" if "clean" in found else found[0]


def _figure_methods(results: Results) -> list[str]:
    shown = [method for method in results.methods if not is_trivial(method)]
    return (shown or results.methods)[:MOST_METHODS]


def _figure_samples(results: Results, degradation: str) -> list[str]:
    ran = {item.sample for item in results.items if item.degradation == degradation}
    return [sample for sample in results.samples if sample in ran][:MOST_SAMPLES]


def _slices(results: Results) -> list[_Panel]:
    degradation = _degradation(results)
    scores = results.scores().set_index(["sample", "degradation", "method", "seed"])
    panels = []
    for sample in _figure_samples(results, degradation):
        observed = results.observed(sample, degradation)
        truth = results.truth(sample)
        chosen_from = (truth or observed).array
        index = int(np.argmax(chosen_from.astype(np.float64).var(axis=(1, 2))))
        estimates, psnr = {}, {}
        for method in _figure_methods(results):
            item = results.find(sample, degradation, method)
            if item is not None:
                estimates[method] = results.restored(item).array[index]
                psnr[method] = float(scores.at[tuple(item), "psnr"])
        panels.append(
            _Panel(
                sample,
                index,
                len(chosen_from),
                observed.voxel_size[-1] if observed.voxel_size else None,
                None if truth is None else truth.array[index],
                observed.array[index],
                estimates,
                psnr,
            )
        )
    return panels


def _draw_slices(panels: Sequence[_Panel], methods: Sequence[str]) -> Figure:
    """Two rows of axes per sample; the second one is missing where there is no truth at all."""
    compared = any(panel.truth is not None for panel in panels)
    rows, columns = (2 if compared else 1), 1 + len(methods)
    figure = new_figure(1.45 * columns + 1.5, (1.4 * rows + 0.4) * len(panels) + 0.2)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    grid = figure.subplots(rows * len(panels), columns, squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)  # until something is drawn in it
    grey = {"cmap": "gray", "vmin": _darkest(panels), "vmax": 1.0}
    limit = _difference_limit(panels)
    signed = {"cmap": DIFFERENCE_MAP, "vmin": -limit, "vmax": limit}
    image = difference = None
    for p, panel in enumerate(panels):
        above, beneath = grid[rows * p], grid[rows * p + rows - 1]
        if panel.truth is None:
            _draw_observed(above[0], panel)
            above[0].set_ylabel(_place(panel))
            above[0].set_title(f"observed\n{_span(panel.observed)}")
        else:
            _show(above[0], panel.truth, grey)
            above[0].set_ylabel(_place(panel))
            above[0].set_title("truth")
            _draw_observed(beneath[0], panel)
            beneath[0].set_ylabel(f"observed\n{_span(panel.observed)}")
        scale_bar(above[0], panel.observed.shape, panel.pixel_size)
        for c, method in enumerate(methods, start=1):
            if method not in panel.estimates:
                continue
            estimate = panel.estimates[method]
            image = _show(above[c], estimate, grey)
            above[c].set_title(_title(method, panel.psnr[method]))
            if panel.truth is not None:
                difference = _show(beneath[c], estimate - panel.truth, signed)
    bar = {"aspect": 25, "pad": 0.02}
    half = len(grid) // 2 if difference is not None else len(grid)
    if image is not None:
        figure.colorbar(image, ax=grid[:half], extend="min", label=UNIT, **bar)
    if difference is not None:
        label = f"estimate − truth,\n{UNIT}"
        figure.colorbar(difference, ax=grid[half:], extend="both", label=label, **bar)
    return figure


def _show(axes: Axes, image: np.ndarray, scale: Mapping[str, Any]) -> Any:
    axes.set_visible(True)
    image_axes(axes)
    return axes.imshow(image, interpolation="nearest", **scale)


def _place(panel: _Panel) -> str:
    return f"{panel.sample}\nslice {panel.index + 1} of {panel.slices}"


def _darkest(panels: Sequence[_Panel]) -> float:
    """Dark end of the grey scale, a multiple of 0.05: of the truth, where there is one."""
    images = [p.truth for p in panels if p.truth is not None]
    images = images or [estimate for p in panels for estimate in p.estimates.values()]
    lowest = min((float(image.min()) for image in images), default=0.95)
    return min(math.floor(20 * lowest + 1e-3) / 20, 0.95)


def _difference_limit(panels: Sequence[_Panel]) -> float:
    """Half the span of the difference scale: nearly all pixels fit, a few outliers do not count."""
    found = [
        np.abs(estimate - panel.truth).ravel()
        for panel in panels
        if panel.truth is not None
        for estimate in panel.estimates.values()
    ]
    if not found:
        return 0.0
    limit = float(np.quantile(np.concatenate(found), 0.995))
    return max(limit, 1e-3)


def _title(method: str, psnr: float) -> str:
    return method if np.isnan(psnr) else f"{method}\n{psnr:.1f} dB"


def _span(image: np.ndarray) -> str:
    """Range of an image that has no colour bar."""
    return f"{float(image.min()):.2f} to {float(image.max()):.2f}"


def _draw_observed(axes: Axes, panel: _Panel) -> None:
    """Show the camera's image: intensity, not transmittance, so on a grey scale of its own."""
    _show(axes, panel.observed, {"cmap": "gray"})


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
        f"PSNR (data range 1, whole volume, {_degradation(results)}) of the running estimate "
        f"against the {what} spent on it. Time is the number of steps times the time of a step in "
        f"a serial timing run ({devices}). The filled mark is the final estimate; grey lines are "
        "what a reader gets for nothing. Reading, starting up and writing are left out"
        + (f", and so is the training of {', '.join(trains)}" if trains else "")
        + f". The first seed of each method. Preset {settings['preset']}."
    )


def _on_gpu(timings: DataFrame) -> bool:
    return not timings["device"].dropna().isin(["cpu"]).all()


def _draw_front(results: Results) -> Figure:
    degradation = _degradation(results)
    scores = results.scores().set_index(["sample", "degradation", "method", "seed"])["psnr"]
    measured = scores.xs(degradation, level="degradation").groupby("sample").count()
    samples = [s for s in results.samples if measured.get(s, 0)][:MOST_SAMPLES]
    if not samples:
        figure = new_figure(6, 1.5)
        figure.text(0.5, 0.5, "No sample has a truth to compare with.", ha="center", va="center")
        return figure
    timings = results.timings()
    column = "seconds" if _on_gpu(timings) else "cpu_seconds"
    styles = method_styles(
        known_methods.names(results.track),
        results.methods,
        [m for m in results.methods if is_trivial(m)],
    )
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
        axes.set_title(sample)
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
