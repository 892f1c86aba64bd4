"""The discriminator of SRGAN (Ledig et al. 2017), with a global mean before its dense layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from focusbench.networks.image_checks import check_images
from focusbench.parameters import check_whole

SLOPE = 0.2
LAYERS = ((1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2))
"""Factor of the channels and stride of the convolutions after the first."""


class SrganDiscriminator(nn.Module):
    """Eight 3x3 convolutions, global mean, two dense layers; 5,215,425 parameters.

    A convolution to `width` channels and LeakyReLU(0.2); then 1, 2, 2, 4, 4, 8 and 8 times as many
    channels, every other one halving the sides, each followed by batch normalisation and
    LeakyReLU(0.2). Dense layers to 16 times `width` and, after LeakyReLU(0.2), to one value.
    Starting values are torch's own.

    Parameters
    ----------
    width
        Channels of the first convolution.
    in_channels
        Colours.
    logits
        Leave the sigmoid at the end to the loss, as `mfpinet_discriminator` does.
    """

    def __init__(self, width: int = 64, in_channels: int = 3, logits: bool = False) -> None:
        super().__init__()
        check_whole("width", width, 1)
        check_whole("in_channels", in_channels, 1)
        self.in_channels, self.logits = in_channels, logits
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, width, 3, padding=1),
            nn.LeakyReLU(SLOPE, inplace=True),
        ]
        before = width
        for factor, stride in LAYERS:
            after = factor * width
            layers.append(nn.Conv2d(before, after, 3, stride, padding=1))
            layers += [nn.BatchNorm2d(after), nn.LeakyReLU(SLOPE, inplace=True)]
            before = after
        self.layers = nn.Sequential(*layers)
        self.score = nn.Sequential(
            nn.Linear(before, 2 * before),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Linear(2 * before, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Probability (N, 1) that images (N, in_channels, Y, X) are real; with `logits`, its logit.

        Raises
        ------
        InputError
            Images of another number of channels.
        """
        check_images(images, self.in_channels, "srgan_discriminator")
        score = self.score(self.layers(images).mean(dim=(2, 3))).to(images.dtype)
        return score if self.logits else torch.sigmoid(score)
