"""SRGAN: the image's own plane at a finer pixel (Ledig et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from focusbench.errors import InputError
from focusbench.files import sha256
from focusbench.networks.srgan import Srgan as Network
from focusbench.networks.srgan_discriminator import LAYERS, SrganDiscriminator
from focusbench.parameters import check_parameters
from focusbench.problem import Run, Weights
from focusbench.training import perceptual
from focusbench.training.focal_fields import FocalFields
from focusbench.training.planes_learner import Share
from focusbench.training.planes_learning import PlanesLearning
from focusbench.training.srgan_learner import SrganLearner


@dataclass(frozen=True)
class Srgan(PlanesLearning):
    """The network that Ma et al. 2021 compare the middle plane of `mfpinet` with.

    They say that it was trained with the original's parameters. The original has 16 residual blocks
    and learns for 1e6 steps on squared error, then for 2e5 against its discriminator, from batches
    of 16 crops of 96 pixels at 4 times finer pixels, at 1e-4. The code that they ran has 5 blocks
    (`blocks`), learns from squared error, adversary, perceptual term and total variation at once,
    from batches of 64 crops of 88 pixels, with Adam at torch's own 1e-3, for 100 epochs; their
    networks are of the 60th. The defaults are that code's, but for the blocks, with 60 epochs, of
    the same number of crops as `mfpinet`'s. The perceptual term needs a trained VGG16 and is left
    out unless its weights are given.

    Parameters
    ----------
    epochs, ..., processes
        Those of `training.planes_learning.PlanesLearning`. `adversarial_weight` is that of the mean
        of 1 - D beside the mean squared error of values from 0 to 1. With `processes` on the CPU,
        each normalises its own share of a batch.
    blocks
        Residual blocks.
    variation_weight
        Of the total variation (`training.srgan_learner.total_variation`).
    perceptual_weights
        File of a VGG16 (`training.perceptual`); null: no perceptual term.
    perceptual_weight
        Of that term.
    """

    epochs: int = 60
    patch: int = 88
    batch_size: int = 64
    learning_rate: float = 1e-3
    halve_every: int = 0
    adversarial_weight: float = 1e-3
    blocks: int = 16
    variation_weight: float = 2e-8
    perceptual_weights: str | None = None
    perceptual_weight: float = 0.006

    name: ClassVar[str] = "srgan"
    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_parameters(
            self,
            counts_or_0=("blocks",),
            positive_or_0=("variation_weight", "perceptual_weight"),
        )
        path = self.perceptual_weights
        if path is not None and not (isinstance(path, str) and path):
            raise InputError(
                f"perceptual_weights is {path!r}; the path of a file, or null, is accepted"
            )
        least = 2 if path is None else perceptual.LEAST
        if self.patch < least:
            raise InputError(f"patch is {self.patch}; {least} pixels or more are accepted")
        self._check_normalisation()

    @property
    def architecture(self) -> dict[str, Any]:
        """What weights must agree on to fit this method."""
        return {**super().architecture, "blocks": self.blocks}

    @property
    def halo(self) -> int:
        """Of blocks: as far as the network looks, pixels of the image."""
        return 8 + 2 * self.blocks

    def network(self, planes: int) -> Network:
        """Build the generator: it makes one plane, however many there are."""
        return Network(self.width, self.blocks)

    def discriminator(self, planes: int) -> SrganDiscriminator:
        """Build its adversary: one plane (N, 3, Y, X) -> probability of being real."""
        return SrganDiscriminator(self.discriminator_width)

    def planes_made(self, planes: int) -> int:
        """One, the middle's."""
        return 1

    def learner(self, data: FocalFields, run: Run, share: Share | None = None) -> SrganLearner:
        """Return the networks and optimisers at the start of a training."""
        return SrganLearner(self, data, run, share)

    def fit(self, data: FocalFields, run: Run) -> Weights:
        """Train on crops of `data`; see `PlanesLearning.fit`.

        What the description says of the training has also the SHA-256 of `perceptual_weights`, or
        None, as `perceptual_sha256`.
        """
        path = self.perceptual_weights
        if path is not None:
            perceptual.read(path)  # refuses what is no such file
        weights = super().fit(data, run)
        training = {
            **weights.description["training"],
            "perceptual_sha256": None if path is None else sha256(path),
        }
        return replace(weights, description={**weights.description, "training": training})

    def _check_normalisation(self) -> None:
        """A channel of a single value has no variance."""
        side = self.patch // self.scale
        if self.adversarial_weight > 0:
            halvings = sum(stride > 1 for _, stride in LAYERS)
            side = min(side, -(-self.patch // 2**halvings))
        if side**2 * self.batch_size // self.processes < 2:
            raise InputError(
                f"patch is {self.patch} and batch_size {self.batch_size}: batch normalisation gets "
                "one value of a channel; a larger patch or batch_size is accepted"
            )
