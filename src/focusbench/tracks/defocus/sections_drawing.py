"""Draw fields side by side: see `sections`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.report.figures import image_axes, new_figure, scale_bar
from focusbench.tracks.defocus.label_map_colours import colours
from focusbench.tracks.defocus.sections import Band, Grey, Panel, Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

FRAME = "#E69F00"
WIDEST, TALLEST = 9.5, 10.5  # inches of a figure, so that it can be read on a page
COLUMN = 1.9  # inches at most
LABEL, BARS = 0.25, 0.75  # inches, for what bands are called and for colour bars
HEAD, LINE = 0.4, 0.15  # inches, of a heading of two lines and of a line beneath
ROOM = (0.3, 0.45)  # parts of a field's height and width that a scale bar with its words takes
LEVEL_BAR = 0.55  # inches, with its label


class Size(NamedTuple):
    """Of drawn bands, inches."""

    width: float
    height: float
    column: float


def size(bands: Sequence[Band], tallest: float = TALLEST) -> Size:
    """Room that bands take."""
    count = max(len(band.panels) for band in bands)
    side = LABEL if any(band.label for band in bands) else 0.0
    bars = BARS
    levels = any(panel.levels for band in bands for panel in band.panels)
    tall = sum(sum(_heights(band)) for band in bands)
    text = HEAD * sum(_headed(bands)) + sum(_beneath(band) for band in bands)
    text += LEVEL_BAR * levels
    column = min(COLUMN, (WIDEST - side - bars) / count, (tallest - text) / tall)
    column = max(column, 0.7)
    return Size(column * count + side + bars, column * tall + text + 0.1, column)


def draw(bands: Sequence[Band], n_levels: int = 11) -> Figure:
    """Draw bands, one beneath the other; headings where they change.

    Parameters
    ----------
    bands
        What is to be shown.
    n_levels
        Levels of the colour bar, where levels are shown.
    """
    room = size(bands)
    figure = new_figure(room.width, room.height)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0)
    draw_into(figure, bands, room.column, n_levels)
    return figure


def draw_into(
    figure: FigureBase, bands: Sequence[Band], column: float, n_levels: int = 11
) -> list[list[Axes]]:
    """Draw bands into a figure or a part of one; return the axes of their fields, band by band."""
    count = max(len(band.panels) for band in bands)
    ratios = [height for band in bands for height in _heights(band)]
    labelled = any(band.label for band in bands)
    side = (LABEL if labelled else LABEL / 50) / column  # the layout takes no 0
    spec = figure.add_gridspec(
        *(len(ratios), count + 1), height_ratios=ratios, width_ratios=[side, *[1] * count]
    )
    headed, row = _headed(bands), 0
    fields: list[list[Axes]] = []
    groups: list[list[Any]] = []  # of bands on one scale: [scale, axes, image, inches]
    levels = None
    for b, band in enumerate(bands):
        heights = _heights(band)
        cells = [
            [figure.add_subplot(spec[row + r, p + 1]) for r in range(len(heights))]
            for p in range(len(band.panels))
        ]
        if not groups or groups[-1][0] != (band.grey, band.gamma):
            groups.append([(band.grey, band.gamma), [], None, 0.0])
        group = groups[-1]
        group[1] += [axes for column_of in cells for axes in column_of]
        group[3] += column * sum(heights)
        for place, panel in zip(cells, band.panels, strict=True):
            drawn = _draw_panel(place, band, panel, column, n_levels, headed=headed[b])
            if panel.levels:
                levels = drawn
            elif panel.grey is None:
                group[2] = drawn
        if band.label:
            beside = figure.add_subplot(spec[row : row + len(heights), 0], label="<band>")
            beside.axis("off")
            fit = _fit(len(band.label), column * sum(heights))
            words = {"rotation": 90, "ha": "center", "va": "center", "fontsize": fit}
            beside.text(0.5, 0.5, band.label, transform=beside.transAxes, **words)
        _scale_bars(band, cells)
        fields.append([place[0] for place in cells])
        row += len(heights)
    scales = {tuple(group[0]) for group in groups}
    if len(scales) == 1:
        groups = [
            [
                groups[0][0],
                [axes for group in groups for axes in group[1]],
                next((group[2] for group in groups if group[2] is not None), None),
                sum(group[3] for group in groups),
            ]
        ]
    for (grey, _), axes, drawn, tall in groups:
        if drawn is not None:
            _grey_bar(figure, drawn, axes, grey, tall)
    if levels is not None:
        everything = [axes for group in groups for axes in group[1]]
        looks = {"location": "bottom", "shrink": 0.6, "aspect": 40, "pad": 0.01}
        bar = figure.colorbar(levels, ax=everything, **looks)
        bar.set_ticks(range(n_levels))
        bar.ax.tick_params(length=0)
        bar.set_label("defocus level (grey: background)")
    return fields


def _grey_bar(
    figure: FigureBase, drawn: Any, over: Sequence[Axes], grey: Grey, tall: float
) -> None:
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(4).tick_values(*grey)
    ticks = [tick for tick in ticks if grey.black <= tick <= grey.white]
    figure.colorbar(
        drawn, ax=over, pad=0.01, aspect=tall / 0.13, extend="both", ticks=ticks, label="counts"
    )


def _heights(band: Band) -> list[float]:
    """Heights of the field and of the window over the width of a column."""
    rows, columns = band.panels[0].image.shape
    found = [rows / columns]
    if band.window is not None:
        high, wide = band.window.shape
        found.append(high / wide)
    return found


def _headed(bands: Sequence[Band]) -> list[bool]:
    headings = [[panel.heading for panel in band.panels] for band in bands]
    return [b == 0 or headings[b] != headings[b - 1] for b in range(len(bands))]


def _beneath(band: Band) -> float:
    """Inches of text beneath a band."""
    return LINE * max(panel.beneath.count("\n") + bool(panel.beneath) for panel in band.panels)


def _draw_panel(
    cells: Sequence[Axes],
    band: Band,
    panel: Panel,
    column: float,
    n_levels: int,
    *,
    headed: bool,
) -> Any:
    """Draw a field, and its window enlarged beneath it; return what a colour bar is made of."""
    from matplotlib.colors import PowerNorm

    if panel.levels:
        chosen, norm = colours(n_levels)
        look = {"cmap": chosen, "norm": norm, "interpolation": "nearest"}
    else:
        look = {
            "cmap": "gray",
            "norm": PowerNorm(band.gamma, *(panel.grey or band.grey), clip=True),
        }
        look["interpolation"] = "nearest" if max(panel.image.shape) <= 150 else "auto"
    drawn = _show(cells[0], panel.image, look)
    if headed:
        longest = max(map(len, panel.heading.split("\n")))
        cells[0].set_title(panel.heading, fontsize=_fit(longest, column))
    if band.window is not None:
        _frame(cells[0], band.window)
        part = panel.image[band.window]
        _show(cells[1], part, {**look, "interpolation": "nearest"})
        for spine in cells[1].spines.values():
            spine.set_color(FRAME)
            spine.set_linewidth(1.0)
    if panel.beneath:  # one size of type in a band
        longest = max(len(line) for one in band.panels for line in one.beneath.split("\n"))
        cells[-1].set_xlabel(panel.beneath, fontsize=min(8.0, _fit(longest, column)), labelpad=2)
    return drawn


def _show(axes: Axes, image: np.ndarray, look: dict[str, Any]) -> Any:
    image_axes(axes)
    return axes.imshow(image, **look)


def _frame(axes: Axes, window: Window) -> None:
    from matplotlib.patches import Rectangle

    corner = (window.columns.start - 0.5, window.rows.start - 0.5)
    high, wide = window.shape
    axes.add_patch(Rectangle(corner, wide, high, fill=False, edgecolor=FRAME, linewidth=1.0))


def _scale_bars(band: Band, cells: Sequence[Sequence[Axes]]) -> None:
    """Draw a bar into the first field, away from the window, and into its enlargement."""
    shape, window = band.panels[0].image.shape, band.window
    top, left = (False, False) if window is None else free_corner(window, shape)
    axes = cells[0][0]
    scale_bar(axes, shape, band.pixel_size, left=left, top=top)
    if left and axes.texts:  # words that are longer than their bar must not leave the field
        axes.texts[-1].set(ha="left", x=0.03 * shape[1])
    if window is not None:
        scale_bar(cells[0][1], window.shape, band.pixel_size)


def free_corner(window: Window, shape: Sequence[int]) -> tuple[bool, bool]:
    """Corner (top, left) where a scale bar and its words keep off a window as far as they can.

    Of equal ones the lower right is taken, then the lower left.
    """

    def covered(corner: tuple[bool, bool]) -> float:
        parts = []
        for part, first, reach, length in zip(window, corner, ROOM, shape, strict=True):
            start, stop = (0.0, reach) if first else (1 - reach, 1.0)
            low, high = max(part.start / length, start), min(part.stop / length, stop)
            parts.append(max(high - low, 0.0))
        return parts[0] * parts[1]

    corners = [(top, left) for top in (False, True) for left in (False, True)]
    return min(corners, key=covered)


def _fit(letters: int, inches: float) -> float:
    """Size of type, in points, at which so many letters fit."""
    return max(4.5, min(9.0, 72 * inches / (0.6 * max(letters, 1))))
