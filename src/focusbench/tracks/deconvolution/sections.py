"""What the methods make of one volume, seen along three axes (the paper's figure 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.paths import Restored
from focusbench.report.figures import image_axes, is_trivial, new_figure, scale_bar, style
from focusbench.report.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_METHODS = 6
THICKNESS = 1.0  # um of depth that a view looks through
GAMMA = 0.5
FRAME = "#E69F00"
BRIGHTEST = 0.999  # quantile that is white where no truth sets the scale
DEFAULT_VOXEL = (1.0, 1.0, 1.0)


class _View(NamedTuple):
    """One direction of looking: `slab` of the volume, its maximum along `axis`."""

    name: str
    axis: int
    slab: tuple[slice, slice, slice]
    aspect: float  # height of a voxel over its width
    place: str


class _Shown(NamedTuple):
    """Everything that the figure shows."""

    sample: str
    degradation: str
    voxel_size: tuple[float, ...] | None
    views: tuple[_View, ...]
    region: tuple[slice, slice]  # the part of XY that is enlarged
    columns: dict[str, np.ndarray]  # heading -> volume
    beneath: dict[str, str]  # heading -> what is written beneath
    white: float
    unit: str


def fig6(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Truth, input and every method in XY, XZ and YZ views, and a part of XY enlarged.

    Reads scores, truths, observations and restored volumes, of the first sample and degradation;
    settings are not needed.

    Parameters
    ----------
    results
        Of this track.
    settings
        Taken as all figures take it.
    """
    with style():
        return _draw(_shown(results))


def fig6_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig6`."""
    shown = _shown(results)
    left_out = [m for m in results.methods if m not in shown.columns and m != "input"]
    places = "; ".join(f"{view.name} {view.place}" for view in shown.views)
    deep = f"about {THICKNESS:g} µm" if shown.voxel_size else "one voxel"
    return (
        f"{shown.sample}, {shown.degradation}: maximum-intensity projections through {deep} of "
        f"depth around the brightest structure ({places}). The lowest row enlarges the framed "
        "part of XY. One grey scale for all, 0 to "
        f"{shown.white:.3g} {shown.unit}, with gamma {GAMMA:g} so that faint haze is seen; "
        "brighter is white, below 0 is black. The three views have one magnification. "
        + (
            "Beneath each the PSNR of its whole volume. "
            if any("dB" in text for text in shown.beneath.values())
            else ""
        )
        + (
            "Estimates of this recording are shown after the gain they were scored with. "
            if shown.degradation == "recorded" and "truth" in shown.columns
            else ""
        )
        + f"The first seed of each method. Preset {settings['preset']}."
        + (f" Not shown: {', '.join(left_out)} (see the table)." if left_out else "")
    )


def _shown(results: Results) -> _Shown:
    degradation = results.degradations[0]
    sample = next(item.sample for item in results.items if item.degradation == degradation)
    truth, observed = results.truth(sample), results.observed(sample, degradation)
    scores = results.scores().set_index(list(Restored._fields))
    columns: dict[str, np.ndarray] = {}
    beneath: dict[str, str] = {}
    if truth is not None:
        columns["truth"], beneath["truth"] = truth.array, ""
    chosen = [m for m in results.methods if not is_trivial(m)][:MOST_METHODS]
    for method in ["input", *chosen]:
        item = results.find(sample, degradation, method)
        if item is None and method != "input":
            continue
        volume = observed.array if item is None else results.restored(item).array
        row = None if item is None else scores.loc[tuple(item)]
        if row is not None and truth is not None:
            volume = _as_scored(volume, row)
            beneath[method] = f"{row['psnr_volume']:.2f} dB"
        columns[method] = volume
        beneath.setdefault(method, "")
    seen = observed.array if truth is None else truth.array
    voxel_size = tuple(observed.voxel_size) if observed.voxel_size else None
    views, region = _views(seen, voxel_size)
    white = 1.0
    if truth is None:
        estimates = [columns[method] for method in chosen if method in columns] or [observed.array]
        white = max(float(np.quantile(volume, BRIGHTEST)) for volume in estimates)
    unit = "grey values" if truth is None and degradation == "recorded" else "of full intensity"
    return _Shown(
        sample, degradation, voxel_size, views, region, columns, beneath, white or 1.0, unit
    )


def _as_scored(volume: np.ndarray, row: Mapping[str, Any]) -> np.ndarray:
    gain, offset = float(row.get("gain", 1.0)), float(row.get("offset", 0.0))
    return volume * np.float32(gain) + np.float32(offset)


def _views(
    volume: np.ndarray, voxel_size: Sequence[float] | None
) -> tuple[tuple[_View, ...], tuple[slice, slice]]:
    """Slabs around the planes where most is to be seen, and the square of XY that shows most."""
    sizes = voxel_size or DEFAULT_VOXEL
    power = np.square(volume, dtype=np.float64)
    slabs = []
    for axis in range(3):
        depth = max(1, round(THICKNESS / sizes[axis])) if voxel_size else 1
        depth = min(depth, volume.shape[axis])
        light = power.sum(axis=tuple(i for i in range(3) if i != axis))
        start = int(np.argmax(np.convolve(light, np.ones(depth), mode="valid")))
        slabs.append(slice(start, start + depth))
    views = []
    for name, axis in (("XY", 0), ("XZ", 1), ("YZ", 2)):
        inside = tuple(slabs[i] if i == axis else slice(None) for i in range(3))
        height, width = (sizes[i] for i in range(3) if i != axis)
        place = _place("zyx"[axis], slabs[axis], sizes[axis], voxel_size is not None)
        views.append(_View(name, axis, inside, height / width, place))
    flat = power[slabs[0]].max(axis=0)
    side = max(1, min(flat.shape) // 3)
    summed = _box_sums(flat, side)
    y, x = np.unravel_index(int(np.argmax(summed)), summed.shape)
    return tuple(views), (slice(int(y), int(y) + side), slice(int(x), int(x) + side))


def _place(axis: str, slab: slice, size: float, known: bool) -> str:
    if not known:
        return f"{axis} voxel {slab.start + 1}"
    return f"{axis} {slab.start * size:.1f} to {slab.stop * size:.1f} µm"


def _box_sums(image: np.ndarray, side: int) -> np.ndarray:
    """Sums over all squares of `side` pixels that lie inside."""
    table = np.pad(image.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    return table[side:, side:] - table[:-side, side:] - table[side:, :-side] + table[:-side, :-side]


def _project(volume: np.ndarray, view: _View) -> np.ndarray:
    """Look along the view's axis; the rows of XY are y, those of XZ and YZ are z."""
    return volume[view.slab].max(axis=view.axis)


def _draw(shown: _Shown) -> Figure:
    from matplotlib.colors import PowerNorm

    first = next(iter(shown.columns.values()))
    across = first.shape[2]
    region_aspect = shown.views[0].aspect
    # one magnification for all views: heights over the width of the widest
    deep, high = (first.shape[i] * shown.views[1 - i].aspect for i in (0, 1))
    span = max(across, high)
    heights = [high / span, deep / span, deep / span, region_aspect]
    width = 1.35 * min(max(across / high, 1.0), 2.5) ** 0.5  # inches
    count = len(shown.columns)
    figure = new_figure(width * count + 1.3, width * sum(heights) + 0.75)
    figure.get_layout_engine().set(w_pad=0.015, h_pad=0.025, wspace=0.0, hspace=0.0)
    grid = figure.subplots(len(heights), count, squeeze=False, height_ratios=heights)
    scale = {"cmap": "gray", "norm": PowerNorm(GAMMA, 0, shown.white), "interpolation": "nearest"}
    pixel_size = shown.voxel_size[2] if shown.voxel_size else None
    drawn = None
    for c, (heading, volume) in enumerate(shown.columns.items()):
        grid[0, c].set_title(heading, fontsize=min(9.0, 9 * 14 * width / len(heading)))
        for r, view in enumerate(shown.views):
            image = _project(volume, view)
            drawn = grid[r, c].imshow(np.maximum(image, 0), aspect=view.aspect, **scale)
            image_axes(grid[r, c])
        flat = _project(volume, shown.views[0])
        _frame(grid[0, c], shown.region)
        enlarged = grid[-1, c]
        enlarged.imshow(np.maximum(flat[shown.region], 0), aspect=region_aspect, **scale)
        image_axes(enlarged)
        for spine in enlarged.spines.values():
            spine.set_color(FRAME)
            spine.set_linewidth(1.0)
        enlarged.set_xlabel(shown.beneath[heading])
    for r, view in enumerate(shown.views):
        grid[r, 0].set_ylabel(view.name)
    grid[-1, 0].set_ylabel("XY, enlarged")
    on_the_right = shown.region[1].start + shown.region[1].stop > across
    scale_bar(grid[0, 0], first.shape[1:], pixel_size, left=on_the_right)
    scale_bar(grid[-1, 0], first[0][shown.region].shape, pixel_size)
    label = "intensity" if shown.unit == "of full intensity" else "intensity, grey values"
    figure.colorbar(drawn, ax=grid, extend="both", aspect=40, pad=0.01, label=label)
    for axes in grid.flat:
        axes.set_anchor("W")  # a view narrower than its column stands on the left
    return figure


def _frame(axes: Axes, region: tuple[slice, slice]) -> None:
    from matplotlib.patches import Rectangle

    rows, columns = region
    corner = (columns.start - 0.5, rows.start - 0.5)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=FRAME, linewidth=1.0))
