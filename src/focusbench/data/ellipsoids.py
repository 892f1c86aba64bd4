"""Ellipsoids in empty space: the training volumes of Azevedo et al. 2024 (their Pretr. I and II).

The recipe lives in a box [-10, 10]^3 that is stretched onto the volume, whatever its numbers of
voxels. In it lie 8 to 11 axis-parallel ellipsoids with semi-axes from U(1, 8) and centres from
U(-8, 8); each adds an absorbance from U(0.05, 0.1), and the sum Y is clipped to 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BOX = 10.0  # half side
COUNT = (8, 12)  # the upper end is excluded
SEMI_AXES = (1.0, 8.0)
CENTRES = (-8.0, 8.0)
INCREMENTS = (0.05, 0.1)
NOISE = 0.1  # of the inputs, uniform from 0


class Ellipsoids(NamedTuple):
    """Axis-parallel ellipsoids in the box; every axis in the order z, y, x."""

    centres: np.ndarray  # (n, 3)
    semi_axes: np.ndarray  # (n, 3)
    increments: np.ndarray  # (n,), absorbance


def draw(rng: np.random.Generator) -> Ellipsoids:
    """Draw one set of ellipsoids."""
    count = int(rng.integers(*COUNT))
    return Ellipsoids(
        semi_axes=rng.uniform(*SEMI_AXES, (count, 3)),
        centres=rng.uniform(*CENTRES, (count, 3)),
        increments=rng.uniform(*INCREMENTS, count),
    )


def centres_of_voxels(n: int) -> np.ndarray:
    """Positions of n voxels' centres along one side of the box."""
    return ((np.arange(n) + 0.5) / n * 2 - 1) * BOX


def absorbance(ellipsoids: Ellipsoids, size: int, n_slices: int) -> np.ndarray:
    """Y of the recipe, (n_slices, size, size), float32 in [0, 1]: 0 is empty."""
    lateral = centres_of_voxels(size)
    result = np.zeros((n_slices, size, size), np.float32)
    axes = (centres_of_voxels(n_slices), lateral, lateral)
    for centre, semi_axes, increment in zip(*ellipsoids, strict=True):
        # only the box around the ellipsoid is looked at
        near = [np.abs(x - c) <= a for x, c, a in zip(axes, centre, semi_axes, strict=True)]
        if not all(inside.any() for inside in near):
            continue
        where = tuple(slice(i.argmax(), len(i) - i[::-1].argmax()) for i in near)
        z, y, x = (
            ((axis[part] - c) / a) ** 2
            for axis, part, c, a in zip(axes, where, centre, semi_axes, strict=True)
        )
        inside = z[:, None, None] + y[:, None] + x <= 1
        result[where] += inside * np.float32(increment)
    return np.minimum(result, 1, out=result)


class EllipsoidPairs:
    """Pairs to learn denoising from; a `focusbench.problem.TrainingSet`.

    Item i is (1 - X, 1 - Y), float32 (n_slices, size, size): transmittance with X = Y + U(0, 0.1)
    drawn for each voxel, and without that noise. It depends on `seed` and i alone.

    Raises
    ------
    ValueError
        A size or the count is below 1, or the seed is negative.
    """

    def __init__(self, size: int, n_slices: int, count: int = 1000, seed: int = 0) -> None:
        if min(size, n_slices, count) < 1 or seed < 0:
            raise ValueError(
                f"size {size}, n_slices {n_slices}, count {count}, seed {seed}: the first three "
                "are at least 1, the seed at least 0"
            )
        self.size, self.n_slices, self.count, self.seed = size, n_slices, count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """(input, target) number `index`, from 0."""
        if not 0 <= index < self.count:
            raise IndexError(f"pair {index} of {self.count}")
        # the third number keeps the stream apart from that of the phantom with the same recipe
        rng = np.random.default_rng([self.seed, index, 1])
        clean = 1 - absorbance(draw(rng), self.size, self.n_slices)
        noise = rng.random(clean.shape, dtype=np.float32)
        noise *= np.float32(NOISE)
        return clean - noise, clean
