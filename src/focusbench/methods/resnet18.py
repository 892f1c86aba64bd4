"""ResNet18 as a predictor of defocus levels (He et al. 2020, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.networks.resnet18 import Resnet18 as Network
from focusbench.training.level_classifier import LevelClassifier


@dataclass(frozen=True)
class Resnet18(LevelClassifier):
    """Residual learning.

    Parameters
    ----------
    side, ..., precision
        Those of `training.level_classifier.LevelClassifier`.
    keras_momentum
        Of batch normalisation: share of the running statistics that a step keeps. The default is
        that of Keras' build; the paper changed it in DelpNet alone.
    """

    keras_momentum: float = 0.99

    name: ClassVar[str] = "resnet18"

    def network(self) -> Network:
        """Build the network."""
        return Network(self.width, self.classes, keras_momentum=self.keras_momentum)
