"""SRGAN (Ledig et al. 2017), as Ma et al. 2021 compare with it: a finer pixel, one plane."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from focusbench.networks.image_checks import check_images
from focusbench.parameters import check_whole

SCALE = 2


class Srgan(nn.Module):
    """The generator, also known as SRResNet: residual blocks at the image's own pixel.

    9x9 convolution to `width` channels, PReLU; `blocks` times 3x3 convolution, batch normalisation,
    PReLU, 3x3 convolution, batch normalisation, added to what the block was given; 3x3 convolution
    and batch normalisation, added to what the first block was given; 3x3 convolution to 4 times the
    channels, pixel shuffle by 2, PReLU; 9x9 convolution; (tanh + 1) / 2. Each PReLU has one slope
    for all channels. What is farther than 8 + 2 `blocks` pixels of the image away has no influence,
    in use. Starting values are torch's own.

    1,401,749 parameters with the 16 blocks of the original; 586,506 with the 5 that the code has
    which Ma et al. ran.

    Parameters
    ----------
    width
        Channels of all features.
    blocks
        16 in the original, 5 in the code that Ma et al. ran.
    channels
        Colours.

    Attributes
    ----------
    multiple : int
        Sides that need no padding are multiples of this.
    """

    multiple = 1

    def __init__(self, width: int = 64, blocks: int = 16, channels: int = 3) -> None:
        super().__init__()
        check_whole("width", width, 1)
        check_whole("blocks", blocks, 0)
        check_whole("channels", channels, 1)
        self.channels = channels
        self.head = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.bottom = nn.Sequential(*_normalised(width))
        self.up = nn.Sequential(
            nn.Conv2d(width, width * SCALE**2, 3, padding=1), nn.PixelShuffle(SCALE), nn.PReLU()
        )
        self.end = nn.Conv2d(width, channels, 9, padding=4)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, channels, Y, X), any Y and X, to (N, channels, 2 Y, 2 X), values from 0 to 1.

        Raises
        ------
        InputError
            Images of another number of channels.
        """
        check_images(images, self.channels, "srgan")
        first = self.head(images)
        features = first + self.bottom(self.blocks(first))
        result = self.end(self.up(features)).to(images.dtype)  # autocast must not coarsen it
        return (torch.tanh(result) + 1) / 2


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_normalised(width), nn.PReLU(), *_normalised(width))

    def forward(self, features: Tensor) -> Tensor:
        return features + self.layers(features)


def _normalised(width: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
