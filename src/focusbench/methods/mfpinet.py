"""MFPINet: all focal planes at once from a coarse image (Ma et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.networks.mfpinet import Mfpinet as Network
from focusbench.training.planes_learning import PlanesLearning


@dataclass(frozen=True)
class Mfpinet(PlanesLearning):
    """The paper's own network, against its discriminator.

    Parameters
    ----------
    epochs, ..., processes
        Those of `training.planes_learning.PlanesLearning`.
    """

    name: ClassVar[str] = "mfpinet"

    def network(self, planes: int) -> Network:
        """Build the generator."""
        return Network(self.width, planes, scale=self.scale)
