"""What MFPINet for a coarse image and MFPINet for a fine one share."""

from __future__ import annotations

from dataclasses import dataclass

from focusbench.errors import InputError
from focusbench.networks.mfpinet import Mfpinet as Network
from focusbench.problem import Run
from focusbench.training import seeds
from focusbench.training.fitted_start import fit_start
from focusbench.training.focal_fields import FocalFields
from focusbench.training.planes_learning import PlanesLearning

STARTS = ("random", "fitted")
CROPS = 16
"""That a fitted start looks at."""
BEFORE = -1
"""In place of a step's number, for crops that no step sees."""


@dataclass(frozen=True)
class MfpinetLearning(PlanesLearning):
    """Training of the paper's own network, against its discriminator.

    Parameters
    ----------
    epochs, ..., processes
        Those of `training.planes_learning.PlanesLearning`.
    start
        "random" (torch's own starting values), or "fitted" (`training.fitted_start`): for short
        trainings.
    """

    start: str = "random"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start not in STARTS:
            raise InputError(f"start is {self.start!r}; accepted: {', '.join(STARTS)}")

    def network(self, planes: int) -> Network:
        """Build the generator."""
        return Network(self.width, planes, scale=self.scale)

    def begin(self, network: Network, data: FocalFields, run: Run) -> None:
        """Fit the starting values to crops, if that is asked for."""
        if self.start == "random":
            return
        crops = data.batch(run.seed, BEFORE, range(CROPS), self.patch, augment=self.augment)
        images = self.from_pixels(crops.inputs).permute(0, 3, 1, 2)
        wanted = self.from_pixels(crops.planes).permute(0, 1, 4, 2, 3).flatten(1, 2)
        fit_start(network, images, wanted, seeds.generator(run.seed, "fitted start"))
