"""Shapes on a grid: soft-edged solids, tubes and strokes of which procedural volumes are made.

World units: the field of view is 2 wide, from -1 to 1 in x and y, whatever its number of voxels;
voxels are cubes and slices lie around z = 0. Every shape is a function of position, so that a finer
grid shows the same object in more detail.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

EDGE = 2 / 64  # width of an edge: one voxel where the field is 64 voxels wide

Region = tuple[slice, slice, slice]


class Grid(NamedTuple):
    """Centres of voxels in world units, shaped to broadcast: (Z, 1, 1), (1, Y, 1), (1, 1, X)."""

    z: np.ndarray
    y: np.ndarray
    x: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels in z, y and x."""
        return (self.z.size, self.y.size, self.x.size)

    def near(self, low: np.ndarray, high: np.ndarray) -> tuple[Region, Grid] | None:
        """Part of the grid within a box (z, y, x); None if no voxel is."""
        region = []
        for axis, least, most in zip(self, low, high, strict=True):
            flat = axis.ravel()
            region.append(slice(np.searchsorted(flat, least), np.searchsorted(flat, most, "right")))
        if any(part.start >= part.stop for part in region):
            return None
        z, y, x = region
        return (z, y, x), Grid(self.z[z], self.y[:, y], self.x[:, :, x])


def grid(size: int, n_slices: int) -> Grid:
    """Grid of `n_slices` slices of `size` by `size` cubic voxels, around the origin."""
    lateral = (np.arange(size) + 0.5) * 2 / size - 1
    axial = (np.arange(n_slices) + 0.5 - n_slices / 2) * 2 / size
    return Grid(axial[:, None, None], lateral[None, :, None], lateral[None, None, :])


def cover(distance: np.ndarray, edge: float = EDGE) -> np.ndarray:
    """Part of a voxel that a solid covers, by the distance to its surface (negative inside)."""
    ramp = np.clip(0.5 - distance / edge, 0.0, 1.0)
    return ramp * ramp * (3 - 2 * ramp)


def paint(volume: np.ndarray, region: Region, part: np.ndarray, value: float) -> None:
    """Replace what is in a region by `value`, where and as far as it is covered."""
    volume[region] += part * (value - volume[region])


def ellipsoid(
    field: Grid, centre: np.ndarray, semi_axes: np.ndarray, turn: float = 0.0
) -> np.ndarray:
    """Approximate distance to an ellipsoid (exact at its surface to first order).

    `centre` and `semi_axes` in the order z, y, x; turned by `turn` (radians) within x and y.
    """
    y, x = field.y - centre[1], field.x - centre[2]
    cos, sin = np.cos(turn), np.sin(turn)
    squares = (
        ((field.z - centre[0]) / semi_axes[0]) ** 2,
        ((cos * y - sin * x) / semi_axes[1]) ** 2,
        ((sin * y + cos * x) / semi_axes[2]) ** 2,
    )
    level = np.sqrt(squares[0] + squares[1] + squares[2])
    slope = sum(square / axis**2 for square, axis in zip(squares, semi_axes, strict=True))
    # (level - 1) over its own gradient, which has no direction at the centre
    inner = np.full(level.shape, min(semi_axes))
    return (level - 1) * np.divide(level, np.sqrt(slope), out=inner, where=slope > 0)


def paint_ellipsoid(
    volume: np.ndarray,
    field: Grid,
    centre: np.ndarray,
    semi_axes: np.ndarray,
    value: float,
    turn: float = 0.0,
) -> None:
    """Paint a solid ellipsoid."""
    reach = np.array([semi_axes[0], *[max(semi_axes[1:])] * 2]) + EDGE
    found = field.near(centre - reach, centre + reach)
    if found is not None:
        region, part = found
        paint(volume, region, cover(ellipsoid(part, centre, semi_axes, turn)), value)


def join_tubes(
    distance: np.ndarray,
    field: Grid,
    tubes: Iterable[tuple[np.ndarray, np.ndarray]],
    margin: float = EDGE,
) -> None:
    """Lower a map of distances to what the surfaces of tubes give.

    Parameters
    ----------
    distance
        (Z, Y, X), changed in place; only values up to `margin` outside a tube are exact.
    field
        Grid of `distance`.
    tubes
        Pairs of points (n, 3) in the order z, y, x, and radii (n,), which change linearly between
        points.
    margin
        How far from a tube its distance is wanted.
    """
    for points, radii in tubes:
        for begin, end, first, last in zip(
            points[:-1], points[1:], radii[:-1], radii[1:], strict=True
        ):
            reach = max(first, last) + margin
            found = field.near(np.minimum(begin, end) - reach, np.maximum(begin, end) + reach)
            if found is None:
                continue
            region, (z, y, x) = found
            axis = end - begin
            length = max(float(axis @ axis), 1e-12)
            z, y, x = z - begin[0], y - begin[1], x - begin[2]
            along = np.clip((z * axis[0] + y * axis[1] + x * axis[2]) / length, 0.0, 1.0)
            square = (z - along * axis[0]) ** 2
            square += (y - along * axis[1]) ** 2
            square += (x - along * axis[2]) ** 2
            new = np.sqrt(square) - (first + along * (last - first))
            np.minimum(distance[region], new, out=distance[region])
