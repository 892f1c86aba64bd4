"""Recordings from above and from the side, as each method restores them (the paper's figure 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.paths import base_id
from focusbench.report.figures import (
    image_axes,
    new_figure,
    scale_bar,
    sentence_figure,
    style,
)
from focusbench.report.results import Results
from focusbench.tracks.multifocus.degradations import base
from focusbench.tracks.multifocus.shown import left_out, shown_methods, shown_samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SLAB = 1.0  # um of y that the side view looks through
DEFAULT_VOXEL = (1.0, 1.0, 1.0)
WIDTH = 1.35  # inches of a column
TALLEST = 2.4  # of a top view, times its width
DARKEST = 0.999  # quantile of the views' values that is black
UNIT = "absorption, 1/µm"
NOTHING = "No recording was selected."
MARK = "#D55E00"


class _Row(NamedTuple):
    """What is shown of one sample."""

    sample: str
    voxel_size: tuple[float, float, float] | None  # um
    plane: int  # in focus
    planes: int
    observed: np.ndarray  # (Z, Y, X)
    slab: slice  # of y, that the side view looks through
    views: dict[str, tuple[np.ndarray, np.ndarray]]  # heading -> top (Y, X) and side (Z, X), 1/um


def fig4(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Top and side views of each method's volume, beside the image in focus.

    Reads scores, truths, observations and restored volumes, of the first degradation that is not
    derived from another.

    Parameters
    ----------
    results
        Of the study of recordings.
    settings
        Taken as all figures take it.
    """
    with style():
        rows = _rows(results)
        return _draw(rows) if rows else sentence_figure(NOTHING)


def fig4_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig4`."""
    rows = _rows(results)
    if not rows:
        return f"{NOTHING} Preset {settings['preset']}."
    degradation = _degradation(results)
    samples = "; ".join(_about(row, degradation, settings) for row in rows)
    truth = any("truth" in row.views for row in rows)
    return (
        "Views of the restored volumes from above (XY) and from the side (XZ): the mean, along the "
        "line of sight, of the absorption per µm, minus the logarithm of transmittance. From above "
        "it is what straight light loses in the whole depth; the side view looks through the "
        f"{SLAB:g} µm of y between the marks, where the shown volumes absorb most (sought in the "
        "middle half of the field). One grey scale for all, white where nothing absorbs; the "
        "darkest 0.1 % of all pixels are cut off. Both views have one magnification. First column: "
        "the recorded image in the middle of the focal stack, and the stack seen from the side "
        "through the same slab, on a grey scale of their own. "
        + ("Second column: the truth. " if truth else "")
        + f"{samples}. The first seed of each method. Preset {settings['preset']}."
        + left_out(results, shown_methods(results, degradation))
    )


def _degradation(results: Results) -> str | None:
    """The one that is shown: the first that is not derived; None: there is none."""
    return next((one for one in results.degradations if base(one) == one), None)


def _about(row: _Row, degradation: str | None, settings: Mapping[str, Any]) -> str:
    aperture = _aperture(row.sample, settings)
    facts = [
        f"recorded image {row.plane + 1} of {row.planes}",
        *([] if degradation == "recorded" else [f"degradation {degradation}"]),
        *([] if aperture is None else [f"methods are told NA {aperture:g}"]),
    ]
    if row.voxel_size:
        z, y, x = row.voxel_size
        facts.append(f"voxels of {x:g} × {y:g} × {z:g} µm (x, y, z)")
    return f"{base_id(row.sample)}: {', '.join(facts)}"


def _aperture(sample: str, settings: Mapping[str, Any]) -> float | None:
    """NA that methods are told: a recording's own, or else the track's."""
    own = (settings.get("differs") or {}).get(f"data.stack.{sample}.numerical_aperture")
    if own is not None:
        return own
    return (settings.get("track", {}).get("geometry") or {}).get("numerical_aperture")


def _rows(results: Results) -> list[_Row]:
    degradation = _degradation(results)
    if degradation is None:
        return []
    methods = shown_methods(results, degradation)
    rows = []
    for sample in shown_samples(results, degradation):
        volumes: dict[str, np.ndarray] = {}
        truth, observed = results.truth(sample), results.observed(sample, degradation)
        if truth is not None:
            volumes["truth"] = truth.array
        for method in methods:
            item = results.find(sample, degradation, method)
            if item is not None:
                volumes[method] = results.restored(item).array
        if not volumes:
            continue
        absorbed = {name: _absorption(volume) for name, volume in volumes.items()}
        planes = len(observed.array)
        slab = _slab(list(absorbed.values()), observed.voxel_size)
        rows.append(
            _Row(
                sample,
                observed.voxel_size,
                planes // 2,
                planes,
                observed.array,
                slab,
                {name: _project(volume, slab) for name, volume in absorbed.items()},
            )
        )
    return rows


def _absorption(transmittance: np.ndarray) -> np.ndarray:
    return -np.log(np.maximum(transmittance, np.finfo(np.float32).tiny), dtype=np.float64)


def _slab(volumes: Sequence[np.ndarray], voxel_size: Sequence[float] | None) -> slice:
    """Rows of the middle half where the volumes absorb most, each volume counting alike.

    Towards the faces of the field, what lies outside of it is taken for absorption.
    """
    height = volumes[0].shape[1]
    thick = max(1, min(height, round(SLAB / (voxel_size or DEFAULT_VOXEL)[1])))
    total = np.zeros(height)
    for volume in volumes:
        along = volume.mean(axis=(0, 2))
        total += along / max(along.sum(), np.finfo(float).tiny)
    sums = np.convolve(total, np.ones(thick), mode="valid")
    margin = min(height // 4, (len(sums) - 1) // 2)
    start = margin + int(np.argmax(sums[margin : len(sums) - margin]))
    return slice(start, start + thick)


def _project(volume: np.ndarray, slab: slice) -> tuple[np.ndarray, np.ndarray]:
    """Mean along z, and along y within the slab."""
    return volume.mean(axis=0), volume[:, slab].mean(axis=1)


def _draw(rows: Sequence[_Row]) -> Figure:
    """Two rows of axes a sample, the observation in the first column."""
    names = list(dict.fromkeys(name for row in rows for name in row.views))
    heights, inches = [], 0.0
    for row in rows:
        z, y, x = row.voxel_size or DEFAULT_VOXEL
        across = row.observed.shape[2] * x
        narrowed = min(1.0, TALLEST * across / (row.observed.shape[1] * y))
        for count, size in ((row.observed.shape[1], y), (row.observed.shape[0], z)):
            heights.append(narrowed * count * size / across)
        inches += WIDTH * sum(heights[-2:]) + 0.35
    columns = 1 + len(names)
    figure = new_figure(WIDTH * columns + 1.3, inches + 0.2)
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.0, hspace=0.0)
    grid = figure.subplots(2 * len(rows), columns, squeeze=False, height_ratios=heights)
    for axes in grid.flat:
        axes.set_visible(False)  # until something is drawn in it
    shades = {"cmap": "gray_r", "vmin": 0.0, "vmax": _darkest(rows)}
    drawn = None
    for r, row in enumerate(rows):
        top, side = grid[2 * r], grid[2 * r + 1]
        z, y, x = row.voxel_size or DEFAULT_VOXEL
        seen = row.observed[:, row.slab].mean(axis=1, dtype=np.float64)
        own = {"cmap": "gray", "vmin": float(row.observed.min()), "vmax": float(row.observed.max())}
        _show(top[0], row.observed[row.plane], y / x, own)
        _show(side[0], seen, z / x, own)
        top[0].set_ylabel(f"{base_id(row.sample)}\nXY")
        side[0].set_ylabel("XZ")
        top[0].set_title(f"observed\n{own['vmin']:.2f} to {own['vmax']:.2f}")
        scale_bar(top[0], row.observed.shape[1:], x if row.voxel_size else None)
        for c, name in enumerate(names, start=1):
            if name not in row.views:
                continue
            above, beside = row.views[name]
            drawn = _show(top[c], above, y / x, shades)
            _show(side[c], beside, z / x, shades)
            top[c].set_title(name, fontsize=min(9.0, 9 * 14 * WIDTH / len(name)))
        for axes in top[: 1 + len(names)]:
            _mark(axes, row.slab, row.observed.shape[2])
    figure.colorbar(drawn, ax=grid, extend="max", label=UNIT, aspect=35, pad=0.02)
    return figure


def _show(axes: Axes, image: np.ndarray, aspect: float, scale: Mapping[str, Any]) -> Any:
    axes.set_visible(True)
    image_axes(axes)
    return axes.imshow(image, aspect=aspect, interpolation="nearest", **scale)


def _mark(axes: Axes, slab: slice, width: int) -> None:
    """Short lines at both sides of a top view, where the slab of the side view begins and ends."""
    if not axes.get_visible():
        return
    for y in (slab.start - 0.5, slab.stop - 0.5):
        for start, end in ((-0.5, 0.06 * width), (0.94 * width, width - 0.5)):
            axes.plot([start, end], [y, y], color=MARK, linewidth=0.8)


def _darkest(rows: Sequence[_Row]) -> float:
    """Absorption that is black: of the truths if there is one, or else of all that is shown."""
    shown = [
        image.ravel()
        for row in rows
        for name, pair in row.views.items()
        if name == "truth" or "truth" not in row.views
        for image in pair
    ]
    return max(float(np.quantile(np.concatenate(shown), DARKEST)), 1e-3)
