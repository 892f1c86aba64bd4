"""Transmission of a cone of rays through an absorbing volume: the imaging model of a focal stack.

Light reaches a pixel along the rays of a cone that fills the aperture and whose tip lies in the
centre of the focused voxel. Each ray is weakened by every voxel according to the path that it runs
in it (Azevedo et al. 2024, Eq. 1; Yamaguchi et al. 2020), and the pixel takes the mean of all rays
(Eq. 2, there written as a sum: a transparent volume gives 1 here).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from focusbench.errors import InputError
from focusbench.optics import ray_gather, ray_loops
from focusbench.optics.ray_loops import MIN_TRANSMITTANCE, render
from focusbench.optics.ray_paths import Geometry, PathLengths, check_shape, path_lengths, ray_slopes

__all__ = [
    "MIN_TRANSMITTANCE",
    "FilledTransmission",
    "Geometry",
    "PathLengths",
    "RayForward",
    "RayTransmission",
    "path_lengths",
    "ray_slopes",
    "render",
]


_log = logging.getLogger(__name__)


class _Transmission(torch.autograd.Function):
    """Focal stacks (N, Z, Y, X); the gradient recomputes the light, so nothing more is kept."""

    @staticmethod
    def forward(ctx: Any, volumes: Tensor, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(volumes)
        ctx.geometry = geometry
        return torch.stack([_image(volume, geometry) for volume in volumes.detach()])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None
        (volumes,) = ctx.saved_tensors
        pairs = zip(volumes.detach(), upstream, strict=True)
        return torch.stack([_gradient(*pair, ctx.geometry) for pair in pairs]), None


def _image(volume: Tensor, geometry: Geometry) -> Tensor:
    if volume.device.type != "cpu":
        return _form(volume).image(volume, geometry)
    return torch.from_numpy(ray_loops.image(volume.numpy(), geometry))


def _gradient(volume: Tensor, upstream: Tensor, geometry: Geometry) -> Tensor:
    if volume.device.type != "cpu":
        return _form(volume).gradient(volume, upstream, geometry)
    return torch.from_numpy(ray_loops.gradient(volume.numpy(), upstream.numpy(), geometry))


def _form(volume: Tensor) -> ModuleType:
    """Where `image` and `gradient` of a volume on a device stand."""
    kernels = None
    if volume.device.type == "cuda" and volume.dtype == torch.float32:
        kernels = _kernels(volume.device)
    return kernels or ray_gather


@lru_cache(maxsize=8)
def _kernels(device: torch.device) -> ModuleType | None:
    """Compiled form for CUDA; None where triton is missing or cannot compile."""
    try:
        from focusbench.optics import ray_triton

        trial = torch.zeros(1, 1, 1, device=device)
        geometry = Geometry(n_slices=1, aperture_grid=1)
        ray_triton.image(trial, geometry)
        ray_triton.gradient(trial, trial, geometry)
    except Exception as error:  # no compiler, another version, ...: triton raises anything
        reason = str(error).strip().splitlines() or [type(error).__name__]
        _log.warning("rays: triton cannot be used (%s); plain torch, slower, instead", reason[0])
        return None
    return ray_triton


class RayTransmission(torch.nn.Module):
    """Focal stack of a volume: log-transmittance per um (..., Z, Y, X) to light (..., Z, Y, X).

    Slice z of the result is focused on slice z of the volume. Light is 1 where nothing absorbs;
    outside the volume nothing does. Differentiable once: a second derivative raises. float32 and
    float64 are computed as such, other types as float32. On the CPU the loops are compiled, use as
    many threads as `torch.get_num_threads()` says, and give the same bytes for any number. On CUDA
    float32 is computed by Triton kernels, which give the same bytes in every run; float64, and
    float32 where triton cannot be used, by plain torch.

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
        check_shape(tuple(shape), self.geometry)
        if log_transmittance.dtype not in (torch.float32, torch.float64):
            log_transmittance = log_transmittance.float()
        volumes = log_transmittance.reshape(-1, *shape[-3:])
        return _Transmission.apply(volumes, self.geometry).reshape(shape)


class FilledTransmission(RayTransmission):
    """`RayTransmission` that knows nothing of some focal planes: constants stand in their place.

    Where these are the values that an observation has there, no residual and no gradient comes from
    those planes, whatever the volume. The constants go along to a device, with `to` or at first
    use.

    Parameters
    ----------
    geometry
        Of the rays.
    withheld
        The planes, counted from 0.
    fill
        (Z, Y, X), of which those planes are used.

    Attributes
    ----------
    given : torch.Tensor
        (Z, 1, 1), False for the planes that are filled.

    Raises
    ------
    InputError
        A plane or a fill that does not fit the geometry.
    """

    def __init__(self, geometry: Geometry, withheld: Sequence[int], fill: np.ndarray) -> None:
        super().__init__(geometry)
        check_shape(np.shape(fill), geometry)
        given = torch.ones(geometry.n_slices, 1, 1, dtype=torch.bool)
        for plane in withheld:
            if not 0 <= plane < geometry.n_slices:
                raise InputError(
                    f"withheld plane {plane}; of 0 to {geometry.n_slices - 1} are accepted"
                )
            given[plane] = False
        self.register_buffer("given", given, persistent=False)
        self.register_buffer("_fill", torch.tensor(fill), persistent=False)

    def forward(self, log_transmittance: Tensor) -> Tensor:
        """Apply the imaging model, then put the constants in."""
        light = super().forward(log_transmittance)
        if self.given.device != light.device:  # once: a recorded step must find them there
            self.to(light.device)
        return torch.where(self.given, light, self._fill.to(light.dtype))


@dataclass(frozen=True)
class RayForward:
    """The imaging model of a problem: what the camera records of a transmittance volume.

    Where focal planes are `withheld` (counted from 0), it does not model them but repeats those of
    `fill` (Z, Y, X); see `FilledTransmission`. `geometry` is that of all planes.
    """

    geometry: Geometry
    withheld: tuple[int, ...] = ()
    fill: np.ndarray | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.withheld and self.fill is None:
            raise InputError("ray model: planes are withheld; what to put there must be given")

    @cached_property
    def rays(self) -> RayTransmission:
        """The model on log-transmittance."""
        if self.withheld:
            return FilledTransmission(self.geometry, self.withheld, self.fill)
        return RayTransmission(self.geometry)

    def apply(self, x: Tensor) -> Tensor:
        """Transmittance per um (..., Z, Y, X), clipped to [1e-4, 1], to the focal stack."""
        return self.rays(x.clamp(MIN_TRANSMITTANCE, 1.0).log())
