"""Convolution with a point spread function, and its exact adjoint.

y = h * x with the origin of the kernel h at index (k - 1) // 2 of each axis, by real Fourier
transforms; "linear" takes what lies outside the volume as zero and keeps the volume's own extent
("same"), "circular" continues the volume periodically.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.optics.kernels import check_kernel
from focusbench.optics.linear_operator import LinearOperator, check_boundary
from focusbench.optics.spectra import convolve, kernel_spectrum
from focusbench.optics.tiles import Piece, plan

_TOGETHER = {"cpu": 1 << 20, "cuda": 1 << 26}  # padded voxels of a batch transformed at once


class Convolution(LinearOperator):
    """Blur with one kernel everywhere.

    Equal to `scipy.signal.fftconvolve(x, kernel, "same")` for the linear boundary. Beyond input and
    output, building it and calling it take less than four arrays of the padded volume's size
    (`tiling.voxels` values of `dtype`), the kernel's spectrum, which stays, included.

    Parameters
    ----------
    kernel
        (Y, X) or (Z, Y, X), not negative, any sum (scaled to 1), odd or even, at most as large as
        `shape`.
    shape
        Spatial shape of what is to be blurred: (Y, X) or (Z, Y, X).
    boundary
        "linear" or "circular". A linear axis is padded to a length of factors 2, 3, 5, 7. A
        circular one is transformed as long as it is; if that length has a large prime factor and it
        is less work, it is continued periodically to a better one instead, with the same result.
    device, dtype
        Of the tensors that it takes; torch.float32 or torch.float64.
    max_voxels
        Bound on the voxels of one transform, padding included; above it the volume is convolved in
        tiles, each with a halo of the kernel's extent. None: one transform.

    Attributes
    ----------
    kernel : ndarray
        float64, unit sum.
    shape, boundary, device, dtype, max_voxels
        As given.
    tiling : Tiling
        The transforms that were chosen.

    Raises
    ------
    InputError
        If an argument is not as said, or the smallest tile exceeds `max_voxels`.
    """

    def __init__(
        self,
        kernel: Any,
        shape: Sequence[int],
        boundary: str = "linear",
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        max_voxels: int | None = None,
    ) -> None:
        super().__init__(shape, device, dtype)
        self.kernel = check_kernel(kernel, self.shape)
        self.boundary = check_boundary(boundary)
        if max_voxels is not None and not _is_whole(max_voxels):
            raise InputError(f"max_voxels: {max_voxels!r}; a whole number or None is needed")
        self.max_voxels = max_voxels
        self.tiling = plan(self.shape, self.kernel.shape, boundary == "circular", max_voxels)
        self._spectrum = self._transformed()

    def to(self, device: str | torch.device) -> Convolution:
        """Return the same operator for tensors on another device."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.device = torch.device(device)
        other._spectrum = self._spectrum.to(other.device)
        return other

    def __getstate__(self) -> dict[str, Any]:
        # The spectrum is many times the kernel: it is computed again when unpickled.
        return {key: value for key, value in self.__dict__.items() if key != "_spectrum"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._spectrum = self._transformed()

    def _transformed(self) -> Tensor:
        return kernel_spectrum(self.kernel, self.tiling.sizes, self.device, self.dtype)

    def run(self, x: Tensor, adjoint: bool) -> Tensor:
        """Compute `apply` or `adjoint` of x (..., *shape), outside of autograd and unchecked."""
        out = torch.empty(x.shape, dtype=self.dtype, device=x.device)
        source, target = x.reshape(-1, *self.shape), out.view(-1, *self.shape)
        together = _TOGETHER.get(x.device.type, _TOGETHER["cuda"])
        if self.max_voxels is not None:
            together = min(together, self.max_voxels)
        step = max(1, together // self.tiling.voxels)
        for first in range(0, len(source), step):
            part = slice(first, first + step)
            for pieces in self.tiling.tiles(adjoint):
                self._tile(source[part], target[part], pieces, adjoint)
        return out

    def _tile(self, x: Tensor, out: Tensor, pieces: tuple[Piece, ...], adjoint: bool) -> None:
        convolve(
            partial(_read, x, pieces),
            pieces[0].length,
            self._spectrum,
            self.tiling.sizes,
            [piece.start for piece in pieces],
            out[(slice(None), *(piece.output for piece in pieces))],
            adjoint,
        )


def _is_whole(value: Any) -> bool:
    return isinstance(value, Real) and float(value).is_integer()


def _read(x: Tensor, pieces: tuple[Piece, ...], part: slice) -> Tensor:
    """Return `part` of a tile's first axis: a view, or a copy where the tile wraps around."""
    first = pieces[0].sources
    if len(first) == 1:
        x = x[:, first[0]][:, part]
    else:
        planes = torch.cat([torch.arange(s.start, s.stop, device=x.device) for s in first])
        x = x.index_select(1, planes[part])
    for axis, piece in enumerate(pieces[1:], start=2):
        runs = [x.narrow(axis, s.start, s.stop - s.start) for s in piece.sources]
        x = runs[0] if len(runs) == 1 else torch.cat(runs, dim=axis)
    return x
