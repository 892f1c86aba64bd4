"""MFPINet, with which Ma et al. 2021 turn one coarse image into all focal planes at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from focusbench.networks.image_checks import check_images
from focusbench.networks.mirroring import extended
from focusbench.networks.planes_head import PlanesHead
from focusbench.parameters import check_whole

HALVINGS = 3


class Mfpinet(nn.Module):
    """The generator of Ma et al. 2021, III-A, Fig. 1; 2,504,737 parameters, in Table III 2.50 M.

    Head: 7x7 convolution, PReLU. Encoder: three times two residual blocks and mean pooling by 2,
    whose results (after pooling) lead past what lies below; then three 3x3 convolutions to 2, 2 and
    1 times `width` channels, with nothing between them. Decoder: three times the encoder's features
    of that size beside what comes from below, a 3x3 convolution back to `width` channels, two
    residual blocks, and nearest-neighbour upsampling by 2. End: `planes_head.PlanesHead`.

    Every convolution has a bias and continues its input by zeros; every PReLU has a slope for each
    channel. There is no normalisation, and nothing leads from the input, or from features of its
    full size, to the end. Where Eq. 5 upsamples before the blocks and has no convolution before
    them, the authors' network, whose parameters Table III counts, is as said here.

    Images are continued by their mirror image to sides that are multiples of 8, and what came of
    that is cropped off. What is farther than 218 pixels of the image away (219 at a scale of 1) has
    no influence. Starting values are torch's own.

    Parameters
    ----------
    width
        Channels of all features.
    planes
        Focal planes of the result.
    channels
        Colours of the image, and of each plane.
    scale
        Pixels of the result along a pixel of the image. 1: for input of full resolution, which the
        authors' supplement B compares; the end then has no pixel shuffle (2,393,953 parameters).
        How the authors changed the network for it is not known: this is our choice.

    Attributes
    ----------
    multiple : int
        Sides that need no padding are multiples of this; so should be the distances of tiles.
    """

    multiple = 2**HALVINGS

    def __init__(
        self, width: int = 64, planes: int = 11, channels: int = 3, scale: int = 2
    ) -> None:
        super().__init__()
        for name, value in (("width", width), ("planes", planes), ("channels", channels)):
            check_whole(name, value, 1)
        check_whole("scale", scale, 1)
        self.channels, self.scale = channels, scale
        self.head = nn.Sequential(nn.Conv2d(channels, width, 7, padding=3), nn.PReLU(width))
        self.down = nn.ModuleList(_pair(width) for _ in range(HALVINGS))
        self.bottom = nn.Sequential(
            _convolution(width, 2 * width),
            _convolution(2 * width, 2 * width),
            _convolution(2 * width, width),
        )
        self.joined = nn.ModuleList(_convolution(2 * width, width) for _ in range(HALVINGS))
        self.up = nn.ModuleList(_pair(width) for _ in range(HALVINGS))
        self.end = PlanesHead(width, width, planes * channels, scale)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, channels, Y, X), any Y and X, to (N, planes x channels, scale Y, scale X).

        Values from -1 to 1, of images and planes. The colours of a plane stand together: channel
        `channels` p + c of the result is colour c of plane p.

        Raises
        ------
        InputError
            Images of another number of channels.
        """
        check_images(images, self.channels, "mfpinet")
        y, x = images.shape[2:]
        features = self.head(extended(images, [side + -side % self.multiple for side in (y, x)]))
        past: list[Tensor] = []
        for pair in self.down:
            features = functional.avg_pool2d(pair(features), 2)
            past.append(features)
        features = self.bottom(features)
        for joined, pair in zip(self.joined, self.up, strict=True):
            features = pair(joined(torch.cat([past.pop(), features], dim=1)))
            features = functional.interpolate(features, scale_factor=2.0, mode="nearest")
        planes = self.end(features)[:, :, : self.scale * y, : self.scale * x]
        return planes.to(images.dtype)


class ResidualBlock(nn.Module):
    """Three times a 3x3 convolution and PReLU added to what they are given; a fourth convolution.

    The fourth has neither an activation nor a way past it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.added = nn.ModuleList(
            nn.Sequential(_convolution(width, width), nn.PReLU(width)) for _ in range(3)
        )
        self.last = _convolution(width, width)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, width, Y, X) to the same shape."""
        for step in self.added:
            features = features + step(features)
        return self.last(features)


def _pair(width: int) -> nn.Sequential:
    return nn.Sequential(ResidualBlock(width), ResidualBlock(width))


def _convolution(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1)
