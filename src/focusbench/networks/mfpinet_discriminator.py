"""The discriminator of MFPINet (Ma et al. 2021): all focal planes of a field at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from focusbench.networks.image_checks import check_images
from focusbench.parameters import check_whole

LEAST = 8
"""Shortest side that three poolings leave a pixel of."""


class MfpinetDiscriminator(nn.Module):
    """Ten convolutions, global mean, two dense layers (Ma et al. 2021, III-A, Fig. 1b).

    Four stages of `width`, 2, 4 and 8 times as many channels, maximum pooling by 2 between them. A
    first convolution of 7x7 in the first stage, of 3x3 in the others; a second of 3x3, without an
    activation in the first stage; a third of 1x1 in the last two, without an activation in the very
    last. Dense layers to 2 times `width` and to one value. ReLU after all else. 5,181,377
    parameters. Starting values are torch's own.

    Parameters
    ----------
    width
        Channels of the first stage.
    in_channels
        Planes times colours.
    logits
        Leave the sigmoid at the end to the loss (`binary_cross_entropy_with_logits`), which is
        exact for scores far from 0, and allowed in mixed precision.
    """

    def __init__(self, width: int = 64, in_channels: int = 33, logits: bool = False) -> None:
        super().__init__()
        check_whole("width", width, 1)
        check_whole("in_channels", in_channels, 1)
        self.in_channels, self.logits = in_channels, logits
        one, two, four, eight = (width * factor for factor in (1, 2, 4, 8))
        self.layers = nn.Sequential(
            *(*_activated(in_channels, one, 7), _convolution(one, one, 3), nn.MaxPool2d(2)),
            *(*_activated(one, two, 3), *_activated(two, two, 3), nn.MaxPool2d(2)),
            *(*_activated(two, four, 3), *_activated(four, four, 3), *_activated(four, four, 1)),
            nn.MaxPool2d(2),
            *(*_activated(four, eight, 3), *_activated(eight, eight, 3)),
            _convolution(eight, eight, 1),
        )
        self.score = nn.Sequential(nn.Linear(eight, two), nn.ReLU(inplace=True), nn.Linear(two, 1))

    def forward(self, planes: Tensor) -> Tensor:
        """Probability (N, 1) that planes (N, in_channels, Y, X) are real; with `logits`, its logit.

        Raises
        ------
        InputError
            Another number of channels, or sides under 8 pixels.
        """
        check_images(planes, self.in_channels, "mfpinet_discriminator", LEAST)
        score = self.score(self.layers(planes).mean(dim=(2, 3))).to(planes.dtype)
        return score if self.logits else torch.sigmoid(score)


def _convolution(before: int, after: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, padding=kernel // 2)


def _activated(before: int, after: int, kernel: int) -> tuple[nn.Module, nn.Module]:
    return _convolution(before, after, kernel), nn.ReLU(inplace=True)
