"""Inception-v3 (Szegedy et al. 2016), as He et al. 2020 compare with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from focusbench.networks.keras_layers import (
    BatchNorm,
    check_classifier,
    check_share,
    check_sides,
    scaled,
    start,
)

LEAST = 75
"""Shortest side that the reductions leave a pixel of."""

VALID = 0


class InceptionV3(nn.Module):
    """Five convolutions, eleven blocks of parallel branches, global mean, a dense layer.

    Convolutions have no bias; batch normalisation without a scale and ReLU follow each. No
    auxiliary classifier and no dropout, as in Keras. 21,792,364 parameters (21,826,796 in Keras'
    count), the 21.8 million of He et al. 2020, Table 2. Patches of 84 x 84 pixels end as a single
    one: for a batch to have statistics it must hold two patches or more.

    Parameters
    ----------
    width
        Factor of all channels.
    classes, in_channels
        11 levels and `bg`; channels of the patch.
    keras_momentum
        Of batch normalisation; Keras' default.
    """

    def __init__(
        self,
        width: float = 1.0,
        classes: int = 12,
        in_channels: int = 1,
        keras_momentum: float = 0.99,
    ) -> None:
        super().__init__()
        check_classifier(width, classes, in_channels)
        check_share("keras_momentum", keras_momentum)
        make = _Maker(width, keras_momentum)
        stem = make.chain(
            in_channels,
            *((32, 3, 2, VALID), (32, 3, 1, VALID), (64, 3), nn.MaxPool2d(3, 2)),
            *((80, 1), (192, 3, 1, VALID), nn.MaxPool2d(3, 2)),
        )
        layers: list[nn.Module] = [stem]
        before = make.channels(192)
        for pooled in (32, 64, 64):
            layers.append(_five(make, before, pooled))
            before = make.channels(64, 64, 96, pooled)
        layers.append(_first_reduction(make, before))
        before += make.channels(384, 96)
        for inner in (128, 160, 160, 192):
            layers.append(_seven(make, before, inner))
            before = make.channels(192, 192, 192, 192)
        layers.append(_second_reduction(make, before))
        before += make.channels(320, 192)
        for _ in range(2):
            layers.append(_split(make, before))
            before = make.channels(320, 384, 384, 384, 384, 192)
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)
        start(self)

    def forward(self, patches: Tensor) -> Tensor:
        """Map (N, in_channels, Y, X), from 75 x 75 pixels up, to logits (N, classes).

        Raises
        ------
        InputError
            A side is shorter.
        """
        check_sides(patches, LEAST, "inception_v3")
        features = self.layers(patches).mean(dim=(2, 3))
        return self.head(features).to(patches.dtype)  # autocast must not coarsen the result


class _Branches(nn.ModuleList):
    """Results of all branches, one after the other in the channels."""

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([branch(features) for branch in self], dim=1)


class _Step(NamedTuple):
    """A convolution: published channels, kernel (side, or rows and columns), stride, padding."""

    channels: int
    kernel: int | tuple[int, int]
    stride: int = 1
    padding: str | int = "same"


@dataclass(frozen=True)
class _Maker:
    """Builds convolutions of one network."""

    width: float
    keras_momentum: float

    def channels(self, *published: int) -> int:
        """Channels, in this network, of branches with the published channels."""
        return sum(scaled(one, self.width) for one in published)

    def chain(self, before: int, *steps: tuple | nn.Module) -> nn.Sequential:
        """Put layers in a row.

        A step is a ready module that keeps the channels, or what `_Step` holds of a convolution.
        """
        layers: list[nn.Module] = []
        for step in steps:
            if isinstance(step, nn.Module):
                layers.append(step)
                continue
            one = _Step(*step)
            after = self.channels(one.channels)
            layers += [
                nn.Conv2d(before, after, one.kernel, one.stride, one.padding, bias=False),
                BatchNorm(after, self.keras_momentum, scale=False),
                nn.ReLU(inplace=True),
            ]
            before = after
        return nn.Sequential(*layers)


def _mean_pool() -> nn.AvgPool2d:
    """3x3 means of what lies inside the map."""
    return nn.AvgPool2d(3, 1, 1, count_include_pad=False)


def _five(make: _Maker, before: int, pooled: int) -> _Branches:
    """Block with a 5x5 convolution; `pooled` channels from the pooling branch."""
    return _Branches(
        [
            make.chain(before, (64, 1)),
            make.chain(before, (48, 1), (64, 5)),
            make.chain(before, (64, 1), (96, 3), (96, 3)),
            make.chain(before, _mean_pool(), (pooled, 1)),
        ]
    )


def _first_reduction(make: _Maker, before: int) -> _Branches:
    return _Branches(
        [
            make.chain(before, (384, 3, 2, VALID)),
            make.chain(before, (64, 1), (96, 3), (96, 3, 2, VALID)),
            nn.MaxPool2d(3, 2),
        ]
    )


def _seven(make: _Maker, before: int, inner: int) -> _Branches:
    """Block with 7x7 convolutions, each taken apart in rows and columns."""
    row, column = (1, 7), (7, 1)
    return _Branches(
        [
            make.chain(before, (192, 1)),
            make.chain(before, (inner, 1), (inner, row), (192, column)),
            make.chain(
                before,
                *((inner, 1), (inner, column), (inner, row), (inner, column), (192, row)),
            ),
            make.chain(before, _mean_pool(), (192, 1)),
        ]
    )


def _second_reduction(make: _Maker, before: int) -> _Branches:
    return _Branches(
        [
            make.chain(before, (192, 1), (320, 3, 2, VALID)),
            make.chain(before, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2, VALID)),
            nn.MaxPool2d(3, 2),
        ]
    )


def _split(make: _Maker, before: int) -> _Branches:
    """Block whose 3x3 branches end in a row and a column side by side."""

    def ends(published: int) -> _Branches:
        inner = make.channels(published)
        return _Branches([make.chain(inner, (384, (1, 3))), make.chain(inner, (384, (3, 1)))])

    return _Branches(
        [
            make.chain(before, (320, 1)),
            make.chain(before, (384, 1), ends(384)),
            make.chain(before, (448, 1), (384, 3), ends(384)),
            make.chain(before, _mean_pool(), (192, 1)),
        ]
    )
