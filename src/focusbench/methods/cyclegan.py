"""The conventional cycleGAN: two U-Nets (Lim et al. 2020, section IV-C, after Lee et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.training.cycle_sharpening import CycleSharpening


@dataclass(frozen=True)
class Cyclegan(CycleSharpening):
    """One U-Net sharpens, another blurs; either has a discriminator.

    Parameters
    ----------
    steps, ..., plus_minus
        Those of `training.cycle_sharpening.CycleSharpening`.
    """

    name: ClassVar[str] = "cyclegan"
    blur: ClassVar[str] = "network"
