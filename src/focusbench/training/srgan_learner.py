"""Steps of SRGAN, as the code does them that Ma et al. 2021 ran: the middle plane alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

from focusbench.problem import Run
from focusbench.training import perceptual, precision
from focusbench.training.focal_fields import FocalFields
from focusbench.training.planes_learner import PlanesLearner, Share

if TYPE_CHECKING:
    from focusbench.methods.srgan import Srgan


class SrganLearner(PlanesLearner):
    """Squared error, a little total variation, and an adversary whose loss is linear.

    The perceptual term, if weights for it are given, is not part of what a state holds: it does not
    change.
    """

    how: Srgan

    def __init__(self, how: Srgan, data: FocalFields, run: Run, share: Share | None = None) -> None:
        path = how.perceptual_weights
        self.perceptual = None if path is None else perceptual.read(path).to(run.device)
        super().__init__(how, data, run, share)

    def planes(self, step: int) -> list[list[int]]:
        """The middle one, for each of `items`."""
        return [[self.data.planes // 2]] * len(self.items)

    def terms(self, made: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """Parts of the generator's loss beside the adversary's, with their weights."""
        parts = {
            "square": functional.mse_loss(made, wanted),
            "variation": self.how.variation_weight * total_variation(made),
        }
        if self.perceptual is not None:
            with precision.autocast(self.run.device, self.how.precision):
                distance = self.perceptual(made, wanted)
            parts["perceptual"] = self.how.perceptual_weight * distance
        return parts

    def told(self, real: Tensor, made: Tensor) -> Tensor:
        """1 - D(real) + D(made), means of probabilities."""
        return 1 - real.mean() + made.mean()

    def fooled(self, made: Tensor) -> Tensor:
        """1 - D(made), mean of probabilities."""
        return 1 - made.mean()

    def learn(self) -> dict[str, Tensor]:
        """Move the discriminator, then the generator; return the parts of their losses.

        With several processes, running statistics become their mean; on CUDA, where batch
        normalisation is synchronised, they are the same anyway.
        """
        parts = super().learn()
        if self.share.processes > 1:
            for network in self.networks.values():
                for value in network.buffers():
                    if value.is_floating_point():
                        value.copy_(self.share.mean(value))
        return parts


def total_variation(images: Tensor) -> Tensor:
    """Twice the sum of the mean squares of differences of neighbours along y and along x.

    Parameters
    ----------
    images
        (N, C, Y, X), sides from 2 pixels up.
    """
    return 2 * (images.diff(dim=2).square().mean() + images.diff(dim=3).square().mean())
