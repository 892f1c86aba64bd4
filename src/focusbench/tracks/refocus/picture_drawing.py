"""Pieces of pictures: colour images, error maps with their numbers, frames, lines with profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from focusbench.report.figures import image_axes, scale_bar
from focusbench.tracks.refocus import error_maps
from focusbench.tracks.refocus.places import Line, Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

ERRORS = "inferno"  # from black to pale yellow, brighter all along
FRAME = "#D55E00"
PART = "#0072B2"  # frame of the part that is shown elsewhere
LINE = "#E00000"
CURVE = 0.38  # of a picture's height: from the least grey value of a profile to the largest
SMALL = 100  # px: smaller pictures show their pixels


def show(axes: Axes, image: np.ndarray, title: str = "") -> None:
    """Show an RGB image (Y, X, 3), uint8."""
    image_axes(axes)
    axes.imshow(image, interpolation="nearest" if max(image.shape) <= SMALL else "auto")
    axes.autoscale(False)  # what is drawn over it moves no edge
    if title:
        axes.set_title(title)


def show_error(
    axes: Axes, truth: np.ndarray, estimate: np.ndarray, end: float, size: float = 6.5
) -> Any:
    """Show a map of the error, with SSIM, PSNR and MAE of the RGB images in it.

    Parameters
    ----------
    truth, estimate
        uint8 (Y, X, 3).
    end
        Grey values that are the brightest colour.
    size
        Of type, points.

    Returns
    -------
    AxesImage
        What a colour bar is made of.
    """
    from matplotlib.patheffects import withStroke

    image_axes(axes)
    drawn = axes.imshow(error_maps.error_map(truth, estimate), cmap=ERRORS, vmin=0, vmax=end)
    words = {"color": "white", "va": "top", "fontsize": size, "linespacing": 1.05}
    words["path_effects"] = [withStroke(linewidth=1.5, foreground="black")]
    told = error_maps.quality(truth, estimate).told()
    axes.text(0.03, 0.97, told, transform=axes.transAxes, **words)
    return drawn


def error_bar(figure: FigureBase, drawn: Any, over: Sequence[Axes]) -> None:
    """Draw the colour bar of error maps beneath them."""
    from matplotlib.ticker import MaxNLocator

    wide = len({axes.get_subplotspec().colspan.start for axes in over}) > 1
    looks = {"location": "bottom", "pad": 0.008, "shrink": 0.95, "extend": "max"}
    looks["panchor"] = False  # or maps would leave the rows of the pictures beside them
    bar = figure.colorbar(drawn, ax=list(over), aspect=40 if wide else 15, **looks)
    bar.locator = MaxNLocator(6 if wide else 3, integer=True)
    gap = " " if wide else "\n"
    bar.set_label(f"absolute error of the{gap}grey value (0 to 255)", fontsize=8)


def frame(axes: Axes, window: Window, name: str = "", colour: str = FRAME) -> None:
    """Draw a frame around a window, named at its upper left."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    corner = (window.columns.start - 0.5, window.rows.start - 0.5)
    high, wide = window.shape
    axes.add_patch(Rectangle(corner, wide, high, fill=False, edgecolor=colour, linewidth=0.9))
    if name:
        halo = [withStroke(linewidth=1.5, foreground="white")]
        near_top = corner[1] < 0.1 * axes.get_ylim()[0]
        place = (corner[0] + wide + 1, corner[1]) if near_top else corner
        look = {"fontsize": 7, "color": colour, "path_effects": halo}
        axes.text(*place, name, va="top" if near_top else "bottom", ha="left", **look)


def framed(axes: Axes, colour: str = FRAME) -> None:
    """Give an enlargement the colour of its frame."""
    for spine in axes.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(0.9)


def profile(image: np.ndarray, line: Line) -> np.ndarray:
    """Grey values along a line of an RGB image (Y, X, 3)."""
    return error_maps.grey(image[line.row, line.columns])


def draw_line(axes: Axes, line: Line) -> None:
    """Draw a line."""
    axes.plot(
        [line.columns.start, line.columns.stop - 1], [line.row] * 2, color=LINE, linewidth=0.9
    )


def line_over(axes: Axes, image: np.ndarray, line: Line, low: float, high: float) -> None:
    """Draw a line, and over it the profile of grey values, `low` on the line, `high` above it."""
    from matplotlib.patheffects import withStroke

    x = np.arange(line.columns.start, line.columns.stop)
    rise = CURVE * image.shape[0] / max(high - low, 1.0)
    y = line.row - rise * (profile(image, line) - low)
    halo = [withStroke(linewidth=1.8, foreground="white")]
    draw_line(axes, line)
    axes.plot(x, y, color=LINE, linewidth=0.8, path_effects=halo)


def overview(
    figure: FigureBase,
    truth: np.ndarray,
    seen: np.ndarray,
    pixel_size: float,
    parts: Mapping[str, Window],
) -> None:
    """Draw a field at 0 um with frames around its parts, and beneath it the input.

    A pixel of both is as large on paper.

    Parameters
    ----------
    truth, seen
        uint8 (Y, X, 3), (y, x, 3).
    pixel_size
        um, of the truth.
    parts
        Windows by their names; a nameless one is what is shown elsewhere.
    """
    high, wide = truth.shape[:2]
    room = 0.02 * wide
    above, beneath = figure.subplots(2, 1, height_ratios=[high, seen.shape[0]])
    show(above, truth)
    above.set_title("truth at 0 µm, whole field", fontsize=8)
    for name, window in parts.items():
        if window.shape != truth.shape[:2]:
            frame(above, window, name, FRAME if name else PART)
    at_left = [(one.columns.start + one.columns.stop) < wide for one in parts.values()]
    scale_bar(above, (high, wide), pixel_size, left=not all(at_left))
    show(beneath, seen)
    beneath.set_title("its input, with pixels\nas large as above", fontsize=8)
    for axes, across in ((above, wide), (beneath, seen.shape[1])):
        beside = (wide - across) / 2 + room
        axes.set_xlim(-0.5 - beside, across - 0.5 + beside)
        for spine in axes.spines.values():
            spine.set_visible(False)


def row_label(axes: Axes, words: str) -> None:
    """Write what a row shows at its left."""
    axes.set_ylabel(words, fontsize=8, labelpad=3)
