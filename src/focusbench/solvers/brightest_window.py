"""The part of a volume that holds most light, and which of its voxels can be trusted there."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def brightest_window(
    volume: np.ndarray, most_voxels: int, margin: Sequence[int]
) -> tuple[slice, ...]:
    """Choose a window of at most `most_voxels` voxels, if need be.

    The longest axis is halved until the window is small enough, but none falls below four margins;
    then the place with most light is taken.

    Parameters
    ----------
    volume
        (Z, Y, X), not negative.
    most_voxels
        Bound; the whole volume where it is not above.
    margin
        (z, y, x): how far light spreads, voxels.

    Returns
    -------
    tuple of slice
    """
    sizes = list(volume.shape)
    while math.prod(sizes) > most_voxels:
        fit = [i for i, n in enumerate(sizes) if n > max(4 * margin[i], 1)]
        if not fit:
            break
        longest = max(fit, key=lambda i: sizes[i])
        sizes[longest] = max(sizes[longest] // 2, 4 * margin[longest], 1)
    sums = volume.astype(np.float64)
    for axis, size in enumerate(sizes):
        total = np.cumsum(sums, axis=axis)
        total = np.concatenate([np.zeros_like(np.take(total, [0], axis)), total], axis)
        n = total.shape[axis]
        sums = np.take(total, np.arange(size, n), axis) - np.take(total, np.arange(n - size), axis)
    first = np.unravel_index(int(sums.argmax()), sums.shape)
    return tuple(slice(int(i), int(i) + n) for i, n in zip(first, sizes, strict=True))


def inner(
    window: Sequence[slice], shape: Sequence[int], margin: Sequence[int], every: bool = False
) -> tuple[slice, ...]:
    """The window less its margin on the sides where the volume goes on, relative to the window.

    `every`: on all sides, as a volume that goes on periodically needs.
    """
    cut = []
    for part, length, n in zip(window, shape, margin, strict=True):
        low = n if every or part.start > 0 else 0
        high = n if every or part.stop < length else 0
        cut.append(slice(low, part.stop - part.start - high))
    return tuple(cut)
