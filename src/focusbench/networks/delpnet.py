"""DelpNet, with which He et al. 2020 tell how far a patch is out of focus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from focusbench.errors import InputError
from focusbench.networks.keras_layers import (
    BatchNorm,
    SameConv2d,
    check_classifier,
    check_share,
    check_sides,
    scaled,
    start,
)

BLOCKS = ((64, 64), (128, 128), (256, 256), (512,))


class Delpnet(nn.Module):
    """Seven 3x3 convolutions, global maximum pooling, a dense layer (He et al. 2020, 2.2, Fig. 2b).

    Each convolution (`same` padding, with bias) is followed by batch normalisation, ReLU and
    dropout; maximum pooling by 2 stands between the blocks.

    The paper prints 2.3 million parameters, "7 convolutional layers" and the momentum, neither
    channels nor places of pooling nor the rate of dropout. The default channels have 2,333,388
    trainable parameters (2,336,204 in Keras' count); other plain choices meet 2.3 million too, such
    as ((32,), (64,), (128, 128), (256, 256), (512,)) and ((64,), (128, 128), (256,) * 4). The
    rate of dropout is our choice.

    Parameters
    ----------
    width
        Factor of all channels.
    classes
        11 levels and `bg`; 11 without `bg`.
    in_channels
        Channels of the patch.
    dropout
        Share of features set to 0 in training; 0: the paper's network without dropout.
    batch_norm
        False: the paper's network without batch normalisation.
    keras_momentum
        Share of the old running statistics that a step keeps. The paper compares 0.99, 0.60, 0.40.
    blocks
        Channels of the convolutions; pooling follows each block but the last.
    """

    def __init__(
        self,
        width: float = 1.0,
        classes: int = 12,
        in_channels: int = 1,
        dropout: float = 0.25,
        batch_norm: bool = True,
        keras_momentum: float = 0.6,
        blocks: Sequence[Sequence[int]] = BLOCKS,
    ) -> None:
        super().__init__()
        check_classifier(width, classes, in_channels)
        check_share("dropout", dropout)
        check_share("keras_momentum", keras_momentum)
        _check_blocks(blocks)
        self.least = 2 ** (len(blocks) - 1)
        layers: list[nn.Module] = []
        before = in_channels
        for number, block in enumerate(blocks):
            if number:
                layers.append(nn.MaxPool2d(2))
            for channels in block:
                after = scaled(channels, width)
                layers.append(SameConv2d(before, after, 3))
                if batch_norm:
                    layers.append(BatchNorm(after, keras_momentum))
                layers.append(nn.ReLU(inplace=True))
                layers.append(nn.Dropout(dropout))  # of 0 too, or the names of weights would shift
                before = after
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)
        start(self)

    def forward(self, patches: Tensor) -> Tensor:
        """Map (N, in_channels, Y, X) to logits (N, classes), from 8 x 8 pixels up.

        Raises
        ------
        InputError
            A side is shorter than what the poolings leave a pixel of.
        """
        check_sides(patches, self.least, "delpnet")
        features = torch.amax(self.layers(patches), dim=(2, 3))
        return self.head(features).to(patches.dtype)  # autocast must not coarsen the result


def _check_blocks(blocks: Any) -> None:
    try:
        channels = [value for block in blocks for value in block]
        fine = channels and all(len(block) for block in blocks)
    except TypeError:
        fine = False
    if not fine or not all(type(value) is int and value > 0 for value in channels):
        raise InputError(f"blocks is {blocks!r}; lists of whole numbers from 1 up are accepted")
