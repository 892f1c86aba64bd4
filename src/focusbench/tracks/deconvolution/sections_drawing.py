"""Draw volumes side by side: see `sections`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from focusbench.report.figures import image_axes, new_figure, scale_bar
from focusbench.tracks.deconvolution.sections import AXES, FULL, GAMMA, Band, Places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec, SubplotSpec

FRAME = "#E69F00"
COLUMN = 1.35  # inches, of a volume as wide as high
WIDEST, TALLEST = 9.5, 10.5  # inches of a figure, so that it can be read on a page
LABEL = 0.25  # inches beside the bands, for what they are called
BAR = 0.13  # inches, thickness of a colour bar


def draw(bands: Sequence[Band]) -> Figure:
    """Draw the bands, one beneath the other; headings where they change."""
    from matplotlib.ticker import MaxNLocator

    count = max(len(band.columns) for band in bands)
    heights = [_heights(band.places) for band in bands]
    headed = [
        b == 0 or [c.heading for c in band.columns] != [c.heading for c in bands[b - 1].columns]
        for b, band in enumerate(bands)
    ]
    total = sum(map(sum, heights))
    text = 0.45 * sum(headed) + 0.2 * len(bands)
    wide = max(band.places.shape[2] / band.places.shape[1] for band in bands)
    width = COLUMN * min(max(wide, 1.0), 2.5) ** 0.5
    side = LABEL if any(band.label for band in bands) else LABEL / 50  # the layout takes no 0
    width = max(0.8, min(width, (WIDEST - side - 1.1) / count, (TALLEST - text) / total))
    figure = new_figure(width * count + 1.1 + side, width * total + text + 0.1)
    figure.get_layout_engine().set(w_pad=0.015, h_pad=0.025, wspace=0.0, hspace=0.0)
    ratios = [height for one in heights for height in one]
    spec = figure.add_gridspec(
        *(len(ratios), count + 1), height_ratios=ratios, width_ratios=[side / width, *[1] * count]
    )
    grid = np.array([[figure.add_subplot(row) for row in line] for line in _cells(spec, count)])
    rows = len(AXES) + 1
    one_scale = len({band[3:] for band in bands}) == 1
    for b, band in enumerate(bands):
        mine = grid[b * rows : (b + 1) * rows]
        drawn = _draw_band(mine, band, width, headed=headed[b])
        if band.label:
            beside = figure.add_subplot(spec[b * rows : (b + 1) * rows, 0], label="<band>")
            beside.axis("off")
            size = _size(len(band.label), width * sum(heights[b]))
            words = {"rotation": 90, "ha": "center", "va": "center", "fontsize": size}
            beside.text(0.5, 0.5, band.label, transform=beside.transAxes, **words)
        if not one_scale or b == len(bands) - 1:
            label = "intensity" if band.unit == FULL else f"intensity, {band.unit}"
            tall = width * (total if one_scale else sum(heights[b]))
            where = {"ax": grid if one_scale else mine, "pad": 0.01, "aspect": tall / BAR}
            ticks = MaxNLocator(4).tick_values(band.black, band.white)
            ticks = [tick for tick in ticks if band.black <= tick <= band.white]
            figure.colorbar(drawn, **where, extend="both", ticks=ticks, label=label)
    for axes in grid.flat:
        axes.set_anchor("W")  # a view narrower than its column stands on the left
    return figure


def _cells(spec: GridSpec, count: int) -> list[list[SubplotSpec]]:
    """Places of the images, row by row; the first column of the grid is the labels'."""
    return [[spec[row, c + 1] for c in range(count)] for row in range(spec.nrows)]


def _heights(where: Places) -> list[float]:
    """Heights of the views over the width of the widest: one magnification for all."""
    xy, xz, _ = (view.aspect for view in where.views)
    deep, high = where.shape[0] * xz, where.shape[1] * xy
    span = max(where.shape[2], high)
    return [high / span, deep / span, deep / span, high / span]


def _draw_band(grid: np.ndarray, band: Band, width: float, *, headed: bool) -> Any:
    """Draw into rows of axes, `width` inches wide, with headings or without."""
    from matplotlib.colors import PowerNorm

    where, pixel = band.places, band.places.voxel_size[2] if band.places.voxel_size else None
    shared = None
    for c, column in enumerate(band.columns):
        look: Mapping[str, Any] = {
            "cmap": "gray",
            "norm": PowerNorm(GAMMA, band.black, band.white, clip=True),
        }
        for axes, view in zip(grid[:, c], where.views, strict=False):
            shared = _show(axes, column.images[view.name], view.aspect, look)
        _frame(grid[0, c], where.region)
        aspect = where.views[0].aspect
        _show(grid[-1, c], column.images["XY"][where.region], aspect, look)
        for spine in grid[-1, c].spines.values():
            spine.set_color(FRAME)
            spine.set_linewidth(1.0)
        grid[-1, c].set_xlabel(column.beneath, fontsize=8)
        if headed:
            lines = broken(column.heading)
            longest = max(map(len, lines.split("\n")))
            grid[0, c].set_title(lines, fontsize=_size(longest, width))
    for axes, view in zip(grid[:, 0], where.views, strict=False):
        axes.set_ylabel(view.name)
    grid[-1, 0].set_ylabel("XY, enlarged" if where.shape[1] * 2 > where.shape[2] else "enlarged")
    on_the_right = where.region[1].start + where.region[1].stop > where.shape[2]
    scale_bar(grid[0, 0], where.shape[1:], pixel, left=on_the_right)
    sides = [part.stop - part.start for part in where.region]
    scale_bar(grid[-1, 0], sides, pixel)
    for axes in grid[:, len(band.columns) :].flat:
        axes.set_visible(False)
    return shared


def _size(letters: int, inches: float) -> float:
    """Size of type, in points, at which so many letters fit."""
    return max(4.0, min(9.0, 72 * inches / (0.62 * max(letters, 1))))


def broken(heading: str, most: int = 15) -> str:
    """Break an id at an underscore where it is long, into two lines as equal as can be."""
    cuts = [i + 1 for i, letter in enumerate(heading) if letter == "_"]
    if len(heading) <= most or not cuts:
        return heading
    cut = min(cuts, key=lambda i: max(i, len(heading) - i))
    return f"{heading[:cut]}\n{heading[cut:]}"


def _show(axes: Axes, image: np.ndarray, aspect: float, look: Mapping[str, Any]) -> Any:
    image_axes(axes)
    return axes.imshow(image, aspect=aspect, **look)


def _frame(axes: Axes, region: tuple[slice, slice]) -> None:
    from matplotlib.patches import Rectangle

    rows, columns = region
    corner = (columns.start - 0.5, rows.start - 0.5)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=FRAME, linewidth=1.0))
