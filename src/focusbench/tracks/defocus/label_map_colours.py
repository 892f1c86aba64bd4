"""Colours of defocus levels, the same in every picture of this track; `bg` is none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from focusbench.training.level_map import BG

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import BoundaryNorm, Colormap
    from matplotlib.figure import Figure

MAP = "viridis"  # its lightness rises steadily: levels are told apart without colour vision too
BG_COLOUR = "#d0d0d0"
HATCH = "////"
SMALL = 0.55  # part of the largest cell below which a cell has no room for its number


def colours(levels: int) -> tuple[Colormap, BoundaryNorm]:
    """Colour map and norm of levels 0 to `levels` - 1; what is masked or NaN is `bg`."""
    import matplotlib
    from matplotlib.colors import BoundaryNorm

    chosen = matplotlib.colormaps[MAP].resampled(levels).with_extremes(bad=BG_COLOUR)
    return chosen, BoundaryNorm(np.arange(levels + 1) - 0.5, levels)


def draw_levels(
    axes: Axes, levels: np.ndarray, edges: tuple[np.ndarray, np.ndarray], count: int
) -> Any:
    """Draw levels of cells in colour, each with its number; `bg` is grey and hatched.

    Parameters
    ----------
    levels
        (R, C), 0 and up, or `BG`; what is beyond the last level has the last one's colour.
    edges
        Between the cells, along y (R + 1,) and x (C + 1,), in pixels.
    count
        How many levels there are.
    """
    from matplotlib.patches import Rectangle

    chosen, norm = colours(count)
    y, x = (np.asarray(one, np.float64) - 0.5 for one in edges)  # pixels' centres are whole
    shown = np.ma.masked_equal(np.minimum(levels, count - 1), BG)
    mesh = axes.pcolormesh(x, y, shown, cmap=chosen, norm=norm, edgecolors="white", linewidth=0.4)
    widest = np.diff(x).max()
    for (row, column), level in np.ndenumerate(levels):
        left, width = x[column], x[column + 1] - x[column]
        top, height = y[row], y[row + 1] - y[row]
        if level == BG:
            looks = {"fill": False, "hatch": HATCH, "edgecolor": "#8a8a8a", "linewidth": 0}
            axes.add_patch(Rectangle((left, top), width, height, **looks))
        elif min(width, height) >= SMALL * widest:
            light = norm(min(level, count - 1)) > 0.6 * count
            ink = "black" if light else "white"
            middle = left + width / 2, top + height / 2
            axes.text(*middle, f"{level}", ha="center", va="center", color=ink, fontsize=6)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[-1], y[0])
    axes.set_aspect("equal")
    return mesh


def level_bar(figure: Figure, axes: list[Axes], count: int, step: float) -> None:
    """Draw a colour bar beneath `axes`: levels, the depth of each in um, and `bg`.

    Parameters
    ----------
    count
        How many levels there are.
    step
        Depth from a level to the next, um.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.patches import Patch

    chosen, norm = colours(count)
    bar = figure.colorbar(
        ScalarMappable(norm, chosen), ax=axes, location="bottom", shrink=0.55, aspect=28, pad=0.02
    )
    names = [f"{level}\n{level * step:g}" for level in range(count)]
    bar.set_ticks(np.arange(count), labels=names)
    bar.ax.tick_params(length=0)
    bar.ax.grid(False)
    words = {"transform": bar.ax.transAxes, "ha": "right", "va": "top", "fontsize": 8}
    bar.ax.text(-0.015, -0.28, "level\ndefocus, µm", linespacing=1.2, **words)
    patch = Patch(facecolor=BG_COLOUR, edgecolor="#8a8a8a", hatch=HATCH, linewidth=0, label="bg")
    bar.ax.legend(
        handles=[patch], loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8
    )
