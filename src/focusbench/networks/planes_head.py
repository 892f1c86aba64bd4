"""The end of MFPINet: features become all focal planes at once, at a finer pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PlanesHead(nn.Module):
    """The super-resolution reconstruction (SRR) of Ma et al. 2021, III-A, Eq. 6.

    3x3 convolution to `scale`^2 times `width` channels, pixel shuffle; 3x3 convolution and PReLU
    with a slope for each channel; 3x3 convolution to the planes; tanh. Eq. 6 leaves the second
    convolution and its PReLU out; the 2.50 million parameters of Table III count them.

    Parameters
    ----------
    before
        Channels of the features.
    width
        Channels after the pixel shuffle.
    results
        Channels of the result.
    scale
        Pixels of the result along a pixel of the features. 1: no pixel is divided.
    """

    def __init__(self, before: int, width: int, results: int, scale: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(before, width * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        self.refine = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width))
        self.planes = nn.Conv2d(width, results, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, before, Y, X) to (N, results, scale Y, scale X) in [-1, 1], float32 at least."""
        planes = self.planes(self.refine(self.shuffle(self.expand(features))))
        wide = torch.promote_types(planes.dtype, torch.float32)  # autocast must not coarsen them
        return torch.tanh(planes.to(wide))
