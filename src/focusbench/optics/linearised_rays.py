"""The ray model linearised around a homogeneous volume: one small matrix per lateral frequency.

Where a volume transmits evenly, the logarithm of the light in image s is the sum over slices l of
the log-transmittance convolved with k(l - s), k(d) being the mean path length of all rays at
relative depth d. Over a lateral Fourier transform that is a real symmetric matrix of Z x Z per
frequency: products cost two transforms, and the inverse of a regularised form costs no more once
its blocks are inverted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import Tensor

from focusbench.optics.ray_paths import Geometry, path_lengths


class LinearisedRays:
    """K: log-transmittance per um (Z, Y, X) to the logarithm of light (Z, Y, X), float32.

    Symmetric, and exact for an infinitely thin absorber. Volumes are padded with transparency as
    far as rays reach, so that nothing wraps around.

    `given` (Z, 1, 1) is 0 for the images that are `withheld` (counted from 0), else 1. K has them
    all; whoever compares with images leaves those out, as `regularised_inverse` does.
    """

    def __init__(
        self,
        geometry: Geometry,
        height: int,
        width: int,
        device: str | torch.device = "cpu",
        withheld: Sequence[int] = (),
    ) -> None:
        self.shape = (geometry.n_slices, height, width)
        blocks, self.padded = _blocks(geometry, height, width)
        self._exact = blocks.to(device)
        self._blocks = self._exact.float()
        self._roughness = _roughness(geometry.n_slices, self.padded).to(device)
        self.given = torch.ones(geometry.n_slices, 1, 1, device=device)
        self.given[list(withheld)] = 0

    def apply(self, volume: Tensor) -> Tensor:
        """Return K x."""
        return self._multiply(self._blocks, volume)

    def regularised_inverse(self, data: float, roughness: float, damping: float) -> Tensor:
        """Blocks (F, Z, Z) of (data K M K + roughness D^T D + damping)^-1, for `solve`.

        M is `given`. D are the forward differences between neighbours; laterally they wrap around
        in the padded volume, so that this inverse serves as a preconditioner. `damping` must be
        above 0.
        """
        seen = self.given[:, :, 0] * self._exact  # rows of M K
        matrix = data * self._exact @ seen + roughness * self._roughness
        matrix.diagonal(dim1=1, dim2=2).add_(damping)
        return torch.cholesky_inverse(torch.linalg.cholesky(matrix)).float()

    def solve(self, blocks: Tensor, volume: Tensor) -> Tensor:
        """Apply blocks from `regularised_inverse`: symmetric and positive on volumes."""
        return self._multiply(blocks, volume)

    def _multiply(self, blocks: Tensor, volume: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(volume, s=self.padded)
        columns = torch.view_as_real(spectrum.flatten(1)).transpose(0, 1)  # (F, Z, re and im)
        product = torch.matmul(blocks, columns).transpose(0, 1).contiguous()
        product = torch.view_as_complex(product).reshape(spectrum.shape)
        _, height, width = self.shape
        return torch.fft.irfft2(product, s=self.padded)[:, :height, :width].contiguous()


@lru_cache(maxsize=2)
def _blocks(geometry: Geometry, height: int, width: int) -> tuple[Tensor, tuple[int, int]]:
    """Matrices (F, Z, Z) in float64, and the lateral size that they are for."""
    paths = path_lengths(geometry)
    n = geometry.n_slices
    reach = [int(np.abs(paths.dy).max()), int(np.abs(paths.dx).max())]
    padded = tuple(
        next_fast_len(size + far, real=True)
        for size, far in zip((height, width), reach, strict=True)
    )
    # k(-d) is k(d) turned by half a circle, and k(d) is itself so turned: its spectrum is real.
    ahead = paths.depth >= 0
    kernel = np.zeros((n, *padded))
    at = (paths.depth[ahead], paths.dy[ahead] % padded[0], paths.dx[ahead] % padded[1])
    np.add.at(kernel, at, paths.length[ahead] / (int(paths.ray[-1]) + 1))
    spectrum = torch.fft.rfft2(torch.from_numpy(kernel)).real.flatten(1)
    level = torch.arange(n)
    return spectrum.T[:, (level[:, None] - level).abs()].contiguous(), padded


def _roughness(n_slices: int, padded: tuple[int, int]) -> Tensor:
    """Blocks (F, Z, Z) of D^T D in float64."""
    y = 2 - 2 * torch.cos(2 * math.pi * torch.fft.fftfreq(padded[0], dtype=torch.float64))
    x = 2 - 2 * torch.cos(2 * math.pi * torch.fft.rfftfreq(padded[1], dtype=torch.float64))
    along = torch.eye(n_slices, dtype=torch.float64).diff(dim=0)
    lateral = (y[:, None] + x).flatten()[:, None, None]
    return along.T @ along + lateral * torch.eye(n_slices, dtype=torch.float64)
