"""From intensity as a function of radius to the pixels of a camera, one plane after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pixels:
    """Pixels (y, x) around an axis that runs through their centre, at (n - 1) / 2.

    Each is the mean of `subsamples` x `subsamples` points, evenly spaced like the centres of as
    many smaller pixels. Distances in um.
    """

    shape: tuple[int, int]
    size: tuple[float, float]
    subsamples: int

    @property
    def radius(self) -> float:
        """Largest distance of a point from the axis."""
        return float(np.hypot(*(self._offsets(axis)[0][-1] for axis in (0, 1))))

    def image(self, intensity: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Images (Z, y, x) of an intensity that takes radii (R,) to (Z, R).

        Radii that are equal are asked for once.
        """
        (y, rows), (x, columns) = self._offsets(0), self._offsets(1)
        squares = np.add.outer(y**2, x**2)
        if self.size[0] == self.size[1]:  # whole numbers: equal radii are found exactly
            step = self.size[0] / (2 * self.subsamples)
            counts = np.rint(squares / step**2).astype(np.int64)
            unique, place = np.unique(counts, return_inverse=True)
            radius = step * np.sqrt(unique)
        else:
            unique, place = np.unique(squares, return_inverse=True)
            radius = np.sqrt(unique)
        quarter = intensity(radius)[:, place.reshape(squares.shape)]
        corner = rows @ quarter @ columns.T
        mirror = [np.minimum(np.arange(n), np.arange(n)[::-1]) for n in self.shape]
        return corner[:, mirror[0][:, None], mirror[1]]

    def _offsets(self, axis: int) -> tuple[np.ndarray, np.ndarray]:
        """Distances of points from the axis, each once, rising, and their shares in each pixel.

        Of the pixels of the first half alone, the middle one included: the others mirror them, to
        the last bit.
        """
        parts = self.subsamples
        n_points = self.shape[axis] * parts
        n_half = -(-self.shape[axis] // 2) * parts
        # In half steps of the points, so that both sides of the axis give the same whole numbers.
        half_steps = np.abs(2 * np.arange(n_half) - (n_points - 1))
        distances, place = np.unique(half_steps, return_inverse=True)
        share = np.zeros((n_half // parts, len(distances)))
        np.add.at(share, (np.arange(n_half) // parts, place), 1 / parts)
        return distances * (self.size[axis] / (2 * parts)), share
