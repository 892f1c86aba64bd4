"""Ours: a U-Net of NAFNet's blocks with MFPINet's head and end, at MFPINet's cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from focusbench.networks.refocus_naf import BLOCKS, MIDDLE
from focusbench.networks.refocus_naf import RefocusNaf as Network
from focusbench.parameters import check_switches
from focusbench.training.planes_learning import PlanesLearning


@dataclass(frozen=True)
class RefocusNaf(PlanesLearning):
    """MFPINet's training, and discriminator, with another trunk.

    Parameters
    ----------
    epochs, ..., processes
        Those of `training.planes_learning.PlanesLearning`.
    blocks, middle, skip
        Of the network, see `networks.refocus_naf`.
    """

    blocks: Sequence[int] = BLOCKS
    middle: int = MIDDLE
    skip: bool = True

    name: ClassVar[str] = "refocus_naf"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_switches(self, "skip")
        with torch.device("meta"):  # the network's own checks, at no cost
            self.network(1)

    @property
    def architecture(self) -> dict[str, Any]:
        """What weights must agree on to fit this method."""
        trunk = {"blocks": list(self.blocks), "middle": self.middle, "skip": self.skip}
        return {**super().architecture, **trunk}

    def network(self, planes: int) -> Network:
        """Build the generator."""
        return Network(
            self.width, self.blocks, self.middle, planes, scale=self.scale, skip=self.skip
        )
