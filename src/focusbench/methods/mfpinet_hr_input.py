"""MFPINet for an image of full resolution (Ma et al. 2021, supplement B)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from focusbench.training.mfpinet_learning import MfpinetLearning


@dataclass(frozen=True)
class MfpinetHrInput(MfpinetLearning):
    """MFPINet whose end divides no pixel: it keeps the resolution and makes the planes.

    Parameters
    ----------
    epochs, ..., start
        Those of `training.mfpinet_learning.MfpinetLearning`.
    """

    name: ClassVar[str] = "mfpinet_hr_input"
    scale: ClassVar[int] = 1

    @property
    def architecture(self) -> dict[str, Any]:
        """What weights must agree on to fit this method: `mfpinet` at a scale of 1."""
        return {**super().architecture, "network": "mfpinet"}
