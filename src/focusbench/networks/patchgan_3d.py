"""The discriminators of Lim et al. 2020: 3-D PatchGANs on patches of three sizes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from focusbench.networks.mirroring import extended
from focusbench.parameters import check_whole

LEAST = 16
"""Shortest side that three halvings and the last convolution leave a score of."""

SLOPE = 0.2
DIVISORS = (1, 2, 4)


class Patchgan3d(nn.Module):
    """Scores of overlapping parts of a patch: 64^3 voxels give 7^3, 32^3 give 3^3, 16^3 one.

    Three 4x4x4 convolutions of stride 2 to `width`, 2 and 4 times as many channels, with
    LeakyReLU(0.2) after each and instance normalisation (without parameters) before that in the
    last two, then one of stride 1 to the score; each continues its input by one voxel of zeros.
    The defaults have 665,825 parameters: three of these, 2.0 million, are what the memory ratio
    that the paper prints leaves for a discriminator beside a generator of 7.0 million.

    Parameters
    ----------
    width
        Channels of the first convolution.
    in_channels
        Channels of the patch; 2 for a pair of blurred and sharp.
    """

    def __init__(self, width: int = 32, in_channels: int = 1) -> None:
        super().__init__()
        check_whole("width", width, 1)
        check_whole("in_channels", in_channels, 1)
        self.layers = nn.Sequential(
            _halving(in_channels, width),
            nn.LeakyReLU(SLOPE, inplace=True),
            _halving(width, 2 * width),
            nn.InstanceNorm3d(2 * width),
            nn.LeakyReLU(SLOPE, inplace=True),
            _halving(2 * width, 4 * width),
            nn.InstanceNorm3d(4 * width),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv3d(4 * width, 1, 4, padding=1),
        )

    def forward(self, patch: Tensor) -> Tensor:
        """Score (N, in_channels, Z, Y, X): (N, 1, Z // 8 - 1, Y // 8 - 1, X // 8 - 1).

        Sides under 16 are continued to 16 by their mirror image. Unbounded: what counts as real and
        as made is the loss's choice (`focusbench.training.adversarial`).
        """
        scores = self.layers(extended(patch, [max(side, LEAST) for side in patch.shape[2:]]))
        return scores.to(patch.dtype)  # autocast must not coarsen the result


class MultiScalePatchgan(nn.Module):
    """Three independent PatchGANs: on the patch, a half-size and a quarter-size part of it.

    Lim et al. 2020, section III-B, Fig. 4: "patches at different sizes"; parts are read as cut out,
    not as shrunk. Each volume of a batch has parts of its own.

    Parameters
    ----------
    width, in_channels
        As of `Patchgan3d`.
    """

    def __init__(self, width: int = 32, in_channels: int = 1) -> None:
        super().__init__()
        self.scales = nn.ModuleList(Patchgan3d(width, in_channels) for _ in DIVISORS)

    def forward(self, patches: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Score (N, in_channels, Z, Y, X) at the three sizes, the whole first.

        Parameters
        ----------
        patches
            Sides of the parts are those of the patch over 2 and 4, rounded down, but at least 16
            or, where it is shorter, the patch's own.
        generator
            On the CPU; chooses where the parts lie, each place equally often.
        """
        return [
            network(_parts(patches, divisor, generator))
            for network, divisor in zip(self.scales, DIVISORS, strict=True)
        ]


def _halving(before: int, after: int) -> nn.Conv3d:
    return nn.Conv3d(before, after, 4, stride=2, padding=1)


def _parts(patches: Tensor, divisor: int, generator: torch.Generator) -> Tensor:
    """Cut a random part out of each patch of a batch."""
    whole = patches.shape[2:]
    sides = [min(length, max(length // divisor, LEAST)) for length in whole]
    if sides == list(whole):
        return patches
    parts = []
    for patch in patches:
        for axis, (length, side) in enumerate(zip(whole, sides, strict=True), start=1):
            start = torch.randint(length - side + 1, (), generator=generator).item()
            patch = patch.narrow(axis, start, side)
        parts.append(patch)
    return torch.stack(parts)
