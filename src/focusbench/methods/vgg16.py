"""VGG16 as a predictor of defocus levels (He et al. 2020, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.networks.vgg16 import Vgg16 as Network
from focusbench.training.level_classifier import LevelClassifier


@dataclass(frozen=True)
class Vgg16(LevelClassifier):
    """Plain and large, without normalisation and dropout; it accepts patches of one size alone.

    Parameters
    ----------
    side, ..., precision
        Those of `training.level_classifier.LevelClassifier`; `side` is 32 or more.
    """

    name: ClassVar[str] = "vgg16"

    def network(self) -> Network:
        """Build the network."""
        return Network(self.width, self.classes, size=self.side)
