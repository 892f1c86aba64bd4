"""The ray model as Triton kernels, for CUDA: float32, gathers only, equal bytes in every run.

Layout. As in `ray_kernels`, a slice is one flat array with `reach` zeros from row to row and a
margin of zeros around it, so that a path length is an offset and a weight that are the same for
every pixel, and no border is tested. A program computes a tile of contiguous places.

Image. Four rays that lie side by side in the aperture are walked together: they cross mostly the
same voxels, and reading is what limits the kernel. One read serves four sums, some of them with
weight 0; that leaves 0.45 reads a path length at the paper's aperture. Programs share the rays of a
tile (`splits`); their sums are added afterwards, in a fixed order.

Gradient. A voxel gathers the light of the pixels whose rays cross it. That light is recomputed for
some rays at a time, times the upstream gradient, into a buffer of bounded size (`scratch`), then
gathered, level after level of one ray, so that what a tile reads stays in the cache of its
multiprocessor. Each program adds to sums of its own.
"""

# ruff: noqa: ANN001, ANN202 - Triton takes the types of a kernel from the call
from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from focusbench.errors import InputError
from focusbench.optics.ray_paths import LOG2_E, Geometry, Steps, ray_slopes, steps_of

TOGETHER = 4  # rays that share their reads
# A warp shall compute places side by side: then what it reads lies in a line or two, however far a
# step leads. If Triton knew these arrays to be aligned, it would give each thread four neighbours,
# to store them at once, and every read would touch four times as many lines.
UNALIGNED = ("volume", "upstream", "lights", "parts")
FAR = 1e30  # stands for infinity: times weight 0 it is 0


class Launch(NamedTuple):
    """How the work is cut up; every choice gives the same light up to rounding.

    `block`: places of a tile, a power of two. `image_warps`, `light_warps`, `gather_warps`: warps
    of a program of each kernel. `programs`: as many at least are wanted, so tiles are split by
    rays. `scratch`: numbers (4 bytes) of the buffer of light, unless four rays need more.
    """

    block: int = 512
    image_warps: int = 2
    light_warps: int = 2
    gather_warps: int = 2
    programs: int = 2048
    scratch: int = 2**24


class Flat(NamedTuple):
    """Where pixels lie in a flat slice: `margin` zeros lead, tiles follow, `margin` zeros end."""

    height: int
    width: int
    reach: int
    block: int

    @property
    def stride(self) -> int:
        """From one row to the next."""
        return self.width + self.reach

    @property
    def tiles(self) -> int:
        """Tiles that cover the pixels."""
        return -(-((self.height - 1) * self.stride + self.width) // self.block)

    @property
    def covered(self) -> int:
        """Places of all tiles."""
        return self.tiles * self.block

    @property
    def margin(self) -> int:
        """Largest distance of a voxel from a pixel that sees it."""
        return self.reach * (self.stride + 1)

    @property
    def size(self) -> int:
        """From one slice to the next; the margin between two serves both."""
        return self.covered + self.margin

    def empty(self, *leading: int, n_slices: int, like: Tensor) -> Tensor:
        """Zeros for slices with their margins, (..., n_slices * size + margin)."""
        return like.new_zeros((*leading, n_slices * self.size + self.margin))

    def spread(self, volume: Tensor) -> Tensor:
        """Flat form of a volume (Z, Y, X)."""
        flat = self.empty(n_slices=len(volume), like=volume)
        shape, strides = volume.shape, (self.size, self.stride, 1)
        flat.as_strided(shape, strides, self.margin).copy_(volume)
        return flat

    def pixels(self, tiles: Tensor) -> Tensor:
        """View (Z, Y, X) of the pixels in tiles (Z, covered)."""
        shape = (len(tiles), self.height, self.width)
        return tiles.as_strided(shape, (self.covered, self.stride, 1))


class _Table(NamedTuple):
    """Steps by group or ray, then by depth: start[row, d + Z - 1] is the first at depth d."""

    offset: Tensor  # int32 places
    weight: Tensor  # float32, one a step or TOGETHER a step
    start: Tensor  # int32, (rows, 2 Z)


def grouped(steps: Steps, geometry: Geometry) -> np.ndarray:
    """Order of the rays in which every TOGETHER lie side by side.

    It runs to and fro through the aperture, two rows of its grid at a time.
    """
    slopes = ray_slopes(geometry) * (geometry.aperture_grid / geometry.slope)
    row, column = (np.rint(slopes).astype(np.int64).T + geometry.aperture_grid - 1) // 2
    band = row // 2
    along = np.where(band % 2 == 0, column, -column)
    across = np.where(column % 2 == 0, row, -row)
    return np.lexsort((across, along, band))


@cache  # none is ever dropped: a CUDA graph that was recorded with it would read freed memory
def _tables(geometry: Geometry, flat: Flat, device: torch.device) -> tuple[_Table, _Table]:
    """Steps of groups of rays, for the light, and of single rays in that order, to gather it."""
    steps = steps_of(geometry)
    n_slices = geometry.n_slices
    if flat.margin + n_slices * flat.size >= 2**31:
        raise InputError(
            f"a volume of {flat.height} x {flat.width} pixels is too large for the ray model;"
            " the number of its voxels must be below 2^31"
        )
    place = np.empty(steps.n_rays, np.int64)
    place[grouped(steps, geometry)] = np.arange(steps.n_rays)
    offset = steps.depth * flat.size + steps.dy * flat.stride + steps.dx

    def table(row: np.ndarray, together: int) -> _Table:
        group, member = np.divmod(row, together)
        key = np.stack([group, steps.depth, offset])
        key, inverse = np.unique(key, axis=1, return_inverse=True)
        weight = np.zeros((key.shape[1], together), np.float32)
        weight[inverse.reshape(-1), member] = steps.weight
        level = key[0] * (2 * n_slices) + key[1] + n_slices - 1  # the last of 2 Z stays empty
        start = np.searchsorted(level, np.arange((key[0].max() + 1) * 2 * n_slices))
        arrays = key[2].astype(np.int32), weight, start.astype(np.int32)
        return _Table(*(torch.from_numpy(array.ravel()).to(device) for array in arrays))

    return table(place[steps.ray], TOGETHER), table(place[steps.ray], 1)


@triton.jit
def _walk(source, lane, offset, weight, first, last):
    """Exponents of four rays, in powers of two: the sum of weight times what a step meets."""
    path_0 = tl.zeros(lane.shape, tl.float32)
    path_1 = tl.zeros(lane.shape, tl.float32)
    path_2 = tl.zeros(lane.shape, tl.float32)
    path_3 = tl.zeros(lane.shape, tl.float32)
    for step in range(first, last):
        seen = tl.load(source + tl.load(offset + step) + lane)
        path_0 += tl.load(weight + 4 * step) * seen
        path_1 += tl.load(weight + 4 * step + 1) * seen
        path_2 += tl.load(weight + 4 * step + 2) * seen
        path_3 += tl.load(weight + 4 * step + 3) * seen
    return path_0, path_1, path_2, path_3


@triton.jit
def _light(path):
    """2^path, finite unless the path is not a number."""
    return tl.exp2(tl.minimum(path, 127.0, propagate_nan=tl.PropagateNan.ALL))


@triton.jit(do_not_specialize_on_alignment=UNALIGNED)
def _image_kernel(
    volume,
    offset,
    weight,
    start,
    parts,
    n_rays,
    n_groups,
    size,
    margin,
    covered,
    n_slices: tl.constexpr,
    splits: tl.constexpr,
    block: tl.constexpr,
):
    """Sum of the light of every `splits`-th group: tile x focus x split."""
    tile = tl.program_id(0)
    focus = tl.program_id(1)
    split = tl.program_id(2)
    lane = tl.arange(0, block)
    source = volume + (focus * size + margin + tile * block)
    total = tl.zeros((block,), tl.float32)
    for group in range(split, n_groups, splits):
        at = start + group * (2 * n_slices) + (n_slices - 1 - focus)
        first = tl.load(at)
        last = tl.load(at + n_slices)
        path_0, path_1, path_2, path_3 = _walk(source, lane, offset, weight, first, last)
        ray = 4 * group  # the last group may hold fewer rays
        total += _light(path_0)
        total += tl.where(ray + 1 < n_rays, _light(path_1), 0.0)
        total += tl.where(ray + 2 < n_rays, _light(path_2), 0.0)
        total += tl.where(ray + 3 < n_rays, _light(path_3), 0.0)
    row = split.to(tl.int64) * n_slices + focus
    tl.store(parts + row * covered + tile * block + lane, total)


@triton.jit(do_not_specialize_on_alignment=UNALIGNED)
def _light_kernel(
    volume,
    upstream,
    offset,
    weight,
    start,
    lights,
    first_group,
    size,
    margin,
    n_slices: tl.constexpr,
    block: tl.constexpr,
):
    """Light of every ray of some groups, times `upstream`: tile x focus x group."""
    tile = tl.program_id(0)
    focus = tl.program_id(1)
    own = tl.program_id(2)
    lane = tl.arange(0, block)
    place = focus * size + margin + tile * block
    at = start + (first_group + own) * (2 * n_slices) + (n_slices - 1 - focus)
    first = tl.load(at)
    last = tl.load(at + n_slices)
    path_0, path_1, path_2, path_3 = _walk(volume + place, lane, offset, weight, first, last)
    factor = tl.load(upstream + place + lane)
    length = n_slices * size + margin
    target = lights + own.to(tl.int64) * 4 * length + place + lane
    tl.store(target, factor * _light(path_0))
    tl.store(target + length, factor * _light(path_1))
    tl.store(target + 2 * length, factor * _light(path_2))
    tl.store(target + 3 * length, factor * _light(path_3))


@triton.jit(do_not_specialize_on_alignment=UNALIGNED)
def _gather_kernel(
    lights,
    offset,
    weight,
    start,
    parts,
    first_ray,
    last_ray,
    size,
    margin,
    covered,
    n_slices: tl.constexpr,
    splits: tl.constexpr,
    block: tl.constexpr,
):
    """Add to each voxel the light of every `splits`-th ray, by path length: tile x split."""
    tile = tl.program_id(0)
    split = tl.program_id(1)
    lane = tl.arange(0, block)
    length = n_slices * size + margin
    for ray in range(first_ray + split, last_ray, splits):
        own = lights + (ray - first_ray).to(tl.int64) * length + margin + tile * block
        for level in range(n_slices):
            at = start + ray * (2 * n_slices) + level
            first = tl.load(at)
            last = tl.load(at + n_slices)
            source = own + level * size
            row = split.to(tl.int64) * n_slices + level
            target = parts + row * covered + tile * block + lane
            total = tl.load(target)
            for step in range(first, last):
                seen = tl.load(source - tl.load(offset + step) + lane)
                total += tl.load(weight + step) * seen
            tl.store(target, total)


def _split(programs: int, tiles: int, most: int) -> int:
    """Into how many programs a tile is split; by the shape alone, so that bytes repeat."""
    return max(1, min(most, -(-programs // tiles)))


def _flat(volume: Tensor, geometry: Geometry, launch: Launch) -> Flat:
    return Flat(*volume.shape[1:], steps_of(geometry).reach, launch.block)


def image(volume: Tensor, geometry: Geometry, launch: Launch = Launch()) -> Tensor:  # noqa: B008
    """As `ray_loops.image`, on tensors: float32 (Z, Y, X), on CUDA (or interpreted)."""
    n_slices = geometry.n_slices
    n_rays = steps_of(geometry).n_rays
    n_groups = -(-n_rays // TOGETHER)
    flat = _flat(volume, geometry, launch)
    table, _ = _tables(geometry, flat, volume.device)
    splits = _split(launch.programs, flat.tiles * n_slices, n_groups)
    with torch.cuda.device_of(volume):
        parts = volume.new_empty((splits, n_slices, flat.covered))
        _image_kernel[(flat.tiles, n_slices, splits)](
            flat.spread(volume.clamp(-FAR, FAR)),
            *table,
            parts,
            n_rays,
            n_groups,
            flat.size,
            flat.margin,
            flat.covered,
            n_slices,
            splits,
            launch.block,
            num_warps=launch.image_warps,
        )
        return flat.pixels(parts.sum(0)) / n_rays


def gradient(
    volume: Tensor,
    upstream: Tensor,
    geometry: Geometry,
    launch: Launch = Launch(),  # noqa: B008
) -> Tensor:
    """As `ray_loops.gradient`, on tensors: float32 (Z, Y, X), on CUDA (or interpreted)."""
    n_slices = geometry.n_slices
    n_rays = steps_of(geometry).n_rays
    n_groups = -(-n_rays // TOGETHER)
    flat = _flat(volume, geometry, launch)
    by_group, by_ray = _tables(geometry, flat, volume.device)
    splits = _split(launch.programs, flat.tiles, n_rays)
    with torch.cuda.device_of(volume):
        source = flat.spread(volume.clamp(-FAR, FAR))
        factor = flat.spread(upstream)
        groups = min(n_groups, max(1, launch.scratch // (TOGETHER * len(source))))
        lights = flat.empty(groups * TOGETHER, n_slices=n_slices, like=volume)
        splits = min(splits, groups * TOGETHER)
        parts = volume.new_zeros((splits, n_slices, flat.covered))
        sizes: tuple[Any, ...] = (flat.size, flat.margin)
        for first in range(0, n_groups, groups):
            last = min(first + groups, n_groups)
            _light_kernel[(flat.tiles, n_slices, last - first)](
                source,
                factor,
                *by_group,
                lights,
                first,
                *sizes,
                n_slices,
                launch.block,
                num_warps=launch.light_warps,
            )
            _gather_kernel[(flat.tiles, splits)](
                lights,
                *by_ray,
                parts,
                first * TOGETHER,
                min(last * TOGETHER, n_rays),
                *sizes,
                flat.covered,
                n_slices,
                splits,
                launch.block,
                num_warps=launch.gather_warps,
            )
        return flat.pixels(parts.sum(0)) / (LOG2_E * n_rays)
