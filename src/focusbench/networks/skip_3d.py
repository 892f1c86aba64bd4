"""The 3-D network with skip connections that Azevedo et al. 2024 use as a prior."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.01
FALLBACK_SIZE = 20480  # channels x slices x rows up to which torch takes its fallback


class Skip3d(nn.Module):
    """Encoder and decoder of the deep image prior, in three dimensions.

    Every scale halves the volume (3x3x3 convolution of stride 2, then one of stride 1) and brings
    it back by trilinear upsampling, cropped to the size of that scale; a 1x1x1 convolution to
    `skip` channels leads past. What both bring is normalised, then convolved 3x3x3 and 1x1x1. Each
    convolution is followed by batch normalisation and LeakyReLU; at the end, 1x1x1 and a sigmoid.

    Batches are normalised by their own statistics always, in `eval()` too: there is no other
    statistics to use where one volume is fitted. The defaults have 3,639,617 parameters. On CUDA
    the gradients of trilinear upsampling and of reflection padding are summed in no fixed order:
    there, two runs differ by rounding.

    Parameters
    ----------
    width
        Channels of every scale, down and up.
    scales
        How often the volume is halved.
    skip
        Channels that lead past a scale.
    in_channels, out_channels
        Channels of input and output.
    """

    def __init__(
        self,
        width: int = 128,
        scales: int = 3,
        skip: int = 4,
        in_channels: int = 1,
        out_channels: int = 1,
    ) -> None:
        super().__init__()
        for name, value in (("width", width), ("scales", scales), ("skip", skip)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        inner: _Scale | None = None
        for depth in reversed(range(scales)):
            inner = _Scale(width if depth else in_channels, width, skip, inner)
        self.body = inner
        self.head = nn.Conv3d(width, out_channels, 1)

    def forward(self, volume: Tensor) -> Tensor:
        """Map (N, in_channels, Z, Y, X) to (N, out_channels, Z, Y, X) in (0, 1), any Z, Y, X."""
        logits = self.head(self.body(volume))
        return torch.sigmoid(logits.to(volume.dtype))  # autocast must not coarsen the result


class _Scale(nn.Module):
    """One halving, what lies below it (`inner`), and the way back."""

    def __init__(self, channels: int, width: int, skip: int, inner: _Scale | None) -> None:
        super().__init__()
        self.past = _Block(channels, skip, 1)
        self.down = nn.Sequential(_Block(channels, width, 3, stride=2), _Block(width, width, 3))
        self.inner = inner
        self.norm = _Norm(skip + width)
        self.up = nn.Sequential(_Block(skip + width, width, 3), _Block(width, width, 1))

    def forward(self, volume: Tensor) -> Tensor:
        below = self.down(volume)
        if self.inner is not None:
            below = self.inner(below)
        above = functional.interpolate(below, scale_factor=2.0, mode="trilinear")
        z, y, x = volume.shape[2:]  # odd sizes come back one voxel larger
        joined = torch.cat([self.past(volume), above[:, :, :z, :y, :x]], dim=1)
        return self.up(self.norm(joined))


class _Block(nn.Module):
    """Convolution that keeps the size (or halves it, rounded up), normalisation, LeakyReLU."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.margin = kernel // 2
        self.convolution = nn.Conv3d(channels, width, kernel, stride)
        self.norm = _Norm(width)

    def forward(self, volume: Tensor) -> Tensor:
        features = self.norm(_convolved(self.convolution, _padded(volume, self.margin)))
        return functional.leaky_relu(features, SLOPE, inplace=True)


class _Norm(nn.BatchNorm3d):
    """Batch normalisation without running averages."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, track_running_stats=False)

    def forward(self, volume: Tensor) -> Tensor:
        if volume.numel() == volume.shape[1]:  # one value a channel is its own mean
            weight, bias = (p.view(1, -1, 1, 1, 1) for p in (self.weight, self.bias))
            return 0 * volume * weight + bias
        return super().forward(volume)


def _convolved(convolution: nn.Conv3d, volume: Tensor) -> Tensor:
    """Apply `convolution`, on the CPU by the faster of two equal ways.

    For one small volume torch leaves oneDNN for a fallback that took twice as long as what is done
    here: the slices that a kernel covers become channels of a 2-D convolution over all depths.
    """
    size = convolution.kernel_size[0]
    small = len(volume) == 1 and volume[..., 0].numel() <= FALLBACK_SIZE
    if volume.device.type != "cpu" or size == 1 or not small:
        return convolution(volume)
    stride = convolution.stride[0]
    windows = volume[0].unfold(1, size, stride)  # channels, depth, Y, X, slice of the kernel
    slices = windows.permute(1, 0, 4, 2, 3).flatten(1, 2)
    kernel = convolution.weight.flatten(1, 2)
    result = functional.conv2d(slices, kernel, convolution.bias, stride)
    return result.transpose(0, 1).contiguous()[None]


def _padded(volume: Tensor, margin: int) -> Tensor:
    """Mirror `margin` voxels at every face; an axis too short for that repeats its last voxel."""
    if margin == 0:
        return volume
    mirrored: list[int] = []
    repeated: list[int] = []
    for size in reversed(volume.shape[2:]):  # torch wants the last axis first
        fits = size > margin
        mirrored += [margin if fits else 0] * 2
        repeated += [0 if fits else margin] * 2
    if any(mirrored):
        volume = functional.pad(volume, mirrored, mode="reflect")
    if any(repeated):
        volume = functional.pad(volume, repeated, mode="replicate")
    return volume
