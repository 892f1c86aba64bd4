"""Steps of Deep-Z (Wu et al. 2019): of every image, another of its planes each time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from focusbench.networks.deep_z import with_plane
from focusbench.training import seeds
from focusbench.training.adversarial import ONE_ZERO, discriminator_loss, generator_loss
from focusbench.training.planes_learner import PlanesLearner


class DeepZLearner(PlanesLearner):
    """One random plane of each crop; mean absolute error and a least-squares adversary.

    The discriminator gives probabilities, which the squares pull to 1 and to 0 (Wu et al. 2019,
    methods, after Mao et al. 2017).
    """

    def planes(self, step: int) -> list[list[int]]:
        """One plane for each of `items`, all equally likely; it depends on seed, step and item."""
        numbers = (seeds.derive(self.run.seed, "deep_z plane", step, item) for item in self.items)
        count = self.data.planes
        return [[int(np.random.default_rng(one).integers(count))] for one in numbers]

    def given(self, images: Tensor, planes: Sequence[Sequence[int]]) -> Tensor:
        """Images with the channel that tells the plane (N, 4, y, x)."""
        return told_plane(images, [plane for (plane,) in planes], self.data.planes)

    def told(self, real: Tensor, made: Tensor) -> Tensor:
        """(D(real) - 1)^2 / 2 + D(made)^2 / 2, means."""
        return discriminator_loss([real], [made], ONE_ZERO)

    def fooled(self, made: Tensor) -> Tensor:
        """(D(made) - 1)^2 / 2, mean."""
        return generator_loss([made], ONE_ZERO)


def told_plane(images: Tensor, wanted: Sequence[int], planes: int) -> Tensor:
    """Put beside images (N, 3, y, x) the channel for planes `wanted`, N indices from 0.

    It goes from -1 to 1 over a stack of `planes`, an odd number, whose middle is the images' own.
    """
    middle = planes // 2
    distances = images.new_tensor([plane - middle for plane in wanted])
    return with_plane(images, distances, half_range=max(middle, 1))
