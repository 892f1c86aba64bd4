"""Layers and starting values as Keras has them, for networks that were published with it.

What differs from torch's own: `same` padding with strides, epsilon and momentum of batch
normalisation, starting values (Glorot's uniform ones; biases 0).
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from focusbench.errors import InputError
from focusbench.parameters import check_positive, check_whole

EPSILON = 1e-3
"""What Keras adds to the variance in batch normalisation; torch: 1e-5."""


class SameConv2d(nn.Conv2d):
    """Convolution with `same` padding: ceil(length / stride) results along each axis.

    Parameters
    ----------
    before, after
        Channels of input and result.
    kernel, stride
        Sides of the kernel and distance of its places, in pixels, equal in Y and X.
    groups, bias
        As of `torch.nn.Conv2d`.
    """

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        stride: int = 1,
        *,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(before, after, kernel, stride, groups=groups, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """Convolve (N, before, Y, X): (N, after, ceil(Y / stride), ceil(X / stride))."""
        (top, bottom), (left, right) = (
            same_padding(length, kernel, stride)
            for length, kernel, stride in zip(
                features.shape[2:], self.kernel_size, self.stride, strict=True
            )
        )
        margin = (top, left)
        if margin != (bottom, right):
            features = functional.pad(features, (left, right, top, bottom))
            margin = (0, 0)
        return functional.conv2d(
            features, self.weight, self.bias, self.stride, margin, groups=self.groups
        )


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation with Keras' epsilon and its meaning of momentum.

    Parameters
    ----------
    channels
        Of the features.
    keras_momentum
        Share of the old running statistics that a step keeps, from 0 to below 1: torch's momentum
        is 1 less this.
    scale
        Whether the normalised features are multiplied by a learned factor (and shifted in any
        case). Without, the factor is 1, no parameter, and not among the saved weights.
    """

    def __init__(self, channels: int, keras_momentum: float, *, scale: bool = True) -> None:
        super().__init__(channels, eps=EPSILON, momentum=1 - keras_momentum)
        if not scale:
            ones = torch.ones_like(self.weight)
            del self.weight
            self.register_buffer("weight", ones, persistent=False)


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis of `length`; of an odd number the greater part comes after."""
    results = -(-length // stride)
    both = max((results - 1) * stride + kernel - length, 0)
    return both // 2, both - both // 2


def max_pool_same(features: Tensor, kernel: int, stride: int) -> Tensor:
    """Pool (N, C, Y, X) by maxima with `same` padding, which never wins."""
    y, x = (same_padding(length, kernel, stride) for length in features.shape[2:])
    padded = functional.pad(features, (*x, *y), value=-torch.inf)
    return functional.max_pool2d(padded, kernel, stride)


def start(network: nn.Module) -> None:
    """Give convolutions and dense layers the values with which Keras starts."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def scaled(channels: int, width: float) -> int:
    """`channels` times `width`, rounded, and at least 1."""
    return max(1, round(channels * width))


def check_classifier(width: Any, classes: Any, in_channels: Any) -> None:
    """Raise InputError unless these can be the sizes of a network that tells classes apart."""
    check_positive("width", width)
    check_whole("classes", classes, 1)
    check_whole("in_channels", in_channels, 1)


def check_share(name: str, value: Any) -> None:
    """Raise InputError unless `value` is a number from 0 to below 1."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < 1:
        raise InputError(f"{name} is {value!r}; a number from 0 to below 1 is accepted")


def check_sides(patches: Tensor, least: int, network: str) -> None:
    """Raise InputError where a side of patches (N, C, Y, X) is shorter than `least` pixels."""
    y, x = patches.shape[2:]
    if min(y, x) < least:
        raise InputError(f"patches have {y} x {x} pixels; {network} accepts sides from {least} up")
