"""Starting values for MFPINet with which a short training has less to find.

Nothing leads from MFPINet's input past its layers, so that with random values it must first learn
to hand the image on; a narrow one takes minutes for that. Here the layers begin as what hands on:
pixels and identities, with the result of a linear least-squares fit at the end. The network is the
same, and what it can become. Ours: Ma et al. 2021 say nothing of their starting values. Scaling
layer after layer on crops is after Mishkin & Matas 2016.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from focusbench.networks.mfpinet import Mfpinet, ResidualBlock

ADDED = 0.1
"""Standard deviation of what a step of a residual block adds, where what it is added to has 1."""
BELOW = 0.05
"""Of what comes from below a join, over what comes past it, in the channels that hand it on."""
HANDED_ON = 0.75
"""Share of a join's channels that hand on what comes past it; the others take what is below."""
LARGEST = 0.985
"""Values beyond it (of 1) count as it: a tanh never reaches 1."""
RIDGE = 1e-6
"""Of the fit, over the mean of the normal equations' diagonal."""


@torch.no_grad()
def fit_start(network: Mfpinet, images: Tensor, wanted: Tensor, random: torch.Generator) -> None:
    """Replace a network's starting values.

    In order: the first convolution copies the pixels of a 2 x 2 square (its other channels stay as
    they are); the last convolutions of residual blocks, those at the bottom and those of joins hand
    on what they get; all are scaled so that, on `images`, what they give has mean 0 in every
    channel and standard deviation 1, and what residual blocks add, `ADDED`. The end's first
    convolution is then fitted to the principal components of the planes before their tanh, by
    least squares, and its last one makes planes of them.

    Parameters
    ----------
    network
        On the CPU or a GPU, with the values that it was built with.
    images
        (N, 3, y, x) from -1 to 1, on the same device.
    wanted
        (N, 3 planes, scale y, scale x) from -1 to 1.
    random
        For what is drawn; on the CPU.
    """
    _copy_pixels(network.head)
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            nn.init.dirac_(module.last.weight)
    for layer in network.bottom:  # twice as wide: without the rest, half would never learn
        rest = BELOW * layer.weight
        nn.init.dirac_(layer.weight)
        layer.weight += rest
    for layer in network.joined:
        _join(layer, random)
    features = _scaled(network, images)
    _fit_end(network.end, network.scale, features, wanted)


def _copy_pixels(head: nn.Sequential) -> None:
    """Let the first channels be the pixel, and its neighbours to the right and below."""
    convolution, activation = head
    width, colours, side, _ = convolution.weight.shape
    middle = side // 2
    for channel in range(min(4 * colours, width)):
        place, colour = divmod(channel, colours)
        convolution.weight[channel] = 0
        convolution.weight[channel, colour, middle + place // 2, middle + place % 2] = 1
        activation.weight[channel] = 1


def _join(layer: nn.Conv2d, random: torch.Generator) -> None:
    """Channels that hand on what comes past (the first half of the input), then the others."""
    width = layer.weight.shape[0]
    first = math.floor(width * HANDED_ON)
    nn.init.dirac_(layer.weight)
    layer.weight[first:] = 0
    below = torch.randn(width, width, 3, 3, generator=random) / math.sqrt(9 * width)
    below[:first] *= BELOW
    layer.weight[:, width:] = below.to(layer.weight)


def _scaled(network: Mfpinet, images: Tensor) -> Tensor:
    """Scale the convolutions before the end, one after the other; give what the end is given."""
    added = {
        step[0]
        for block in network.modules()
        if isinstance(block, ResidualBlock)
        for step in block.added
    }
    kept: list[Tensor] = []

    def scale(layer: nn.Conv2d, given: Any, result: Tensor) -> Tensor:
        mean = result.mean((0, 2, 3))
        centred = result - mean[:, None, None]
        factor = (ADDED if layer in added else 1.0) / (centred.std() + 1e-3)
        layer.bias.copy_((layer.bias - mean) * factor)
        layer.weight.mul_(factor)
        return centred * factor

    def keep(layer: nn.Conv2d, given: tuple[Tensor]) -> None:
        kept.append(given[0])

    end = set(network.end.modules())
    before = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m not in end]
    hooks = [layer.register_forward_hook(scale) for layer in before]
    hooks.append(network.end.expand.register_forward_pre_hook(keep))
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return kept[0]


def _fit_end(end: nn.Module, scale: int, features: Tensor, wanted: Tensor) -> None:
    """Make of features (N, width, y, x) the planes, as well as one linear layer can."""
    before_tanh = torch.atanh(wanted.clamp(-LARGEST, LARGEST)).double()
    # errors of a channel count as much as its grey values change with it, in the mean
    weight = (1 - wanted.double().square()).mean((0, 2, 3))
    mean = before_tanh.mean((0, 2, 3))
    centred = before_tanh - mean[:, None, None]
    flat = centred.permute(0, 2, 3, 1).flatten(0, 2) * weight
    _, vectors = torch.linalg.eigh(flat.T @ flat)
    width = end.refine[0].weight.shape[0]
    shown = vectors.flip(1)[:, : min(width, len(weight))]  # the strongest first
    parts = torch.einsum("nkyx,kc->ncyx", centred, shown * weight[:, None])
    unit = parts.square().mean().sqrt().clamp_min(1e-12)
    targets = functional.pixel_unshuffle(parts / unit, scale)
    count = shown.shape[1]
    taps, offsets = _regression(features, targets)
    rows = slice(0, count * scale**2)
    end.expand.weight[rows] = taps.to(end.expand.weight)
    end.expand.bias[rows] = offsets.to(end.expand.bias)
    convolution, activation = end.refine
    nn.init.dirac_(convolution.weight)
    convolution.bias.zero_()
    activation.weight.fill_(1)
    end.planes.weight.zero_()
    end.planes.weight[:, :count, 1, 1] = (shown / weight[:, None] * unit).to(end.planes.weight)
    end.planes.bias.copy_(mean)


def _regression(features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """3x3 convolution (targets, width, 3, 3) and its bias that come closest to the targets."""
    width = features.shape[1]
    size = 9 * width + 1
    normal = torch.zeros(size, size, dtype=torch.float64, device=features.device)
    right = torch.zeros(size, targets.shape[1], dtype=torch.float64, device=features.device)
    for one, target in zip(features, targets, strict=True):  # one by one: nine times the memory
        around = functional.unfold(one[None], 3, padding=1)[0].double()
        around = torch.cat([around, around.new_ones(1, around.shape[1])])
        normal += around @ around.T
        right += around @ target.flatten(1).T
    normal += RIDGE * normal.diagonal().mean() * torch.eye(size).to(normal)
    solved = torch.linalg.solve(normal, right)
    return solved[:-1].T.reshape(-1, width, 3, 3), solved[-1]
