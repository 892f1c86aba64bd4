"""Where the rays of a focused cone run: exact path lengths in the voxels that they cross."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from focusbench.errors import InputError

LOG2_E = math.log2(math.e)
MOST_CELLS = 201  # a side: some 30,000 rays
HALVES = ("even", "odd")
SHORTEST = 1e-12  # um: what rounding leaves where a ray meets an edge of a voxel


@dataclass(frozen=True)
class Geometry:
    """Aperture, voxels and rays; lengths in um. The defaults are the paper's.

    The aperture is a square grid of `aperture_grid` cells a side over the circle that the cone cuts
    out of the plane at relative depth (2 n_slices - 1) z_step / 2; each cell whose centre lies
    within the circle, or on it, sends one ray. `half` leaves those of one colour of the grid's
    chess board: both halves cover the whole aperture, and they share no ray.

    Raises
    ------
    InputError
        A value out of range.
    """

    numerical_aperture: float = 0.75
    n_slices: int = 11
    z_step: float = 1.0
    pixel_size: float = 0.92
    aperture_grid: int = 25
    half: str | None = None  # "even" or "odd": cells whose row and column have an even or odd sum

    def __post_init__(self) -> None:
        for name in ("n_slices", "aperture_grid"):
            value = getattr(self, name)
            try:
                good = not isinstance(value, bool) and operator.index(value) >= 1
            except TypeError:
                good = False
            if not good:
                raise InputError(f"ray geometry: {name} is {value!r}; a whole number from 1 up")
        if self.aperture_grid > MOST_CELLS:
            raise InputError(
                f"ray geometry: aperture_grid is {self.aperture_grid}; {MOST_CELLS} at most"
            )
        for name in ("z_step", "pixel_size"):
            value = getattr(self, name)
            if not (_is_number(value) and 0 < value < math.inf):
                raise InputError(f"ray geometry: {name} is {value!r}; a length above 0 in um")
        value = self.numerical_aperture
        if not (_is_number(value) and 0 < value < 1):
            raise InputError(
                f"ray geometry: numerical_aperture is {value!r}; a number between 0 and 1 (in air)"
            )
        if self.half not in (None, *HALVES):
            raise InputError(f"ray geometry: half is {self.half!r}; even, odd or None")
        if self.half == "odd" and self.aperture_grid == 1:
            raise InputError("ray geometry: an aperture grid of 1 cell has no odd half")

    @property
    def slope(self) -> float:
        """Tangent of the cone's half-angle."""
        return self.numerical_aperture / math.sqrt(1 - self.numerical_aperture**2)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


class PathLengths(NamedTuple):
    """Where the rays run, one entry a voxel that a ray crosses; sorted by ray, then along the ray.

    `ray` counts from 0, row by row of the aperture grid; `depth` is slice minus focused slice; `dy`
    and `dx` are voxels from the focused one; `length` (float64) is in um.
    """

    ray: np.ndarray
    depth: np.ndarray
    dy: np.ndarray
    dx: np.ndarray
    length: np.ndarray


def ray_slopes(geometry: Geometry) -> np.ndarray:
    """Lateral um per um of depth of every ray, (rays, 2) as (y, x), row by row of the grid."""
    n = geometry.aperture_grid
    row, column = np.indices((n, n))
    twice = 2 * np.arange(n) + 1 - n  # cell centres in half cells: whole numbers, no rounding
    y, x = np.meshgrid(twice, twice, indexing="ij")
    inside = y**2 + x**2 <= n**2
    if geometry.half:
        inside &= (row + column) % 2 == HALVES.index(geometry.half)
    return np.stack([y[inside], x[inside]], axis=1) * (geometry.slope / n)


def path_lengths(geometry: Geometry) -> PathLengths:
    """Exact path lengths of every ray in the voxels that it crosses: d_ji of Azevedo et al., Eq. 1.

    A ray passes through the centre of the focused voxel and is cut at every voxel face: the slab of
    relative depth d extends from (d - 1/2) to (d + 1/2) z_step, the voxel (dy, dx) half a
    `pixel_size` to either side of its centre. The lengths of a ray in one slab sum to
    z_step * sqrt(1 + tangent^2). Pieces below 1e-12 um are dropped: they stem from rounding, where
    a ray meets an edge.
    """
    slopes = ray_slopes(geometry)
    depths = np.arange(1 - geometry.n_slices, geometry.n_slices)
    bottom = (depths - 0.5) * geometry.z_step
    top = (depths + 0.5) * geometry.z_step
    cuts = [np.broadcast_to(edge[:, None], (len(slopes), len(depths), 1)) for edge in (bottom, top)]
    for slope in slopes.T:
        ends = slope[:, None, None] * np.stack([bottom, top], axis=1) / geometry.pixel_size
        first = np.ceil(ends.min(axis=2) - 0.5)  # the first face is at first + 1/2 or just before
        most = int(np.floor((ends.max(axis=2) - ends.min(axis=2)).max())) + 3
        faces = (first[:, :, None] + np.arange(most) - 0.5) * geometry.pixel_size
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = faces / slope[:, None, None]
        crossing = np.where(np.isfinite(crossing), crossing, top[:, None])
        cuts.append(np.clip(crossing, bottom[:, None], top[:, None]))
    cuts = np.sort(np.concatenate(cuts, axis=2), axis=2)
    stretch = np.sqrt(1 + (slopes**2).sum(axis=1))
    length = np.diff(cuts, axis=2) * stretch[:, None, None]
    middle = (cuts[:, :, 1:] + cuts[:, :, :-1]) / 2
    ray, depth, piece = np.nonzero(length >= SHORTEST)
    middle = middle[ray, depth, piece]
    dy, dx = np.rint(slopes[ray].T * middle / geometry.pixel_size).astype(np.int64)
    return PathLengths(ray, depths[depth], dy, dx, length[ray, depth, piece])


class Steps:
    """The path lengths of a geometry as the loops want them."""

    def __init__(self, geometry: Geometry) -> None:
        paths = path_lengths(geometry)
        n_slices, n_depths = geometry.n_slices, 2 * geometry.n_slices - 1
        self.n_rays = int(paths.ray[-1]) + 1
        self.ray, self.depth, self.dy, self.dx, _ = paths
        self.weight = paths.length * LOG2_E  # light is 2^(weight * log-transmittance)
        key = paths.ray * n_depths + paths.depth + n_slices - 1
        edges = np.searchsorted(key, np.arange(self.n_rays * n_depths + 1))
        self.start = edges[np.arange(self.n_rays)[:, None] * n_depths + np.arange(n_depths + 1)]
        self.reach = int(max(np.abs(paths.dy).max(), np.abs(paths.dx).max()))
        # Whole voxels by which a ray has moved in each slice, and what that leaves of its steps.
        voxels = ray_slopes(geometry).T * geometry.z_step / geometry.pixel_size
        levels = np.arange(n_slices)
        self.shear = np.rint(voxels[:, :, None] * (levels - n_slices // 2)).astype(np.int64)
        level = levels + paths.depth[:, None]
        seen = (level >= 0) & (level < n_slices)
        level = np.clip(level, 0, n_slices - 1)
        self.margin = []
        for moved, step in zip(self.shear, (paths.dy, paths.dx), strict=True):
            moved = moved[paths.ray]
            rest = step[:, None] + moved - np.take_along_axis(moved, level, axis=1)
            self.margin.append(int(np.abs(rest[seen]).max()))


@lru_cache(maxsize=16)
def steps_of(geometry: Geometry) -> Steps:
    """Steps of a geometry, computed once."""
    return Steps(geometry)


def check_shape(shape: tuple[int, ...], geometry: Geometry) -> None:
    """Refuse a volume that is not (..., Z, Y, X) with the geometry's slices.

    Raises
    ------
    InputError
        It is not.
    """
    if len(shape) < 3 or shape[-3] != geometry.n_slices or 0 in shape:
        raise InputError(
            f"the volume has the shape {shape}; the ray geometry needs (..., Z, Y, X) with "
            f"{geometry.n_slices} slices"
        )
