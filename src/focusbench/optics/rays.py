"""Transmission of a cone of rays through an absorbing volume: the imaging model of a focal stack.

Light reaches a pixel along the rays of a cone that fills the aperture and whose tip lies in the
centre of the focused voxel. Each ray is weakened by every voxel according to the path that it runs
in it (Azevedo et al. 2024, Eq. 1; Yamaguchi et al. 2020), and the pixel takes the mean of all rays
(Eq. 2, there written as a sum: a transparent volume gives 1 here).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from focusbench.errors import InputError
from focusbench.optics import ray_kernels
from focusbench.optics.ray_kernels import Layout

MIN_TRANSMITTANCE = (
    1e-4  # per um: below it a voxel counts as this opaque, so that its log is finite
)
PIECES = 64  # of an image, handed to threads one by one
SHORTEST = 1e-12  # um: what rounding leaves where a ray meets an edge of a voxel


@dataclass(frozen=True)
class Geometry:
    """Aperture, voxels and rays; lengths in um. The defaults are the paper's.

    The aperture is a square grid of `aperture_grid` cells a side over the circle that the cone cuts
    out of the plane at relative depth (2 n_slices - 1) z_step / 2; each cell whose centre lies
    within the circle, or on it, sends one ray.

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

    def __post_init__(self) -> None:
        for name in ("n_slices", "aperture_grid"):
            value = getattr(self, name)
            try:
                good = not isinstance(value, bool) and operator.index(value) >= 1
            except TypeError:
                good = False
            if not good:
                raise InputError(f"ray geometry: {name} is {value!r}; a whole number from 1 up")
        for name in ("z_step", "pixel_size"):
            value = getattr(self, name)
            if not (_is_number(value) and 0 < value < math.inf):
                raise InputError(f"ray geometry: {name} is {value!r}; a length above 0 in um")
        value = self.numerical_aperture
        if not (_is_number(value) and 0 < value < 1):
            raise InputError(
                f"ray geometry: numerical_aperture is {value!r}; a number between 0 and 1 (in air)"
            )

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
    twice = 2 * np.arange(n) + 1 - n  # cell centres in half cells: whole numbers, no rounding
    y, x = np.meshgrid(twice, twice, indexing="ij")
    inside = y**2 + x**2 <= n**2
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


class _Steps:
    """The path lengths of a geometry as the loops want them."""

    def __init__(self, geometry: Geometry) -> None:
        paths = path_lengths(geometry)
        n_slices, n_depths = geometry.n_slices, 2 * geometry.n_slices - 1
        self.n_rays = int(paths.ray[-1]) + 1
        self.ray, self.depth, self.dy, self.dx, _ = paths
        self.weight = paths.length * ray_kernels.LOG2_E  # light is 2^(weight * log-transmittance)
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
def _steps(geometry: Geometry) -> _Steps:
    return _Steps(geometry)


@lru_cache(maxsize=4)
def _tables(geometry: Geometry, layout: Layout, dtype: np.dtype) -> tuple[np.ndarray, ...]:
    """offset, weight, lateral and start of the steps, for the compiled loops."""
    steps = _steps(geometry)
    lateral = steps.dy * layout.stride + steps.dx
    offset = steps.depth * layout.size + lateral
    if np.abs(offset).max() >= 2**31:
        raise InputError(
            f"a volume of {layout.height} x {layout.width} pixels is too large for the ray model;"
            " the number of its voxels must be below 2^31"
        )
    return (
        offset.astype(np.int32),
        steps.weight.astype(dtype),
        lateral.astype(np.int32),
        steps.start,
    )


@lru_cache(maxsize=4)
def _sheared(geometry: Geometry, layout: Layout) -> tuple[np.ndarray, np.ndarray, int]:
    """depth, shear and margin of the steps, for the compiled gradient."""
    steps = _steps(geometry)
    shear = steps.shear[0] * layout.stride + steps.shear[1]
    margin = steps.margin[0] * layout.stride + steps.margin[1]
    return steps.depth.astype(np.int32), shear, margin


def _on_threads(function: Callable[[int], None], count: int) -> None:
    """Call the function with 0 .. count - 1, on as many threads as torch would use."""
    threads = min(torch.get_num_threads(), count)
    if threads == 1:
        for task in range(count):
            function(task)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(function, range(count)):
            pass


def _image_compiled(volume: Tensor, geometry: Geometry) -> Tensor:
    """Focal stack (Z, Y, X) of a log-transmittance (Z, Y, X), float32 or float64, on the CPU."""
    layout = Layout(*volume.shape[1:], _steps(geometry).reach)
    flat = layout.spread(volume.numpy())
    image = np.empty_like(flat)
    tables = _tables(geometry, layout, flat.dtype)
    blocks = len(flat) * ray_kernels.blocks(layout.span)
    edges = np.linspace(0, blocks, min(blocks, PIECES) + 1).astype(int)

    def work(piece: int) -> None:
        first, last = edges[piece : piece + 2]
        ray_kernels.forward(flat, layout.span, *tables, image, first, last)

    _on_threads(work, len(edges) - 1)
    return torch.from_numpy(layout.pixels(image).copy())


def _gradient_compiled(volume: Tensor, upstream: Tensor, geometry: Geometry) -> Tensor:
    """Gradient (Z, Y, X) by the log-transmittance, `upstream` being that by the focal stack."""
    steps = _steps(geometry)
    layout = Layout(*volume.shape[1:], steps.reach)
    parts = layout.pixels(_gradient_parts(volume.numpy(), upstream.numpy(), layout, geometry))
    result = parts[0].copy()
    for part in parts[1:]:
        result += part
    result *= result.dtype.type(1 / (ray_kernels.LOG2_E * steps.n_rays))
    return torch.from_numpy(result)


def _gradient_parts(
    volume: np.ndarray, upstream: np.ndarray, layout: Layout, geometry: Geometry
) -> np.ndarray:
    """Shares of the gradient, each of some rays: (groups, Z, size) in the given layout."""
    n_slices, height, width = volume.shape
    # As many groups as keep everything, with image, gradients and windows, in n_slices + 6 volumes;
    # their number, not that of threads, decides about the order in which a voxel's terms are added.
    groups = 16
    while groups > 1 and (groups + 2) * layout.size > (n_slices + 2) * height * width:
        groups //= 2
    parts = np.zeros((groups, n_slices, layout.size), volume.dtype)
    flat = layout.spread(volume)
    light_gradient = layout.spread(upstream)
    tables = _tables(geometry, layout, volume.dtype)
    sheared = _sheared(geometry, layout)

    def work(group: int) -> None:
        ray_kernels.backward(
            flat, layout.span, *tables, *sheared, light_gradient, group, groups, parts[group]
        )

    _on_threads(work, groups)
    return parts


GATHERED = 2**24  # numbers that the gather form holds at a time, in each of a few arrays


class _Gather:
    """The same two loops in plain torch, some rays at a time: for any device."""

    def __init__(self, volume: Tensor, geometry: Geometry) -> None:
        self.steps = _steps(geometry)
        self.n_slices, height, width = volume.shape
        reach = self.steps.reach
        self.frame = (reach,) * 4
        row = width + 2 * reach
        inner = torch.arange(height, device=volume.device)[:, None] * row
        inner = inner + torch.arange(width, device=volume.device)
        self.inner = (inner + reach * row + reach).flatten()
        self.size = (height + 2 * reach) * row
        # Steps of one ray and depth side by side: (rays, depths, most); missing ones have weight 0.
        steps = self.steps
        depth = steps.depth + self.n_slices - 1
        rank = np.arange(len(depth)) - steps.start[steps.ray, depth]
        shape = (steps.n_rays, 2 * self.n_slices - 1, int(rank.max()) + 1)
        weight, lateral = np.zeros(shape), np.zeros(shape, np.int64)
        weight[steps.ray, depth, rank] = steps.weight
        lateral[steps.ray, depth, rank] = steps.dy * row + steps.dx
        self.weight = torch.from_numpy(weight).to(volume)
        self.lateral = torch.from_numpy(lateral).to(volume.device)
        self.volume = self.framed(volume)
        self.at_a_time = max(1, GATHERED // (self.n_slices * self.size))

    def framed(self, volume: Tensor) -> Tensor:
        """Slices with zeros around them, flat: (Z, ..., size)."""
        return torch.nn.functional.pad(volume, self.frame).flatten(-2)

    def chunks(self) -> Iterator[tuple[slice, Tensor]]:
        """Rays, some at a time, and their light (Z, rays, Y * X)."""
        for first in range(0, self.steps.n_rays, self.at_a_time):
            rays = slice(first, min(first + self.at_a_time, self.steps.n_rays))
            count = rays.stop - rays.start
            path = self.volume.new_zeros((self.n_slices, count, self.inner.numel()))
            for focus, level, weight, lateral in self.walk(rays):
                met = (self.inner + lateral[:, None]).flatten()
                seen = self.volume[level].index_select(1, met).unflatten(1, (count, -1))
                path[focus].addcmul_(seen, weight[:, None])
            yield rays, path.exp2_()

    def walk(self, rays: slice) -> Iterator[tuple[slice, slice, Tensor, Tensor]]:
        """For every step: focused slices, those met, weight and lateral move of each ray."""
        for depth in range(1 - self.n_slices, self.n_slices):
            focus = slice(max(0, -depth), min(self.n_slices, self.n_slices - depth))
            level = slice(focus.start + depth, focus.stop + depth)
            for k in range(self.weight.shape[2]):
                at = (rays, depth + self.n_slices - 1, k)
                yield focus, level, self.weight[at], self.lateral[at]


def _image_gathered(volume: Tensor, geometry: Geometry) -> Tensor:
    """As `_image_compiled`, on any device."""
    form = _Gather(volume, geometry)
    image = sum(light.sum(dim=1) for _, light in form.chunks()) / form.steps.n_rays
    return image.reshape(volume.shape)


def _gradient_gathered(volume: Tensor, upstream: Tensor, geometry: Geometry) -> Tensor:
    """As `_gradient_compiled`, on any device; gathers, so that no sum depends on timing."""
    form = _Gather(volume, geometry)
    result = torch.zeros_like(volume).flatten(1)
    for rays, light in form.chunks():
        light *= upstream.reshape(form.n_slices, 1, -1)
        count = light.shape[1]
        light = form.framed(light.unflatten(2, volume.shape[1:])).flatten(1)
        own = torch.arange(count, device=volume.device) * form.size
        for focus, level, weight, lateral in form.walk(rays):
            seen_by = (form.inner + (own - lateral)[:, None]).flatten()
            seen = light[focus].index_select(1, seen_by).unflatten(1, (count, -1))
            result[level] += (seen * weight[:, None]).sum(dim=1)
    result /= ray_kernels.LOG2_E * form.steps.n_rays
    return result.reshape(volume.shape)


class _Transmission(torch.autograd.Function):
    """Focal stacks (N, Z, Y, X); the gradient recomputes the light, so nothing more is kept."""

    @staticmethod
    def forward(ctx: Any, volumes: Tensor, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(volumes)
        ctx.geometry = geometry
        image = _image_compiled if volumes.device.type == "cpu" else _image_gathered
        return torch.stack([image(volume, geometry) for volume in volumes.detach()])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None
        (volumes,) = ctx.saved_tensors
        gradient = _gradient_compiled if volumes.device.type == "cpu" else _gradient_gathered
        pairs = zip(volumes.detach(), upstream, strict=True)
        return torch.stack([gradient(*pair, ctx.geometry) for pair in pairs]), None


class RayTransmission(torch.nn.Module):
    """Focal stack of a volume: log-transmittance per um (..., Z, Y, X) to light (..., Z, Y, X).

    Slice z of the result is focused on slice z of the volume. Light is 1 where nothing absorbs;
    outside the volume nothing does. Differentiable once: a second derivative raises. float32 and
    float64 are computed as such, other types as float32. On the CPU the loops are compiled, use as
    many threads as `torch.get_num_threads()` says, and give the same bytes for any number.

    Raises
    ------
    InputError
        The volume's number of slices is not the geometry's.
    """

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry = geometry

    def forward(self, log_transmittance: Tensor) -> Tensor:
        """Apply Azevedo et al. 2024, Eq. 1 and 2."""
        shape = log_transmittance.shape
        _check_shape(tuple(shape), self.geometry)
        if log_transmittance.dtype not in (torch.float32, torch.float64):
            log_transmittance = log_transmittance.float()
        volumes = log_transmittance.reshape(-1, *shape[-3:])
        return _Transmission.apply(volumes, self.geometry).reshape(shape)


def _check_shape(shape: tuple[int, ...], geometry: Geometry) -> None:
    if len(shape) < 3 or shape[-3] != geometry.n_slices or 0 in shape:
        raise InputError(
            f"the volume has the shape {shape}; the ray geometry needs (..., Z, Y, X) with "
            f"{geometry.n_slices} slices"
        )


def render(transmittance: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Focal stack of a volume, not quantised.

    Parameters
    ----------
    transmittance
        (Z, Y, X), per um of path, clipped to [1e-4, 1].
    geometry
        Its n_slices is Z.

    Returns
    -------
    numpy.ndarray
        (Z, Y, X), float32, light in (0, 1]: slice z is focused on slice z of the volume.

    Raises
    ------
    InputError
        The number of slices is not the geometry's, or a value is not finite.
    """
    volume = np.asarray(transmittance, dtype=np.float32)
    if not np.isfinite(volume).all():
        raise InputError("the transmittance has values that are not finite; numbers in (0, 1]")
    with torch.no_grad():
        return RayForward(geometry).apply(torch.from_numpy(volume)).numpy()


@dataclass(frozen=True)
class RayForward:
    """The imaging model of a problem: what the camera records of a transmittance volume."""

    geometry: Geometry

    @cached_property
    def rays(self) -> RayTransmission:
        """The model on log-transmittance."""
        return RayTransmission(self.geometry)

    def apply(self, x: Tensor) -> Tensor:
        """Transmittance per um (..., Z, Y, X), clipped to [1e-4, 1], to the focal stack."""
        return self.rays(x.clamp(MIN_TRANSMITTANCE, 1.0).log())
