"""Transmission of a cone of rays through an absorbing volume: the imaging model of a focal stack.

Light reaches a pixel along the rays of a cone that fills the aperture and whose tip lies in the
centre of the focused voxel. Each ray is weakened by every voxel according to the path that it runs
in it (Azevedo et al. 2024, Eq. 1; Yamaguchi et al. 2020), and the pixel takes the mean of all rays
(Eq. 2, there written as a sum: a transparent volume gives 1 here).
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numba
import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from focusbench.errors import InputError
from focusbench.optics import ray_kernels

MIN_TRANSMITTANCE = 1e-4  # per um: below it a voxel counts as this opaque, so that its log is finite
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
                f"ray geometry: numerical_aperture is {value!r}; a number between 0 and 1 (dry lens)"
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
    """Exact path lengths of every ray in the voxels that it crosses (d_ji of Azevedo et al., Eq. 1).

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


class Steps(NamedTuple):
    """Path lengths as the loops want them: `start[ray, depth + n_slices - 1]` is the first step."""

    depth: np.ndarray
    dy: np.ndarray
    dx: np.ndarray
    weight: np.ndarray  # length * log2(e): light is 2^(weight * log-transmittance)
    start: np.ndarray
    reach: int


def _steps(geometry: Geometry) -> Steps:
    paths = path_lengths(geometry)
    n_depths = 2 * geometry.n_slices - 1
    n_rays = int(paths.ray[-1]) + 1
    key = paths.ray * n_depths + paths.depth + geometry.n_slices - 1
    edges = np.searchsorted(key, np.arange(n_rays * n_depths + 1))
    start = edges[np.arange(n_rays)[:, None] * n_depths + np.arange(n_depths + 1)]
    reach = int(max(np.abs(paths.dy).max(), np.abs(paths.dx).max()))
    weight = paths.length * ray_kernels.LOG2_E
    return Steps(paths.depth, paths.dy, paths.dx, weight, start, reach)


class _Threads:
    """Compiled loops run on as many threads as torch would use."""

    def __enter__(self) -> None:
        self.before = numba.get_num_threads()
        numba.set_num_threads(min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))

    def __exit__(self, *_: object) -> None:
        numba.set_num_threads(self.before)


def _image_cpu(volume: np.ndarray, steps: Steps) -> np.ndarray:
    """Focal stack (Z, Y, X) of one log-transmittance (Z, Y, X), float32 or float64."""
    layout = ray_kernels.Layout(*volume.shape[1:], steps.reach)
    offset = steps.depth * layout.size + steps.dy * layout.stride + steps.dx
    flat = layout.spread(volume)
    image = np.empty_like(flat)
    weight = steps.weight.astype(volume.dtype)
    with _Threads():
        ray_kernels.forward(flat, layout.origin, layout.span, offset, weight, steps.start, image)
    return layout.pixels(image).copy()


def _gradient_cpu(volume: np.ndarray, gradient: np.ndarray, steps: Steps) -> np.ndarray:
    """Gradient (Z, Y, X) by the log-transmittance of a loss whose gradient by the image is given."""
    layout = ray_kernels.Layout(*volume.shape[1:], steps.reach)
    offset = steps.depth * layout.size + steps.dy * layout.stride + steps.dx
    flat = layout.spread(volume)
    scale = volume.dtype.type(math.log(2) / len(steps.start))
    upstream = layout.spread(gradient * scale)
    # Light of as many rays at a time as keeps the whole within n_slices + 6 volumes.
    padding = layout.size / (layout.height * layout.width)
    room = max(1, int((len(volume) + 3) / padding) - 3)
    light = np.zeros((room, *flat.shape), flat.dtype)
    result = np.zeros_like(flat)
    weight = steps.weight.astype(volume.dtype)
    with _Threads():
        ray_kernels.backward(
            flat, upstream, layout.origin, layout.span, offset, weight, steps.start, light, result
        )
    return layout.pixels(result).copy()


class _CpuTransmission(torch.autograd.Function):
    """The compiled loops; what the gradient needs is recomputed, not kept."""

    @staticmethod
    def forward(ctx: Any, log_transmittance: Tensor, steps: Steps) -> Tensor:
        ctx.save_for_backward(log_transmittance)
        ctx.steps = steps
        volumes = log_transmittance.detach().reshape(-1, *log_transmittance.shape[-3:]).numpy()
        images = torch.empty(volumes.shape, dtype=log_transmittance.dtype)
        for volume, image in zip(volumes, images.numpy(), strict=True):
            image[...] = _image_cpu(volume, steps)
        return images.reshape(log_transmittance.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None
        (log_transmittance,) = ctx.saved_tensors
        volumes = log_transmittance.detach().reshape(-1, *log_transmittance.shape[-3:]).numpy()
        upstream = gradient.reshape(volumes.shape).numpy()
        results = torch.empty(volumes.shape, dtype=log_transmittance.dtype)
        for volume, up, result in zip(volumes, upstream, results.numpy(), strict=True):
            result[...] = _gradient_cpu(volume, up, ctx.steps)
        return results.reshape(log_transmittance.shape), None


class RayTransmission(torch.nn.Module):
    """Focal stack of a volume: log-transmittance per um (..., Z, Y, X) to light (..., Z, Y, X).

    Slice z of the result is focused on slice z of the volume. Light is 1 where nothing absorbs;
    outside the volume nothing does. Differentiable once (a second derivative raises).

    Raises
    ------
    InputError
        The volume's number of slices is not the geometry's.
    """

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry = geometry
        self._steps = _steps(geometry)

    def forward(self, log_transmittance: Tensor) -> Tensor:
        """Azevedo et al. 2024, Eq. 1 and 2."""
        _check_shape(tuple(log_transmittance.shape), self.geometry)
        if log_transmittance.dtype not in (torch.float32, torch.float64):
            log_transmittance = log_transmittance.float()
        return _CpuTransmission.apply(log_transmittance, self._steps)


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
