"""Blur that varies over an image: each depth's share of the object has its own kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.optics.fft_sizes import good_size
from focusbench.optics.kernels import check_kernel
from focusbench.optics.linear_operator import LinearOperator, check_boundary
from focusbench.optics.spectra import crop, kernel_spectrum

_TOGETHER = {"cpu": 1 << 20, "cuda": 1 << 26}  # padded pixels of a batch transformed at once


class DepthVariant(LinearOperator):
    """Sum over the depths k of h_k * (w_k x), for images.

    The weights w say which part of the object lies at which depth (or, blending, to what share);
    every point is then spread by the kernel of its depth. Where the weights add up to 1 and all
    kernels are the same it is a `Convolution`. All depths share the inverse transform of `apply`
    and the forward one of `adjoint`.

    Parameters
    ----------
    kernels
        K kernels, (K, ky, kx) or a sequence of (ky, kx) of different sizes; each not negative,
        scaled to unit sum, at most as large as the image, origin at (k - 1) // 2.
    weights
        (K, Y, X), not negative; fixes the shape of the image.
    boundary
        "linear" or "circular", as in `Convolution`; a circular axis is transformed as long as it
        is.
    device, dtype
        Of the tensors that it takes; torch.float32 or torch.float64.

    Attributes
    ----------
    kernels : tuple of ndarray
        float64, unit sum.
    weights : ndarray
        float64.
    shape, boundary, device, dtype
        As given.

    Raises
    ------
    InputError
        If an argument is not as said.
    """

    def __init__(
        self,
        kernels: Sequence[Any] | np.ndarray[Any, Any],
        weights: Any,
        boundary: str = "linear",
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.weights = _check_weights(weights)
        super().__init__(self.weights.shape[1:], device, dtype)
        if len(kernels) != len(self.weights):
            raise InputError(
                f"weights: {len(self.weights)} maps for {len(kernels)} PSFs; one each is needed"
            )
        self.kernels = tuple(
            check_kernel(kernel, self.shape, f"PSF {index}") for index, kernel in enumerate(kernels)
        )
        self.boundary = check_boundary(boundary)
        self.sizes = self.shape
        if boundary == "linear":
            largest = np.max([kernel.shape for kernel in self.kernels], axis=0)
            self.sizes = tuple(
                good_size(n + int(k) // 2) for n, k in zip(self.shape, largest, strict=True)
            )
        self._prepare()

    def to(self, device: str | torch.device) -> DepthVariant:
        """Return the same operator for tensors on another device."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.device = torch.device(device)
        other._spectra = self._spectra.to(other.device)
        other._weights = self._weights.to(other.device)
        return other

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_spectra", "_weights")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def _prepare(self) -> None:
        self._spectra = torch.stack(
            [kernel_spectrum(k, self.sizes, self.device, self.dtype) for k in self.kernels]
        )
        self._weights = torch.from_numpy(self.weights).to(self.device, self.dtype)

    def run(self, x: Tensor, adjoint: bool) -> Tensor:
        """Compute `apply` or `adjoint` of x (..., *shape), outside of autograd and unchecked."""
        out = torch.empty(x.shape, dtype=self.dtype, device=x.device)
        source, target = x.reshape(-1, *self.shape), out.view(-1, *self.shape)
        together = _TOGETHER.get(x.device.type, _TOGETHER["cuda"])
        step = max(1, together // (self.sizes[0] * self.sizes[1]))
        mapping = self._backward if adjoint else self._forward
        for first in range(0, len(source), step):
            part = slice(first, first + step)
            target[part] = mapping(source[part])
        return out

    def _forward(self, x: Tensor) -> Tensor:
        shape = (len(x), *self._spectra.shape[1:])
        total = torch.zeros(shape, dtype=self._spectra.dtype, device=x.device)
        for spectrum, weight in zip(self._spectra, self._weights, strict=True):
            total.addcmul_(torch.fft.rfft2(x * weight, s=self.sizes), spectrum)
        return self._image(total)

    def _backward(self, y: Tensor) -> Tensor:
        spectrum_of_y = torch.fft.rfft2(y, s=self.sizes)
        total = torch.zeros_like(y)
        for spectrum, weight in zip(self._spectra, self._weights, strict=True):
            total.addcmul_(self._image(spectrum_of_y * spectrum.conj()), weight)
        return total

    def _image(self, spectrum: Tensor) -> Tensor:
        return crop(torch.fft.irfft2(spectrum, s=self.sizes), (0, 0), self.shape)


def _check_weights(weights: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = np.asarray(weights)
    if array.dtype.kind not in "fiub":
        raise InputError(f"weights: values of type {array.dtype}; real numbers are accepted")
    if array.ndim != 3 or array.size == 0:
        raise InputError(f"weights: shape {array.shape}; (depths, y, x) is needed")
    if not np.isfinite(array).all() or array.min() < 0:
        raise InputError("weights: NaN, infinite or negative values; finite ones from 0 on needed")
    return np.array(array, dtype=np.float64)
