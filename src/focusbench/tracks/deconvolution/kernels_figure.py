"""Learned and estimated PSFs beside the true one (the paper's figure 11)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from focusbench.report.figures import (
    DIFFERENCE_MAP,
    image_axes,
    new_figure,
    scale_bar,
    sentence_figure,
    style,
    track_styles,
)
from focusbench.report.results import Results
from focusbench.tracks.deconvolution import kernels, shown
from focusbench.tracks.deconvolution.degradations import parse
from focusbench.tracks.deconvolution.kernels import Kernel
from focusbench.tracks.deconvolution.kernels_shown import Column, Shown, collect
from focusbench.tracks.deconvolution.psf_figure import MODELS, fine_width
from focusbench.tracks.deconvolution.sections_drawing import broken
from focusbench.tracks.deconvolution.table1_notes import RECORDED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAMMA = 0.5
HIGHEST = 2.0  # of the true PSF's peak: what is above has the last colour
WIDEST = 2.0  # inches of a column
WIDTH = 8.2  # inches of all
TRUTH_COLOUR = "#888888"
DASHES = (0, (3, 1.5))  # of raw kernels, short enough to be seen in a legend
OUTSIDE = "#bbbbbb"


def fig11(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Sections and profiles of the true PSF, of learned kernels, raw and smoothed, and estimates.

    Reads models, restoration records and, of recordings, the observation. Where anything but
    recordings was restored, they are not shown.

    Parameters
    ----------
    results
        Of this track.
    settings
        `track` with `optics`, `voxel_size` and, for `offmodel`, `aberration`; `variants`; and, for
        recordings, `differs`.
    """
    with style():
        found = collect(results, settings)
        if isinstance(found, str):
            return sentence_figure(found)
        styles = track_styles(results.track, list(found.found), settings.get("variants", ()))
        return _draw(found, styles)


def fig11_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig11`."""
    found = collect(results, settings)
    if isinstance(found, str):
        return f"{found}{shown.made_with(settings)}"
    name, item = found.reference.name, found.reference.item
    estimates = [method for method in found.found if method not in found.learned]
    about = "; ".join(_about(method, one) for method, one in found.found.items())
    widths = "; ".join(
        f"{column.heading} {_nm(column.fwhm['lateral'])} laterally, "
        f"{_nm(column.fwhm['axial'])} axially"
        for column in (found.columns[0], found.smooth_reference, *found.columns[1:])
    )
    _, y, x = found.reference.voxel_size
    mean = " (lateral: mean of x and y)" if math.isclose(y, x) else " (lateral: along x)"
    return (
        f"PSFs found from data, beside the {name} of {item.degradation} ({item.sample}). "
        + (
            f"{', '.join(found.learned)}: the kernel that the training learned, raw and smoothed "
            f"with a Gaussian of {kernels.SMOOTHING:g} voxel. "
            if found.learned
            else "No kernel was learned in this run. Smoothed: with a Gaussian of "
            f"{kernels.SMOOTHING:g} voxel. "
        )
        + (f"{', '.join(estimates)}: estimated from that observation alone. " if estimates else "")
        + "Above: sections, all scaled to unit sum and shown over the peak of the first, on one "
        f"colour scale with gamma {GAMMA:g} for either sign (blue: below 0; grey: outside the "
        "box). What is found blindly may be shifted, and the object with it the other way: "
        "sections and profiles go through the voxel nearest to the centroid of what exceeds half "
        "the maximum after such smoothing; nothing was resampled. Below: profiles over their "
        f"maximum{mean}. Full widths at half maximum, from the voxels by a "
        f"cubic spline: {widths}.{_fine(found, settings)} {about}.{shown.made_with(settings)}"
    )


def _fine(found: Shown, settings: Mapping[str, Any]) -> str:
    """Say why figure 5 has another width of the same PSF; nothing where it does not show it."""
    item = found.reference.item
    if item.degradation == RECORDED or parse(item.degradation).psf_model not in MODELS:
        return ""
    fine = fine_width(settings["track"], parse(item.degradation).psf_model, "lateral")
    mine = found.columns[0].fwhm["lateral"]
    return (
        f" The {found.reference.name}'s lateral width is from voxels here ({_nm(mine)}), from a "
        f"fine line in figure 5 ({_nm(fine)})."
    )


def _about(method: str, one: Kernel) -> str:
    z, y, x = (f"{round(value, 2) + 0.0:+.2f}".replace("-", "−") for value in one.shift)
    how = "before scaling" if one.scaled else "too little to scale by, so shown as it is"
    return (
        f"{method}: {' x '.join(map(str, one.values.shape))} voxels, sum {one.total:.3g} {how} "
        f"(1 keeps the light), negative share {100 * one.negative:.1f} % of the absolute sum, "
        f"centroid ({z}, {y}, {x}) µm from the origin (z, y, x)"
    ).replace("sum -", "sum −")


def _nm(width: float) -> str:
    return f"{1000 * width:.0f} nm" if math.isfinite(width) else "not within the box"


def _draw(found: Shown, styles: Mapping[str, Any]) -> Figure:
    count = len(found.columns)
    first = found.columns[0].sections
    z, y, x = found.reference.voxel_size
    aspects = {"XY": y / x, "XZ": z / x}
    heights = [first[name].shape[0] / first[name].shape[1] * aspects[name] for name in aspects]
    heights = [min(max(height, 0.3), 2.5) for height in heights]
    column = min(WIDEST, (WIDTH - 1.3) / count)
    above_height = column * sum(heights) + 0.8
    below_height = 2.3 + 0.2 * (count + 1)  # the legends have a line for each
    figure = new_figure(WIDTH, above_height + below_height)
    above, below = figure.subfigures(2, 1, height_ratios=[above_height, below_height])
    grid = above.subplots(2, count, squeeze=False, height_ratios=heights)
    norm, ticks = _norm(found.columns)
    drawn = None
    for c, one in enumerate(found.columns):
        for axes, (name, image) in zip(grid[:, c], one.sections.items(), strict=True):
            drawn = axes.imshow(image, norm=norm, cmap=DIFFERENCE_MAP, aspect=aspects[name])
            axes.set_facecolor(OUTSIDE)
            image_axes(axes)
        title = f"{broken(one.name)}\n{one.state}".strip()
        longest = max(map(len, title.split("\n")))
        grid[0, c].set_title(title, fontsize=min(9.0, 72 * column / (0.62 * longest)))
    for axes, name in zip(grid[:, 0], first, strict=True):
        axes.set_ylabel(name)
        scale_bar(axes, first[name].shape, x)
    bar = above.colorbar(drawn, ax=grid, extend="both", pad=0.01, aspect=30, ticks=ticks)
    bar.set_label(f"weight over the\n{found.reference.name}'s peak")
    for axes, axis, step in zip(below.subplots(1, 2), ("lateral", "axial"), (x, z), strict=True):
        _draw_profiles(axes, found, axis, step, styles)
    return figure


def _norm(columns: Sequence[Column]) -> tuple[Any, list[float]]:
    """One scale for all, the root of either sign, and where its bar has ticks."""
    from matplotlib.colors import FuncNorm

    values = [one.sections[name] for one in columns for name in one.sections]
    end = min(max(float(np.nanmax(np.abs(value))) for value in values), HIGHEST)
    end = max(end, 1.0)

    def forward(value: np.ndarray) -> np.ndarray:
        return np.sign(value) * np.abs(value) ** GAMMA

    def inverse(value: np.ndarray) -> np.ndarray:
        return np.sign(value) * np.abs(value) ** (1 / GAMMA)

    ticks = [-1.0, -0.3, -0.05, 0.0, 0.05, 0.3, 1.0]
    return FuncNorm((forward, inverse), -end, end), ticks


def _draw_profiles(
    axes: Axes, found: Shown, axis: str, step: float, styles: Mapping[str, Any]
) -> None:
    widest = 0.0
    for one in (found.columns[0], found.smooth_reference, *found.columns[1:]):
        line = one.profiles[axis]
        top = float(np.nanmax(line))
        position = (np.arange(len(line)) - (len(line) - 1) / 2) * step
        look: dict[str, Any] = {"color": TRUTH_COLOUR, "linewidth": 2.4}
        if one.state == "smoothed":
            look |= {"linewidth": 1.4, "linestyle": "-."}
        if one.name in styles:
            look = {"color": styles[one.name].colour}
            if one.state == "raw":
                look |= {"linewidth": 1.0, "linestyle": DASHES, "alpha": 0.6}
            else:
                look |= {"linewidth": 1.6, "marker": styles[one.name].marker, "markersize": 3.5}
        label = f"{one.heading}: {_nm(one.fwhm[axis])}"
        axes.plot(position, line / top if top > 0 else line, **look, label=label)
        if math.isfinite(one.fwhm[axis]):
            widest = max(widest, one.fwhm[axis])
    axes.axhline(0.5, color="#777777", linewidth=0.6)
    end = (len(found.columns[0].profiles[axis]) - 1) / 2 * step
    reach = min(max(2 * widest, 4 * step), end) or end
    axes.set_xlim(-reach, reach)
    axes.set_ylim(min(-0.1, axes.get_ylim()[0]) if axes.get_ylim()[0] > -0.5 else -0.5, 1.08)
    axes.set_xlabel(f"{axis} distance from the centroid, µm")
    axes.set_ylabel("over its maximum")
    axes.legend(
        title=f"{axis} FWHM",
        loc="upper left",
        bbox_to_anchor=(0, -0.2),
        fontsize=8,
        frameon=False,
        alignment="left",
        handlelength=3.2,
    )
