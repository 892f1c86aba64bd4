"""Fields side by side: one grey scale in counts, and one window that is enlarged, for all.

The paper's figures 7 and 9 are made of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from focusbench.solvers.patch_grid import PatchGrid
from focusbench.training.level_map import BG

if TYPE_CHECKING:
    from focusbench.training.level_map import LevelMap

BLACK, WHITE = 0.002, 0.999  # quantiles of what sets the grey scale
BESIDE = 4  # pairs of pixels on either side of a border, to tell a seam from an edge
SPREAD = (1.5, 2.0)  # sides of a patch that a window over a crossing of borders is high and wide
EQUAL = 1e-9


class Window(NamedTuple):
    """Part of a field, in pixels."""

    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


class Grey(NamedTuple):
    """Counts that are black and white."""

    black: float
    white: float


class Panel(NamedTuple):
    """A field (Y, X) in counts; or levels of its pixels, NaN for background."""

    heading: str
    image: np.ndarray
    beneath: str = ""
    levels: bool = False
    grey: Grey | None = None  # None: the band's


class Band(NamedTuple):
    """Panels on one grey scale, with one window (None: nothing is enlarged)."""

    label: str
    panels: tuple[Panel, ...]
    grey: Grey
    pixel_size: float | None  # um
    window: Window | None = None
    gamma: float = 1.0


def wrapped(band: Band, most: int) -> list[Band]:
    """Break a band into several of at most `most` panels, as equal as can be.

    The first alone has its label.
    """
    count = -(-len(band.panels) // most)
    length = -(-len(band.panels) // count)
    return [
        band._replace(label=band.label * (i == 0), panels=band.panels[i : i + length])
        for i in range(0, len(band.panels), length)
    ]


def grey(*images: np.ndarray) -> Grey:
    """Counts between which nearly all of the first image lies; of several, their widest span.

    A few hot pixels must not make the rest black.
    """
    spans = [np.quantile(np.asarray(image, np.float64), (BLACK, WHITE)) for image in images]
    black, white = min(s[0] for s in spans), max(s[1] for s in spans)
    if not white > black:
        black, white = min(map(np.min, images)), max(map(np.max, images))
    return Grey(float(black), float(white) if white > black else float(black) + 1.0)


def seam_window(restored: np.ndarray, reference: np.ndarray, side: int) -> Window | None:
    """Window around the crossing of patch borders where seams are the plainest.

    A step between neighbours across a border counts by how much it exceeds the mean of the steps
    next to it, less the same in the reference, which tells an edge of the specimen from a seam.
    Summed over the borders inside the window, which is 1.5 patches high and 2 wide. Crossings so
    near to the field's edge that the window has no room around them are for want of others alone:
    there a restoration shows what it takes to lie beyond the field.

    Parameters
    ----------
    restored
        (Y, X), restored in patches that lie side by side.
    reference
        (Y, X), the same without patches: the truth, or the observation.
    side
        Of the patches, in pixels.

    Returns
    -------
    Window or None
        None: the field is one patch and has no border.
    """
    grid = PatchGrid(tuple(restored.shape), side)
    lines = grid.borders
    if not any(len(one) for one in lines):
        return None
    excess = np.zeros(restored.shape)
    for axis, places in enumerate(lines):
        for place in places:
            step = _excess(restored, int(place), axis) - _excess(reference, int(place), axis)
            excess[(int(place), slice(None)) if axis == 0 else (slice(None), int(place))] += step
    sides = tuple(
        min(round(part * side), length) for part, length in zip(SPREAD, restored.shape, strict=True)
    )
    middles = [
        [int(place) for place in places] or [length // 2]
        for places, length in zip(lines, restored.shape, strict=True)
    ]
    crossings = [(y, x) for y in middles[0] for x in middles[1]]
    inner = [one for one in crossings if _has_room(one, sides, restored.shape)]
    windows = [around(one, sides, restored.shape) for one in inner or crossings]
    return max(windows, key=lambda one: excess[one].sum())


def _has_room(middle: Sequence[int], sides: Sequence[int], shape: Sequence[int]) -> bool:
    """Whether a window about a pixel neither touches nor leaves the field."""
    return all(
        s == length or (m - s // 2 > 0 and m - s // 2 + s < length)
        for m, s, length in zip(middle, sides, shape, strict=True)
    )


def _excess(field: np.ndarray, place: int, axis: int) -> np.ndarray:
    """Step across a border, pixel by pixel, less the mean of the steps beside it; counts."""
    field = np.asarray(field, np.float64)
    first, last = max(place - 1 - BESIDE, 0), min(place + BESIDE, field.shape[axis] - 1)
    strip = np.moveaxis(field, axis, 0)[first : last + 1]
    steps = np.abs(np.diff(strip, axis=0))
    own = place - 1 - first
    others = np.delete(steps, own, axis=0)
    return steps[own] - (others.mean(axis=0) if len(others) else 0.0)


def busy_window(image: np.ndarray, part: int = 4) -> Window:
    """Window of a `part`-th of both sides where the image changes most.

    What changes is the sum of squared steps between neighbours; of equal places the first.
    """
    sides = tuple(max(1, length // part) for length in image.shape)
    y, x = np.gradient(np.asarray(image, np.float64)) if min(image.shape) > 1 else (image, image)
    power = y**2 + x**2
    table = np.pad(power.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    h, w = sides
    sums = table[h:, w:] - table[:-h, w:] - table[h:, :-w] + table[:-h, :-w]
    best = np.argwhere(sums >= sums.max() * (1 - EQUAL))[0]
    top, left = (int(n) for n in best)
    return Window(slice(top, top + h), slice(left, left + w))


def around(middle: Sequence[int], sides: Sequence[int], shape: Sequence[int]) -> Window:
    """Window of these sides about a pixel, moved inwards where it would leave the field."""
    starts = [
        min(max(0, m - s // 2), length - s)
        for m, s, length in zip(middle, sides, shape, strict=True)
    ]
    return Window(*(slice(a, a + s) for a, s in zip(starts, sides, strict=True)))


def levels_image(levels: LevelMap) -> np.ndarray:
    """Levels of overlapping patches as an image (Y, X): of the nearest middle; NaN: background."""
    places = [np.unique(levels.corners[:, axis]) for axis in (0, 1)]
    nearest = [
        np.abs(np.arange(length)[:, None] - (starts + (levels.side - 1) / 2)).argmin(axis=1)
        for starts, length in zip(places, levels.shape, strict=True)
    ]
    values = np.where(levels.levels == BG, np.nan, levels.levels.astype(np.float64))
    return values.reshape([len(starts) for starts in places])[np.ix_(*nearest)]
