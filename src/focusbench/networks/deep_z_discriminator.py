"""The discriminator with which Ma et al. 2021 trained Deep-Z."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from focusbench.networks.image_checks import check_images
from focusbench.parameters import check_whole

SLOPE = 0.01
LAYERS = (
    # factor of the channels, stride
    *((1, 1), (1, 1), (2, 2), (4, 1), (8, 2), (8, 1)),
    *((16, 2), (16, 1), (32, 2), (32, 1), (64, 2)),
)


class DeepZDiscriminator(nn.Module):
    """Eleven 3x3 convolutions, global mean, two dense layers; 93,952,657 parameters.

    Channels of the convolutions: 48, 48, 96, 192, 384, 384, 768, 768, 1536, 1536, 3072, of which
    the third, fifth, seventh, ninth and eleventh halve the sides; LeakyReLU(0.01) after each but
    the last. The first dense layer keeps the channels, and has no activation. Starting values are
    torch's own.

    Parameters
    ----------
    width
        Channels of the first convolution.
    in_channels
        Colours of the plane.
    logits
        Leave the sigmoid at the end to the loss, as `mfpinet_discriminator` does.
    """

    def __init__(self, width: int = 48, in_channels: int = 3, logits: bool = False) -> None:
        super().__init__()
        check_whole("width", width, 1)
        check_whole("in_channels", in_channels, 1)
        self.in_channels, self.logits = in_channels, logits
        layers: list[nn.Module] = []
        before = in_channels
        for factor, stride in LAYERS:
            after = factor * width
            layers.append(nn.Conv2d(before, after, 3, stride, padding=1))
            layers.append(nn.LeakyReLU(SLOPE, inplace=True))
            before = after
        self.layers = nn.Sequential(*layers[:-1])
        self.score = nn.Sequential(nn.Linear(before, before), nn.Linear(before, 1))

    def forward(self, planes: Tensor) -> Tensor:
        """Probability (N, 1) that planes (N, in_channels, Y, X) are real; with `logits`, its logit.

        Raises
        ------
        InputError
            Planes of another number of channels.
        """
        check_images(planes, self.in_channels, "deep_z_discriminator")
        score = self.score(self.layers(planes).mean(dim=(2, 3))).to(planes.dtype)
        return score if self.logits else torch.sigmoid(score)
