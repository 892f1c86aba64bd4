"""MFPINet for an image of full resolution (Ma et al. 2021, supplement B)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from focusbench.networks.mfpinet import Mfpinet as Network
from focusbench.training.planes_learning import PlanesLearning


@dataclass(frozen=True)
class MfpinetHrInput(PlanesLearning):
    """MFPINet whose end divides no pixel: it keeps the resolution and makes the planes.

    Parameters
    ----------
    epochs, ..., processes
        Those of `training.planes_learning.PlanesLearning`.
    """

    name: ClassVar[str] = "mfpinet_hr_input"
    scale: ClassVar[int] = 1

    @property
    def architecture(self) -> dict[str, Any]:
        """What weights must agree on to fit this method: `mfpinet` at a scale of 1."""
        return {**super().architecture, "network": "mfpinet"}

    def network(self, planes: int) -> Network:
        """Build the generator."""
        return Network(self.width, planes, scale=self.scale)
