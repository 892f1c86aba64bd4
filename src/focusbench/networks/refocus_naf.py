"""Ours, for the refocus track: a trunk of NAFNet's blocks with the end of MFPINet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from focusbench.errors import InputError
from focusbench.networks.image_checks import check_images
from focusbench.networks.mirroring import extended
from focusbench.networks.planes_head import PlanesHead
from focusbench.parameters import check_whole

BLOCKS = (2, 3, 3)
MIDDLE = 2
EPSILON = 1e-6
START = 0.01
"""Of the last convolution's starting values, where the image is added to its result."""


class RefocusNaf(nn.Module):
    """A U-Net of NAFNet's blocks (Chen et al. 2022) between MFPINet's 7x7 convolution and its end.

    Going down, blocks and a 2x2 convolution of stride 2 to twice the channels; going up, a 1x1
    convolution without bias and a pixel shuffle to half the channels, the features of that size
    added, and blocks; then `planes_head.PlanesHead`, whose result is added to the image, enlarged
    by bicubic interpolation, in every plane. A block adds to the features, times a learned
    factor for each channel that starts at 0: normalisation over the channels of a pixel, a 1x1
    convolution to twice the channels, a 3x3 one channel by channel, the product of the two halves
    of the channels, a 1x1 convolution; and then the same without the 3x3 convolution.

    What NAFNet's block has besides, factors for the channels from their mean over the image, is
    left out: a tile of an image is to become what it becomes in the whole image. Starting values
    are torch's own but for the factors.

    The defaults are made to cost what `mfpinet` costs: 263.0 GFLOPs for 384 x 384 pixels, of 264.1
    (`evaluation.flops`), with 7,898,209 parameters, three times as many. Layouts of that cost with
    more blocks on the coarsest level have up to 15 million; at a quarter of the width, on small
    procedural images, they came to the same within 0.1 dB.

    Images are continued by their mirror image to sides that are multiples of 8 (2 to the number of
    halvings), and what came of that is cropped off. What is farther than 68 pixels of the image
    away has no influence.

    Parameters
    ----------
    width
        Channels at the image's own pixel; twice as many after each halving.
    blocks
        Blocks before each halving, and as many after the doubling that undoes it, from the image's
        own pixel down.
    middle
        Blocks after the last halving.
    planes
        Focal planes of the result.
    channels
        Colours of the image, and of each plane.
    scale
        Pixels of the result along a pixel of the image; 1 for input of full resolution.
    skip
        Whether the image is added to the result. MFPINet has no such way past it: without, a short
        training is spent on learning to hand the image on.

    Attributes
    ----------
    multiple : int
        Sides that need no padding are multiples of this; so should be the distances of tiles.
    """

    def __init__(
        self,
        width: int = 64,
        blocks: Sequence[int] = BLOCKS,
        middle: int = MIDDLE,
        planes: int = 11,
        channels: int = 3,
        scale: int = 2,
        skip: bool = True,
    ) -> None:
        super().__init__()
        for name, value in (("width", width), ("planes", planes), ("channels", channels)):
            check_whole(name, value, 1)
        check_whole("scale", scale, 1)
        check_whole("middle", middle, 0)
        _check_blocks(blocks)
        self.channels, self.scale, self.skip, self.n_planes = channels, scale, skip, planes
        self.multiple = 2 ** len(blocks)
        levels = [(width * 2**level, number) for level, number in enumerate(blocks)]
        self.head = nn.Conv2d(channels, width, 7, padding=3)
        self.down = nn.ModuleList(_blocks(c, number) for c, number in levels)
        self.descent = nn.ModuleList(nn.Conv2d(c, 2 * c, 2, stride=2) for c, _ in levels)
        self.middle = _blocks(width * self.multiple, middle)
        levels.reverse()
        self.ascent = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2 * c, 4 * c, 1, bias=False), nn.PixelShuffle(2))
            for c, _ in levels
        )
        self.up = nn.ModuleList(_blocks(c, number) for c, number in levels)
        self.end = PlanesHead(width, width, planes * channels, scale)
        if skip:  # it starts as the image, about
            with torch.no_grad():
                self.end.planes.weight.mul_(START)
                self.end.planes.bias.zero_()

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, channels, Y, X), any Y and X, to (N, planes x channels, scale Y, scale X).

        Values from -1 to 1, of images and planes, with `skip` a little beyond; in the order of
        `mfpinet`.

        Raises
        ------
        InputError
            Images of another number of channels.
        """
        check_images(images, self.channels, "refocus_naf")
        y, x = images.shape[2:]
        features = self.head(extended(images, [side + -side % self.multiple for side in (y, x)]))
        past: list[Tensor] = []
        for blocks, descent in zip(self.down, self.descent, strict=True):
            past.append(blocks(features))
            features = descent(past[-1])
        features = self.middle(features)
        for ascent, blocks in zip(self.ascent, self.up, strict=True):
            features = blocks(ascent(features) + past.pop())
        planes = self.end(features)[:, :, : self.scale * y, : self.scale * x]
        if self.skip:
            planes = planes + self._enlarged(images).repeat(1, self.n_planes, 1, 1)
        return planes.to(images.dtype)

    def _enlarged(self, images: Tensor) -> Tensor:
        if self.scale == 1:
            return images
        size = [self.scale * side for side in images.shape[2:]]
        return functional.interpolate(images, size=size, mode="bicubic", align_corners=False)


class _Added(nn.Module):
    """Normalisation and `layers`, times a factor for each channel, added to what is given."""

    operations_per_value = 1

    def __init__(self, width: int, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(_ChannelNorm(width, eps=EPSILON), *layers)
        self.factor = nn.Parameter(torch.zeros(width, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        return features + self.factor * self.layers(features)


class _ChannelNorm(nn.LayerNorm):
    """Normalise (N, channels, Y, X) over the channels of each pixel."""

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Gate(nn.Module):
    """The product of the first half of the channels and the second."""

    operations_per_value = 1

    def forward(self, features: Tensor) -> Tensor:
        one, two = features.chunk(2, dim=1)
        return one * two


def _blocks(width: int, number: int) -> nn.Sequential:
    wide = 2 * width
    steps: list[nn.Module] = []
    for _ in range(number):
        expand, back = nn.Conv2d(width, wide, 1), nn.Conv2d(width, width, 1)
        around = nn.Conv2d(wide, wide, 3, padding=1, groups=wide)
        steps.append(_Added(width, expand, around, _Gate(), back))
        expand, back = nn.Conv2d(width, wide, 1), nn.Conv2d(width, width, 1)
        steps.append(_Added(width, expand, _Gate(), back))
    return nn.Sequential(*steps)


def _check_blocks(blocks: Any) -> None:
    fine = isinstance(blocks, Sequence) and all(type(n) is int and n >= 0 for n in blocks)
    if not fine:
        raise InputError(f"blocks is {blocks!r}; a list of whole numbers from 0 up is accepted")
