"""What a microscope would record without noise."""

from __future__ import annotations

import numpy as np


def blur(
    volume: np.ndarray, kernel: np.ndarray, boundary: str, max_voxels: int | None = None
) -> np.ndarray:
    """Convolve a volume (Z, Y, X) with a PSF, in float64; see `optics.convolution.Convolution`.

    Rounding may leave some voxels below 0.
    """
    import torch

    from focusbench.optics.convolution import Convolution

    forward = Convolution(
        kernel, volume.shape, boundary, dtype=torch.float64, max_voxels=max_voxels
    )
    return forward.apply(torch.from_numpy(np.array(volume, dtype=np.float64))).numpy()
