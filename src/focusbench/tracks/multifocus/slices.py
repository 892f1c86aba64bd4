"""Slices of the volumes, with maps of the difference (the paper's figure 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.paths import base_id
from focusbench.report.figures import (
    DIFFERENCE_MAP,
    image_axes,
    new_figure,
    scale_bar,
    style,
)
from focusbench.report.results import Results
from focusbench.tracks.multifocus.shown import (
    left_out,
    shown_degradation,
    shown_methods,
    shown_samples,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
        f"{base_id(panel.sample)} slice {panel.index + 1} of {panel.slices}"
        for panel in _slices(results)
    )
    return (
        f"Slices of transmittance ({shown_degradation(results)}): {shown}; each is the slice whose "
        "truth varies most. Beneath each method the signed difference, estimate minus truth; "
        "beneath the truth the image that was observed at that focus, with its range of "
        "intensity. All slices share one grey scale and all differences one colour scale; PSNR "
        f"is that of the whole volume with data range 1. Preset {settings['preset']}."
        + left_out(results, _figure_methods(results))
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


def _figure_methods(results: Results) -> list[str]:
    return shown_methods(results, shown_degradation(results))


def _slices(results: Results) -> list[_Panel]:
    degradation = shown_degradation(results)
    methods = _figure_methods(results)
    scores = results.scores().set_index(["sample", "degradation", "method", "seed"])
    panels = []
    for sample in shown_samples(results, degradation):
        observed = results.observed(sample, degradation)
        truth = results.truth(sample)
        chosen_from = (truth or observed).array
        index = int(np.argmax(chosen_from.astype(np.float64).var(axis=(1, 2))))
        estimates, psnr = {}, {}
        for method in methods:
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
    return f"{base_id(panel.sample)}\nslice {panel.index + 1} of {panel.slices}"


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
