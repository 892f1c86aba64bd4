"""3-D convolutions of small volumes on the CPU as 2-D ones, channels last in memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

LARGEST = 2**21
"""Values of a volume, all channels, up to which this is faster than torch's own convolution."""


def suits(layer: nn.Conv3d, volume: Tensor) -> bool:
    """Whether `convolved` may stand for `layer(volume)`, and is faster."""
    return (
        volume.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and volume[0].numel() <= LARGEST
        and layer.kernel_size == (3, 3, 3)
        and layer.stride == (1, 1, 1)
        and layer.padding == (1, 1, 1)
        and layer.dilation == (1, 1, 1)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and layer.bias is not None
    )


def convolved(layer: nn.Conv3d, volume: Tensor) -> Tensor:
    """Apply a 3x3x3 convolution that continues its input by one voxel of zeros.

    The three slices that a kernel covers become channels of a 2-D convolution over all depths. For
    batches of one or two crops of 32^3 voxels torch's own 3-D convolution, or the same without
    channels last, made a step of a `unet_3d` of 8 channels 1.4 to 1.8 times as long.

    Parameters
    ----------
    volume
        (N, channels, Z, Y, X), in any order in memory.

    Returns
    -------
    Tensor
        (N, `layer.out_channels`, Z, Y, X), channels last in memory; differentiable once.
    """
    return _Convolution.apply(volume, layer.weight, layer.bias)


def normalised(volume: Tensor, epsilon: float) -> Tensor:
    """Instance normalisation of (N, channels, Z, Y, X) that keeps channels last in memory."""
    return torch.cat(
        [
            functional.batch_norm(one, None, None, training=True, eps=epsilon)
            for one in volume.split(1)
        ]
    )


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, volume: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(volume, weight)
        return _volumes(
            _applied(_slices(volume), _flat(weight), volume.shape[2], bias), len(volume)
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        volume, weight = ctx.saved_tensors
        depth, slices = volume.shape[2], _slices(gradient)
        of_volume = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            turned = _flat(weight.flip(2, 3, 4).transpose(0, 1))
            of_volume = _volumes(_applied(slices, turned, depth), len(volume))
        if any(ctx.needs_input_grad[1:]):
            _, flat, of_bias = torch.ops.aten.convolution_backward(
                slices,
                _windows(_slices(volume), depth),
                _flat(weight),
                [len(weight)],
                *([1, 1], [1, 1], [1, 1], False, [0, 0], 1),
                [False, True, True],
            )
            of_weight = flat.unflatten(1, (3, -1)).transpose(1, 2)
        return of_volume, of_weight, of_bias


def _applied(slices: Tensor, kernel: Tensor, depth: int, bias: Tensor | None = None) -> Tensor:
    return functional.conv2d(_windows(slices, depth), kernel, bias, padding=1)


def _slices(volume: Tensor) -> Tensor:
    """(N, channels, Z, Y, X) as (N Z, channels, Y, X), channels last in memory."""
    return volume.permute(0, 2, 3, 4, 1).contiguous().flatten(0, 1).permute(0, 3, 1, 2)


def _volumes(slices: Tensor, count: int) -> Tensor:
    """Undo `_slices`, for `count` volumes."""
    return slices.permute(0, 2, 3, 1).unflatten(0, (count, -1)).permute(0, 4, 1, 2, 3)


def _windows(slices: Tensor, depth: int) -> Tensor:
    """Slices before, at and after each depth, one after another along the channels."""
    count, channels, *plane = slices.shape
    windows = slices.new_empty((count, *plane, 3 * channels)).permute(0, 3, 1, 2)
    for volume, place in zip(slices.split(depth), windows.split(depth), strict=True):
        dark = torch.zeros_like(volume[:1])
        longer = torch.cat([dark, volume, dark])
        torch.cat([longer[i : i + depth] for i in range(3)], dim=1, out=place)
    return windows


def _flat(weight: Tensor) -> Tensor:
    """(out, in, 3, 3, 3) as (out, 3 in, 3, 3), in the order of `_windows`."""
    flat = weight.transpose(1, 2).flatten(1, 2)
    return flat.contiguous(memory_format=torch.channels_last)
