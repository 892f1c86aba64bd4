"""Deep-Z (Wu et al. 2019): one image and the wanted distance to one other focal plane."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from focusbench.errors import InputError
from focusbench.networks.image_checks import check_images
from focusbench.networks.mirroring import extended
from focusbench.parameters import check_positive, check_whole

LEVELS = 5


def with_plane(images: Tensor, planes: Tensor | float, half_range: float = 5) -> Tensor:
    """Put the digital propagation matrix beside images: the input of `DeepZ`.

    It is one more channel of a constant, (plane + 0.0001) / `half_range`: from -1 to 1 for the 11
    planes of Ma et al. 2021.

    Parameters
    ----------
    images
        (N, C, Y, X).
    planes
        How many planes from the image's own the wanted one lies, with sign: a number, or (N,).
    half_range
        Of the planes: 5 for 11.

    Returns
    -------
    Tensor
        (N, C + 1, Y, X).
    """
    check_positive("half_range", half_range)
    number = len(images)
    wanted = torch.as_tensor(planes, dtype=images.dtype, device=images.device)
    if wanted.shape not in ((), (1,), (number,)):
        raise InputError(f"planes: shape {tuple(wanted.shape)}; a number or ({number},) is needed")
    values = ((wanted + 1e-4) / half_range).reshape(-1, 1, 1, 1)
    return torch.cat([images, values.expand(number, 1, *images.shape[2:])], dim=1)


class DeepZ(nn.Module):
    """The generator of Deep-Z, as Ma et al. 2021 ran it: 19,406,272 parameters, 19.41 million.

    Five levels down, each of two 3x3 convolutions with ReLU, to `width`, 2, 4, 8 and 16 times as
    many channels; what a level was given is added to what it makes, its channels repeated one set
    behind the other as often as needed, and the sum leads past what lies below; maximum pooling by
    2 between the levels. Four levels up: nearest-neighbour upsampling by 2 and a 3x3 convolution
    without activation; to that, two 3x3 convolutions with ReLU of it behind the features of that
    size are added. A last 3x3 convolution, and ReLU. The first convolution of a pair has the mean
    of the channels before and after; the very first has 25, the mean of 48 and of the two channels
    of the original, which has 19,404,956 parameters (`in_channels=2, out_channels=1`).

    Images are continued by their mirror image to sides that are multiples of 16, and what came of
    that is cropped off. What is farther than 123 pixels away has no influence. Starting values are
    torch's own.

    Parameters
    ----------
    width
        Channels of the first level, a multiple of `in_channels`.
    in_channels
        Colours and one channel for the wanted plane (`with_plane`).
    out_channels
        Colours of the plane.

    Attributes
    ----------
    multiple : int
        Sides that need no padding are multiples of this; so should be the distances of tiles.
    """

    multiple = 2 ** (LEVELS - 1)

    def __init__(self, width: int = 48, in_channels: int = 4, out_channels: int = 3) -> None:
        super().__init__()
        check_whole("in_channels", in_channels, 1)
        check_whole("out_channels", out_channels, 1)
        check_whole("width", width, 1)
        if width % in_channels:
            raise InputError(
                f"width is {width}; a multiple of in_channels, {in_channels}, is accepted"
            )
        self.in_channels = in_channels
        widths = [width * 2**level for level in range(LEVELS - 1)]
        self.down = nn.ModuleList([_pair(in_channels, (2 + width) // 2, width)])
        self.down.extend(_pair(c, 3 * c // 2, 2 * c) for c in widths)
        widths.reverse()
        self.ascent = nn.ModuleList(_convolution(2 * c, c) for c in widths)
        self.up = nn.ModuleList(_pair(2 * c, 3 * c // 2, c) for c in widths)
        self.end = nn.Sequential(_convolution(width, out_channels), nn.ReLU(inplace=True))

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, in_channels, Y, X), any Y and X, to (N, out_channels, Y, X), 0 and above.

        Of images, values from 0 to 1 are meant: what ends in ReLU has no negative ones.

        Raises
        ------
        InputError
            Images of another number of channels.
        """
        check_images(images, self.in_channels, "deep_z")
        y, x = images.shape[2:]
        features = extended(images, [side + -side % self.multiple for side in (y, x)])
        past: list[Tensor] = []
        for pair in self.down:
            if past:
                features = functional.max_pool2d(past[-1], 2)
            made = pair(features)
            past.append(made + features.repeat(1, made.shape[1] // features.shape[1], 1, 1))
        features = past.pop()
        for ascent, pair in zip(self.ascent, self.up, strict=True):
            above = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            above = ascent(above)
            features = above + pair(torch.cat([past.pop(), above], dim=1))
        return self.end(features)[:, :, :y, :x].to(images.dtype)


def _pair(before: int, between: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        _convolution(before, between),
        nn.ReLU(inplace=True),
        _convolution(between, after),
        nn.ReLU(inplace=True),
    )


def _convolution(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1)
