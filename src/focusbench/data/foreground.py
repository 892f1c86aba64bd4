"""Where cells lie on a large plane: the rule by which Ma et al. chose patches, and windows by it.

A pixel is foreground where its grey value is at least 10 below the Gaussian mean of the 101 x 101
pixels around it; a patch counts where its inner part holds a connected piece of 2000 such pixels.
The numbers are those of the authors' public code. It looks at rows and columns 50 to 461, which is
the middle of 512 pixels but not of the paper's 768; here it is the middle 412 of any patch. What
OpenCV computes for it is repeated, its rounded mean too: of a 768 x 768 field every pixel agreed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from focusbench.errors import InputError

BLOCK, BELOW = 101, 10
SIGMA = 0.3 * ((BLOCK - 1) * 0.5 - 1) + 0.8  # what OpenCV takes for this block
INNER, LEAST = 412, 2000  # px
GREY = (4899, 9617, 1868)  # of red, green, blue, in 1/16384
ATTEMPTS = 50  # places tried for each window


def mask(image: np.ndarray) -> np.ndarray:
    """Foreground of an image.

    Parameters
    ----------
    image
        uint8 (Y, X, 3).

    Returns
    -------
    numpy.ndarray
        bool (Y, X).
    """
    from scipy.ndimage import correlate1d

    weighted = image.astype(np.int64) @ np.array(GREY)
    grey = (weighted + (1 << 13)) >> 14
    distance = np.arange(BLOCK) - BLOCK // 2
    weights = np.exp(-(distance**2) / (2 * SIGMA**2))
    mean = grey.astype(np.float32)
    for axis in (0, 1):
        mean = correlate1d(mean, weights / weights.sum(), axis, mode="nearest")
    return grey <= np.rint(mean).astype(np.int64) - BELOW


def holds_cells(image: np.ndarray, least: int = LEAST, inner: int = INNER) -> bool:
    """Tell whether a patch shows cells.

    Parameters
    ----------
    image
        uint8 (Y, X, 3).
    least
        Pixels of the largest connected piece (over edges) of foreground.
    inner
        Side of the middle square that is looked at, px; what the patch has, if less.
    """
    from scipy.ndimage import label

    top, left = (max((side - inner) // 2, 0) for side in image.shape[:2])
    pieces, count = label(mask(image[top : top + inner, left : left + inner]))
    return count > 0 and int(np.bincount(pieces.ravel())[1:].max()) >= least


def windows(
    read: Callable[[int, int], np.ndarray],
    shape: tuple[int, int],
    side: int,
    count: int,
    seed: int,
    least: int = LEAST,
) -> list[tuple[int, int]]:
    """Choose windows with cells at random; they may overlap, as in the paper.

    Parameters
    ----------
    read
        Gives the window (side, side, 3), uint8, whose first pixel is (y, x), of the plane that is
        looked at.
    shape
        Of the plane, px.
    side
        Of a window, px.
    count
        Windows wanted.
    seed
        Of the places.
    least
        As in `holds_cells`.

    Returns
    -------
    list of tuple of int
        Their first pixels (y, x).

    Raises
    ------
    InputError
        The plane is smaller than a window, or 50 places for each window did not hold enough cells.
    """
    found = search(read, shape, side, count, seed, least)
    if len(found) < count:
        raise InputError(
            f"cells in {len(found)} of {ATTEMPTS * count} windows of {side} x {side} pixels; "
            f"{count} windows are wanted"
        )
    return found


def search(
    read: Callable[[int, int], np.ndarray],
    shape: tuple[int, int],
    side: int,
    count: int,
    seed: int | Sequence[int],
    least: int = LEAST,
    overlap: float = 1.0,
) -> list[tuple[int, int]]:
    """Choose windows as `windows` does; fewer, or none, where no more are found.

    Parameters
    ----------
    read, shape, side, count, seed, least
        As there.
    overlap
        Largest part of a window that another one may cover.

    Raises
    ------
    InputError
        The plane is smaller than a window.
    """
    if min(shape) < side:
        raise InputError(f"plane of {shape[1]} x {shape[0]} pixels; windows are {side} x {side}")
    rng = np.random.default_rng(seed)
    found: list[tuple[int, int]] = []
    seen: dict[tuple[int, int], bool] = {}
    for _ in range(ATTEMPTS * count):
        if len(found) == count:
            break
        place = tuple(int(rng.integers(length - side + 1)) for length in shape)
        if any(_shared(place, other, side) > overlap for other in found):
            continue
        if place not in seen:
            seen[place] = holds_cells(read(*place), least)
        if seen[place]:
            found.append(place)
    return found


def _shared(one: tuple[int, int], other: tuple[int, int], side: int) -> float:
    """Part of a window that another one covers."""
    y, x = (max(side - abs(a - b), 0) for a, b in zip(one, other, strict=True))
    return y * x / side**2
