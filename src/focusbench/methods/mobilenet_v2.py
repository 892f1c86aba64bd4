"""MobileNet v2 as a predictor of defocus levels (He et al. 2020, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.networks.mobilenet_v2 import MobilenetV2 as Network
from focusbench.training.level_classifier import LevelClassifier


@dataclass(frozen=True)
class MobilenetV2(LevelClassifier):
    """Light, for mobile devices.

    Parameters
    ----------
    side, ..., precision
        Those of `training.level_classifier.LevelClassifier`.
    keras_momentum
        Of batch normalisation: share of the running statistics that a step keeps. The default is
        that of Keras' build; the paper changed it in DelpNet alone.
    """

    keras_momentum: float = 0.999

    name: ClassVar[str] = "mobilenet_v2"

    def network(self) -> Network:
        """Build the network."""
        return Network(self.width, self.classes, keras_momentum=self.keras_momentum)
