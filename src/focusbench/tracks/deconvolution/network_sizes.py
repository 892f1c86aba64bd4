"""Parameters of the methods' networks: as the paper has them, and as they were trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from focusbench.tracks.deconvolution.learned import Training

if TYPE_CHECKING:
    from torch.nn import Module

BYTES = 4  # of a parameter: float32


@dataclass(frozen=True)
class Sizes:
    """Numbers of parameters that are trained; None: not known."""

    generator: int | None = None
    blur: int | None = None  # 0: a known PSF, or none at all
    discriminators: int | None = None
    conventional: int | None = None  # of the cycleGAN with the same networks: 2 G + 2 D

    @property
    def total(self) -> int | None:
        """Of all networks together."""
        parts = (self.generator, self.blur, self.discriminators)
        return None if None in parts else sum(part for part in parts if part is not None)

    @property
    def bytes(self) -> float:
        """That all parameters take, without gradients and the optimiser's moments."""
        return math.nan if self.total is None else BYTES * self.total

    @property
    def of_conventional(self) -> float:
        """Share of the conventional cycleGAN's parameters; NaN: there is none to compare with.

        Gradients and Adam's moments are as many as parameters, so that theirs is the same share.
        """
        if self.total is None or self.conventional is None:
            return math.nan
        return self.total / self.conventional


def of_paper() -> dict[str, Sizes]:
    """Count networks of the paper's size: method -> sizes.

    Built without memory or initial values.
    """
    import torch

    from focusbench.networks.blur_kernel import BlurKernel
    from focusbench.networks.patchgan_3d import MultiScalePatchgan
    from focusbench.networks.unet_3d import Unet3d

    with torch.device("meta"):
        generator, kernel, judge = map(_count, (Unet3d(), BlurKernel(), MultiScalePatchgan()))
        # that of supervised_gan sees the blurred crop beside the sharp one
        conditional = _count(MultiScalePatchgan(in_channels=2))
    whole = 2 * generator + 2 * judge
    return {
        "supervised_mse": Sizes(generator, 0, 0, whole),
        "supervised_gan": Sizes(generator, 0, conditional, whole),
        "cyclegan": Sizes(generator, generator, 2 * judge, whole),
        "cyclegan_blur_kernel": Sizes(generator, kernel, 2 * judge, whole),
        "cyclegan_blur_kernel_nonblind": Sizes(generator, 0, judge, whole),
    }


def _count(network: Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def sizes(trainings: Sequence[Training]) -> dict[str, Sizes]:
    """Count what was trained: method -> sizes.

    The conventional cycleGAN has two of the method's generators and two of its discriminators. A
    method without a cycle is compared with a cycleGAN that was trained with the same generator.
    """
    found: dict[str, Sizes] = {}
    for one in trainings:
        found.setdefault(one.method, _sizes(one.networks))
    whole = {
        size.generator: size.conventional
        for size in found.values()
        if size.conventional is not None
    }
    return {
        method: Sizes(
            size.generator,
            size.blur,
            size.discriminators,
            size.conventional or whole.get(size.generator),
        )
        for method, size in found.items()
    }


def _sizes(parameters: Mapping[str, int]) -> Sizes:
    if "generator" not in parameters:
        return Sizes()
    judges = {name: count for name, count in parameters.items() if "discriminator" in name}
    generator = parameters["generator"]
    cycle = "blur" in parameters and judges
    whole = 2 * generator + 2 * max(judges.values()) if cycle else None
    return Sizes(generator, parameters.get("blur", 0), sum(judges.values()), whole)
