"""MFPINet: all focal planes at once from a coarse image (Ma et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.training.mfpinet_learning import MfpinetLearning


@dataclass(frozen=True)
class Mfpinet(MfpinetLearning):
    """The paper's own network, against its discriminator.

    Parameters
    ----------
    epochs, ..., start
        Those of `training.mfpinet_learning.MfpinetLearning`.
    """

    name: ClassVar[str] = "mfpinet"
