"""The 3-D U-Net with which Lim et al. 2020 turn blurred volumes into sharp ones."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from focusbench.errors import InputError
from focusbench.networks import depth_in_channels
from focusbench.networks.mirroring import extended
from focusbench.parameters import check_whole

POOLINGS = 3
MULTIPLE = 2**POOLINGS
"""Sides that need no padding are multiples of this; so should be the distances of tiles."""

UPSAMPLINGS = ("nearest", "trilinear")


class Unet3d(nn.Module):
    """Encoder and decoder of seven 3x3x3 convolutions each (Lim et al. 2020, III-A, Fig. 3).

    Encoder: two convolutions to `width` channels, two to 2 and two to 4 times as many, maximum
    pooling by 2 after each pair, and one convolution to 8 times as many. Decoder: three times
    upsampling by 2, the encoder's features of that size beside it, and two convolutions to as many
    channels as those have; a last one to `out_channels`, and a sigmoid. Every convolution but the
    last is followed by instance normalisation (without parameters) and ReLU, and continues its
    input by one voxel of zeros.

    The paper prints about 7 million parameters and, for training with a blur kernel, 61.3 % of the
    parameters of two generators; 42 channels, 7,005,097 parameters, meet both.

    Volumes are continued by their mirror image to sides that are multiples of 8, and cropped
    afterwards. Each volume is normalised by its own statistics, in `eval()` too: what comes out for
    a part of a volume is not the part of what comes out for all of it.

    Parameters
    ----------
    width
        Channels of the first convolutions.
    in_channels, out_channels
        Channels of input and output.
    upsampling
        "nearest" or "trilinear". The gradient of the latter is summed in no fixed order on CUDA.
    """

    def __init__(
        self,
        width: int = 42,
        in_channels: int = 1,
        out_channels: int = 1,
        upsampling: str = "nearest",
    ) -> None:
        super().__init__()
        check_whole("width", width, 1)
        check_whole("in_channels", in_channels, 1)
        check_whole("out_channels", out_channels, 1)
        if upsampling not in UPSAMPLINGS:
            accepted = ", ".join(UPSAMPLINGS)
            raise InputError(f"upsampling is {upsampling!r}; accepted: {accepted}")
        self.upsampling = upsampling
        widths = [width * 2**level for level in range(POOLINGS)]
        self.down = nn.ModuleList(
            _pair(before, after) for before, after in pairwise([in_channels, *widths])
        )
        self.bottom = _Block(widths[-1], 2 * widths[-1])
        self.up = nn.ModuleList(_pair(3 * after, after) for after in reversed(widths))
        self.head = nn.Conv3d(width, out_channels, 3, padding=1)

    def forward(self, volume: Tensor) -> Tensor:
        """Map (N, in_channels, Z, Y, X) to (N, out_channels, Z, Y, X) in (0, 1), any Z, Y, X."""
        z, y, x = volume.shape[2:]
        features = extended(volume, [side + -side % MULTIPLE for side in (z, y, x)])
        past: list[Tensor] = []
        for pair in self.down:
            past.append(pair(features))
            features = functional.max_pool3d(past[-1], 2)
        features = self.bottom(features)
        for pair in self.up:
            above = functional.interpolate(features, scale_factor=2.0, mode=self.upsampling)
            features = pair(torch.cat([past.pop(), above], dim=1))
        logits = _convolved(self.head, features)[:, :, :z, :y, :x]
        return torch.sigmoid(logits.to(volume.dtype))  # autocast must not coarsen the result


class _Block(nn.Module):
    """Convolution that keeps the size, normalisation, ReLU."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(before, after, 3, padding=1)
        self.norm = nn.InstanceNorm3d(after)

    def forward(self, volume: Tensor) -> Tensor:
        features = _convolved(self.convolution, volume)
        if features[0, 0].numel() == 1:
            return 0 * features  # one voxel is its own mean
        if depth_in_channels.suits(self.convolution, volume):
            features = depth_in_channels.normalised(features, self.norm.eps)
        else:
            features = self.norm(features)
        return functional.relu(features, inplace=True)


def _convolved(layer: nn.Conv3d, volume: Tensor) -> Tensor:
    if depth_in_channels.suits(layer, volume):
        return depth_in_channels.convolved(layer, volume)
    return layer(volume)


def _pair(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(_Block(before, after), _Block(after, after))
