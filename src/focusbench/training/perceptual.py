"""A perceptual loss: how far apart two images are in the features of a trained VGG16.

Its weights are not part of this package: the user gives a file of them.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from focusbench.errors import InputError

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
LEAST = 2 ** len(BLOCKS)
"""Shortest side, in pixels, that the poolings leave something of."""


class PerceptualLoss(nn.Module):
    """Mean squared difference of all convolutional features of VGG16, behind the last pooling.

    Layers 0 to 30 of the network in torchvision, by whose names (`features.0.weight`, ...) the
    weights go: thirteen 3x3 convolutions with ReLU, maximum pooling by 2 behind each of the five
    blocks; 14,714,688 parameters, none of which learns. Images enter with values from 0 to 1 as
    they are, without the mean and the spread of ImageNet taken off, as in the code of SRGAN that Ma
    et al. 2021 ran.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for block in BLOCKS:
            for after in block:
                layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True)]
                before = after
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.requires_grad_(False).eval()

    def forward(self, made: Tensor, wanted: Tensor) -> Tensor:
        """Distance of images (N, 3, Y, X), sides from 32 pixels up."""
        with torch.no_grad():
            aim = self.features(wanted)
        return functional.mse_loss(self.features(made).float(), aim.float())


def read(path: str | Path) -> PerceptualLoss:
    """Build the loss with the weights of a safetensors file, on the CPU.

    Tensors of other names, such as those of the dense layers, are passed over.

    Raises
    ------
    InputError
        There is no such file, it is not safetensors, or it lacks a tensor of the right name, shape
        and type.
    """
    from safetensors import SafetensorError, safe_open

    with torch.device("meta"):
        loss = PerceptualLoss()
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            there = set(file.keys())
            for name, wanted in loss.state_dict().items():
                if name not in there:
                    raise _refused(path, f"has no tensor {name}")
                found = file.get_tensor(name)
                if found.shape != wanted.shape or not found.is_floating_point():
                    shape, kind = tuple(found.shape), str(found.dtype).removeprefix("torch.")
                    raise _refused(
                        path, f"{name} is {kind} {shape}, float32 {tuple(wanted.shape)} is needed"
                    )
                tensors[name] = found.float()
    except FileNotFoundError:
        raise _refused(path, "no such file") from None
    except (SafetensorError, OSError):
        raise _refused(path, "not a safetensors file") from None
    loss.load_state_dict(tensors, assign=True)
    return loss.requires_grad_(False)


def _refused(path: str | Path, what: str) -> InputError:
    return InputError(
        f"perceptual_weights: {path}: {what}; accepted is a safetensors file of VGG16's weights by "
        "their names in torchvision"
    )
