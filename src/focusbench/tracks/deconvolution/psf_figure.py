"""The two models of the PSF side by side (the paper's figure 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.optics import psf
from focusbench.report.figures import COLOURS, image_axes, new_figure, scale_bar, style
from focusbench.report.results import Results
from focusbench.tracks.deconvolution.observations import PSF_NAMES
from focusbench.tracks.deconvolution.optics import kernel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MODELS = ("born_wolf", "richards_wolf")
FAINTEST = 1e-4  # of the peak: the dark end of the scale
STEP = 0.002  # um between the points of a drawn profile
MOST_POINTS = 4001


class _Model(NamedTuple):
    """A PSF over its peak: as the track uses it, and finely sampled along two lines."""

    name: str
    kernel: np.ndarray
    lines: dict[str, tuple[np.ndarray, np.ndarray]]  # axis -> um from the centre, value
    fwhm: dict[str, float]  # um; NaN where the profile leaves the box above half


def fig5(results: Results, settings: Mapping[str, Any]) -> Figure:
    """XY and XZ sections of both PSFs through their centres, and profiles with their widths.

    Reads nothing but the settings.

    Parameters
    ----------
    results
        Taken as all figures take it.
    settings
        `track` with `optics` and `voxel_size`.
    """
    with style():
        return _draw(_models(settings["track"]), settings["track"]["voxel_size"])


def fig5_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig5`."""
    track = settings["track"]
    optics = track["optics"]
    widths = "; ".join(
        f"{model.name} {1000 * model.fwhm['lateral']:.0f} nm laterally, "
        f"{1000 * model.fwhm['axial']:.0f} nm axially"
        for model in _models(track)
    )
    points = optics["subsamples"]
    pixels = (
        "voxels have the value of their centre"
        if points == 1
        else f"pixels are means of {points} x {points} points, the drawn lines are not"
    )
    return (
        f"The two models of the PSF at NA {optics['numerical_aperture']:g}, index "
        f"{optics['refractive_index']:g} and {1000 * optics['wavelength']:g} nm, on voxels of "
        f"{' x '.join(f'{size:g}' for size in track['voxel_size'])} µm (z, y, x); Born-Wolf in "
        f"the {optics['convention']} convention, Richards-Wolf for unpolarised light; {pixels}. "
        "Left: sections through the centre over the peak, on one logarithmic scale; what is "
        f"darker than {FAINTEST:g} of the peak is black. Right: profiles through the centre; the "
        "lines are sampled finely, the marks are the voxels. Full widths at half maximum, from "
        f"the lines: {widths}. Preset {settings['preset']}."
    ).replace("nan nm", "wider than the box")


def _models(track: Mapping[str, Any]) -> list[_Model]:
    found = []
    for name in MODELS:
        volume = kernel(track["optics"], track["voxel_size"], name)
        lines = {
            "lateral": _line(track, name, 2),
            "axial": _line(track, name, 0),
        }
        widths = {axis: _fwhm(*line) for axis, line in lines.items()}
        found.append(_Model(PSF_NAMES[name], volume / volume.max(), lines, widths))
    return found


def fine_width(track: Mapping[str, Any], model: str, axis: str) -> float:
    """Full width at half maximum (um) of a model's fine line, "lateral" or "axial"; NaN: wider."""
    return _fwhm(*_line(track, model, {"lateral": 2, "axial": 0}[axis]))


def _line(track: Mapping[str, Any], model: str, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Sample the PSF along an axis of its box, finely, without pixel integration."""
    length = track["optics"]["shape"][axis] * track["voxel_size"][axis]
    points = min(2 * round(length / 2 / STEP) + 1, MOST_POINTS)
    shape, sizes = [1, 1, 1], list(track["voxel_size"])
    shape[axis], sizes[axis] = points, length / (points - 1)
    optics = {**track["optics"], "shape": shape, "subsamples": 1}
    values = kernel(optics, sizes, model).ravel()
    return (np.arange(points) - points // 2) * sizes[axis], values / values.max()


def _fwhm(position: np.ndarray, values: np.ndarray) -> float:
    if values[[0, -1]].max() >= 0.5:
        return float("nan")
    return psf.fwhm(values, position[1] - position[0])


def _draw(models: Sequence[_Model], voxel_size: Sequence[float]) -> Figure:
    from matplotlib.colors import LogNorm

    figure = new_figure(8.6, 4.6)
    figure.get_layout_engine().set(w_pad=0.04, h_pad=0.04)
    images, profiles = figure.subfigures(1, 2, width_ratios=[1.0, 1.05])
    grid = images.subplots(2, 2, squeeze=False)
    scale = LogNorm(FAINTEST, 1)
    shown = None
    for r, (row, model) in enumerate(zip(grid, models, strict=True)):
        z, y, _ = ((n - 1) // 2 for n in model.kernel.shape)
        sections = {
            "XY": (model.kernel[z], voxel_size[1] / voxel_size[2]),
            "XZ": (model.kernel[:, y], voxel_size[0] / voxel_size[2]),
        }
        for axes, (name, (image, aspect)) in zip(row, sections.items(), strict=True):
            shown = axes.imshow(
                np.maximum(image, FAINTEST),
                norm=scale,
                cmap="inferno",
                aspect=aspect,
                interpolation="nearest",
            )
            image_axes(axes)
            if r == 0:
                axes.set_title(name)
            scale_bar(axes, image.shape, voxel_size[2])
        row[0].set_ylabel(model.name)
        row[1].set_ylabel("z")
    images.colorbar(
        shown,
        ax=grid,
        location="bottom",
        extend="min",
        aspect=30,
        label="intensity over its maximum",
    )
    above, beneath = profiles.subplots(2, 1)
    _draw_profiles(above, models, "lateral", 2, voxel_size)
    _draw_profiles(beneath, models, "axial", 0, voxel_size)
    return figure


def _draw_profiles(
    axes: Axes, models: Sequence[_Model], name: str, axis: int, voxel_size: Sequence[float]
) -> None:
    for i, model in enumerate(models):
        colour, marker = COLOURS[i], ("o", "s")[i]
        position, values = model.lines[name]
        width = 1000 * model.fwhm[name]
        label = f"{model.name}\nFWHM {width:.0f} nm" if np.isfinite(width) else model.name
        axes.plot(position, values, color=colour, linestyle=("-", "--")[i], label=label)
        centre = [(n - 1) // 2 for n in model.kernel.shape]
        line = model.kernel[tuple(slice(None) if d == axis else c for d, c in enumerate(centre))]
        voxels = (np.arange(len(line)) - (len(line) - 1) / 2) * voxel_size[axis]
        axes.plot(voxels, line, marker, color=colour, markersize=3.5, linestyle="none")
    reach = 3 * max((m.fwhm[name] for m in models if np.isfinite(m.fwhm[name])), default=0)
    end = float(models[0].lines[name][0][-1])
    reach = min(max(reach, 4 * voxel_size[axis]), end) or end
    axes.set_xlim(-reach, reach)
    axes.set_ylim(0, 1.05)
    axes.set_xlabel(f"{name} distance from the centre, µm")
    axes.set_ylabel("intensity over\nits maximum")
    axes.legend(loc="upper right", fontsize=8, frameon=False, handlelength=1.6)
