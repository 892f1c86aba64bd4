"""Blur of a whole field whose defocus varies from place to place.

A point of the specimen that is out of focus spreads its light by the kernel of its own level, where
ever in the image that light lands. With level l(r) of the specimen at r, and K_l the kernels,

    y = sum_l K_l * (w_l x),    w_l(r) = max(0, 1 - |l - l(r)|)

("scatter"): the object is shared out among the levels, then each share is blurred. The other form,
in which a pixel of the image collects light with the kernel of its own level, y = sum_l w_l (K_l *
x) ("gather"), is not what light does: between two levels it does not even keep the amount of light.
It is what cutting an image into patches assumes. Up to flipped kernels it is the adjoint of the
first. Both are the same where the level does not change within a kernel's width.

Between whole levels the kernels are mixed (`defocus_psf.between`). Of a plane specimen that is
tilted the model is exact but for that; structure at several depths of one place, and light that is
hidden by other structure, it does not know.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.optics import noise as camera
from focusbench.optics.depth_variant import DepthVariant
from focusbench.optics.fft_sizes import good_size
from focusbench.optics.kernels import centre
from focusbench.optics.level_maps import (
    checked_shape,
    is_finite,
    level_weights,
    steps,
    tilted_plane,
)
from focusbench.optics.linear_operator import LinearOperator
from focusbench.problem import Noise

__all__ = [
    "BOUNDARIES",
    "FieldBlur",
    "blur",
    "level_weights",
    "shot_noise",
    "steps",
    "tilted_plane",
]

BOUNDARIES = ("symmetric", "linear", "circular")


class FieldBlur(LinearOperator):
    """Blur of fields (..., Y, X) by kernels that follow a map of levels ("scatter", see above).

    `optics.depth_variant.DepthVariant` with a mirror at the edges: what is seen of the specimen
    beyond them is the field's own image in a mirror (as often as needed), levels included. So an
    even field of one level stays even up to its edges, which zeros beyond them ("linear") make
    darker. The adjoint is exact: what the mirror images receive is added to their originals.

    Parameters
    ----------
    psfs
        (L, y, x), levels 0 to L - 1: not negative, scaled to unit sum.
    level_map
        (Y, X), 0 to L - 1; a single number: the same everywhere.
    shape
        (Y, X), needed where `level_map` is a number.
    boundary
        "symmetric", "linear" or "circular".
    device, dtype
        Of the tensors that it takes; torch.float32 or torch.float64.

    Attributes
    ----------
    shape, boundary, device, dtype
        As given.

    Raises
    ------
    InputError
        If an argument is not as said; without a mirror, kernels larger than the field.
    """

    def __init__(
        self,
        psfs: Any,
        level_map: Any,
        shape: Sequence[int] | None = None,
        boundary: str = "symmetric",
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if boundary not in BOUNDARIES:
            raise InputError(f"boundary: {boundary!r}; accepted: {', '.join(BOUNDARIES)}")
        kernels = np.asarray(psfs)
        if kernels.ndim != 3 or not kernels.size:
            raise InputError(f"PSFs: shape {kernels.shape}; (levels, y, x) is needed")
        if np.ndim(level_map) == 0:
            if shape is None:
                raise InputError(f"level map: {level_map!r}; a single level needs `shape` too")
            level_map = np.full(checked_shape(shape), level_map)
        weights = level_weights(level_map, len(kernels))
        super().__init__(weights.shape[1:], device, dtype)
        if shape is not None and tuple(shape) != self.shape:
            raise InputError(f"level map: shape {self.shape}; {tuple(shape)} is needed")
        self.boundary = boundary
        used = weights.any(axis=(1, 2))
        kernels, weights = kernels[used], weights[used]
        self._mirror: tuple[Tensor, Tensor] | None = None
        self._start = (0, 0)
        if boundary == "symmetric":
            # The result at a pixel reaches as far as the kernel does, to either side.
            before = [side // 2 for side in kernels.shape[1:]]
            after = centre(kernels.shape[1:])
            sizes = [
                good_size(b + n + a) for b, n, a in zip(before, self.shape, after, strict=True)
            ]
            self._mirror = tuple(
                torch.from_numpy(_mirrored(n, b, size)).to(self.device)
                for n, b, size in zip(self.shape, before, sizes, strict=True)
            )
            y, x = (index.cpu().numpy() for index in self._mirror)
            weights = weights[:, y[:, None], x]
            self._start = tuple(before)
        # What a periodic transform wraps around lands in the mirror's frame, which is cut off.
        self._blur = DepthVariant(
            kernels,
            weights,
            "linear" if boundary == "linear" else "circular",
            device=device,
            dtype=dtype,
        )

    def to(self, device: str | torch.device) -> FieldBlur:
        """Return the same operator for tensors on another device."""
        other = copy.copy(self)
        other.device = torch.device(device)
        other._blur = self._blur.to(device)
        if self._mirror is not None:
            other._mirror = tuple(index.to(device) for index in self._mirror)
        return other

    def run(self, x: Tensor, adjoint: bool) -> Tensor:
        """Compute `apply` or `adjoint` of x (..., *shape), outside of autograd and unchecked."""
        if self._mirror is None:
            return self._blur.run(x, adjoint)
        y_index, x_index = self._mirror
        (top, left), (rows, columns) = self._start, self.shape
        inside = (..., slice(top, top + rows), slice(left, left + columns))
        if not adjoint:
            wide = x.index_select(-2, y_index).index_select(-1, x_index)
            return self._blur.run(wide, False)[inside].contiguous()
        wide = x.new_zeros((*x.shape[:-2], len(y_index), len(x_index)))
        wide[inside] = x
        wide = self._blur.run(wide, True)
        part = x.new_zeros((*x.shape[:-2], rows, len(x_index))).index_add_(-2, y_index, wide)
        return torch.zeros_like(x).index_add_(-1, x_index, part)


def blur(
    field: Any,
    psfs: Any,
    level_map: Any,
    boundary: str = "symmetric",
    *,
    offset: float = 0.0,
    device: str = "cpu",
) -> np.ndarray:
    """Blur a field, without noise.

    Parameters
    ----------
    field
        (Y, X), any real type and unit.
    psfs, level_map, boundary
        As in `FieldBlur`.
    offset
        Counts without light (BBBC006: about 100): taken off before and put back after. With one
        level everywhere and a mirror it changes nothing, for kernels sum to 1. Where levels vary it
        does: light that is even piles up or thins out where they change, and the camera's offset,
        which is none, would as well. With the "linear" boundary it decides how dark the edges get.

    Returns
    -------
    numpy.ndarray
        float32 (Y, X), not negative unless light below the offset is.

    Raises
    ------
    InputError
        As `FieldBlur`; a field that is not finite or not of two axes.
    """
    values = _field(field) - _offset(offset)
    forward = FieldBlur(psfs, level_map, values.shape, boundary, device=device)
    seen = forward.apply(torch.from_numpy(values.astype(np.float32)).to(device)).cpu().numpy()
    if values.min() >= 0:
        np.maximum(seen, 0, out=seen)  # rounding of the transforms
    return seen + np.float32(offset)


def shot_noise(image: Any, rng: np.random.Generator, offset: float = 0.0) -> np.ndarray:
    """Count photons, one a count.

    He et al. 2020 (Eq. 1) write Poisson noise and no offset. With `offset` 0 all counts are
    photons, those of the camera's offset too, as the paper's: a dark pixel of 100 counts has a
    standard deviation of 10. With the camera's offset only what lies above it is light and noisy,
    and a pixel without light stays as it is, which is what the physics says; real fields vary by
    2 to 3 counts there. The noise of bright pixels is next to the same in both.

    Parameters
    ----------
    image
        Noise-free, (Y, X), 0 or more. What is below `offset` counts as no light.
    rng
        The same state gives the same image.
    offset
        Counts without light, 0 or more.

    Returns
    -------
    numpy.ndarray
        float32 (Y, X): whole numbers, plus the offset.

    Raises
    ------
    InputError
        An image that is negative, not finite or not above the offset anywhere.
    """
    light = _field(image)
    if light.min() < 0:
        raise InputError(f"image: lowest value {light.min():g}; counts from 0 up are accepted")
    light = np.maximum(light - _offset(offset), 0)
    if not light.any():
        raise InputError(f"image: no value above the offset, {offset:g}: no photons to count")
    return camera.draw(light, Noise(photons=1.0), rng) + np.float32(offset)


def _mirrored(length: int, before: int, size: int) -> np.ndarray:
    """Indices 0 to length - 1 for places from -before on, `size` of them; edge pixels twice."""
    place = (np.arange(size) - before) % (2 * length)
    return np.minimum(place, 2 * length - 1 - place)


def _field(values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" or array.ndim != 2 or not array.size:
        raise InputError(
            f"field: shape {array.shape}, type {array.dtype}; real numbers (y, x) are needed"
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise InputError("field: NaN or infinite values; finite ones are needed")
    return array


def _offset(value: Any) -> float:
    if not is_finite(value) or value < 0:
        raise InputError(f"offset is {value!r}; counts from 0 up are accepted")
    return float(value)
