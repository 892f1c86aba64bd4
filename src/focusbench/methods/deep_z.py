"""Deep-Z: from one image to any focal plane, one at a time (Wu et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from focusbench.networks.deep_z import DeepZ as Network
from focusbench.networks.deep_z_discriminator import DeepZDiscriminator
from focusbench.parameters import check_positive
from focusbench.problem import Run
from focusbench.training.deep_z_learner import DeepZLearner, told_plane
from focusbench.training.focal_fields import FocalFields
from focusbench.training.planes_learner import Share
from focusbench.training.planes_learning import PlanesLearning


@dataclass(frozen=True)
class DeepZ(PlanesLearning):
    """The network that Ma et al. 2021 compare with, on an image of full resolution.

    As Ma et al. ran it: crops of 384 pixels, of each one random plane in a step, values from 0 to
    1. As Wu et al. 2019 trained it: Adam at 1e-4, the discriminator's at 3e-5, a least-squares
    adversary. Ours: the adversary weighs as in `mfpinet`, because the original's weights belong to
    other intensities (on values up to 1 they would leave hardly any of the absolute error); one
    step of each network in turn, where the original makes six and three; batch, epochs and the
    halving of the rates are `mfpinet`'s, where the original takes batches of 20 crops of 256
    pixels, and keeps the network that is best on the validation images.

    Parameters
    ----------
    epochs, ..., processes
        Those of `training.planes_learning.PlanesLearning`. `adversarial_weight` is that of the
        least-squares loss beside the mean absolute error of values from 0 to 1. `width` is a
        multiple of 4.
    discriminator_learning_rate
        Of the discriminator's Adam.
    """

    patch: int = 384
    width: int = 48
    discriminator_width: int = 48
    discriminator_learning_rate: float = 3e-5

    name: ClassVar[str] = "deep_z"
    scale: ClassVar[int] = 1
    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    halo: ClassVar[int] = 123  # as far as the network looks

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("discriminator_learning_rate", self.discriminator_learning_rate)
        with torch.device("meta"):  # the network's own checks, at no cost
            self.network(1)

    @property
    def rates(self) -> Mapping[str, float]:
        """Learning rates of the networks at their full height."""
        return {**super().rates, "discriminator": self.discriminator_learning_rate}

    def network(self, planes: int) -> Network:
        """Build the generator: it makes one plane, however many there are."""
        return Network(self.width)

    def discriminator(self, planes: int) -> DeepZDiscriminator:
        """Build its adversary: one plane (N, 3, Y, X) -> probability of being real."""
        return DeepZDiscriminator(self.discriminator_width)

    def planes_of(self, network: Network, images: Tensor, planes: int) -> Tensor:
        """All planes (N, 3 planes, y, x) of images (N, 3, y, x), by a pass for each."""
        passes = [network(told_plane(images, [p] * len(images), planes)) for p in range(planes)]
        return torch.cat(passes, dim=1)

    def learner(self, data: FocalFields, run: Run, share: Share | None = None) -> DeepZLearner:
        """Return the networks and optimisers at the start of a training."""
        return DeepZLearner(self, data, run, share)
