"""What a microscope would record without noise."""

from __future__ import annotations

import math

import numpy as np
from scipy import fft


def blur(
    volume: np.ndarray, kernel: np.ndarray, boundary: str, max_voxels: int | None = None
) -> np.ndarray:
    """Convolve a volume (Z, Y, X) with a PSF, in float64.

    The same as `optics.convolution.Convolution`, which takes over where `max_voxels` asks for
    tiles; without it, jobs that only observe or score need not load torch. Rounding may leave some
    voxels below 0.
    """
    volume = np.asarray(volume, dtype=np.float64)
    sizes = volume.shape
    if boundary == "linear":
        sides = zip(volume.shape, kernel.shape, strict=True)
        sizes = tuple(fft.next_fast_len(n + k - 1, real=True) for n, k in sides)
    if max_voxels is not None and math.prod(sizes) > max_voxels:
        return _in_tiles(volume, kernel, boundary, max_voxels)
    spectrum = fft.rfftn(volume, sizes)
    spectrum *= fft.rfftn(kernel, sizes)
    origin = [(k - 1) // 2 for k in kernel.shape]
    blurred = np.roll(fft.irfftn(spectrum, sizes), [-place for place in origin], (0, 1, 2))
    return blurred[tuple(slice(n) for n in volume.shape)]


def _in_tiles(volume: np.ndarray, kernel: np.ndarray, boundary: str, max_voxels: int) -> np.ndarray:
    import torch

    from focusbench.optics.convolution import Convolution

    forward = Convolution(
        kernel, volume.shape, boundary, dtype=torch.float64, max_voxels=max_voxels
    )
    return forward.apply(torch.from_numpy(volume)).numpy()
