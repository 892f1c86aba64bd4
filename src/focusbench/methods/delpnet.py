"""DelpNet: a plain network that tells how far a patch is out of focus (He et al. 2020, 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from focusbench.networks.delpnet import BLOCKS
from focusbench.networks.delpnet import Delpnet as Network
from focusbench.training.level_classifier import LevelClassifier


@dataclass(frozen=True)
class Delpnet(LevelClassifier):
    """The paper's own network.

    Parameters
    ----------
    side, ..., precision
        Those of `training.level_classifier.LevelClassifier`.
    dropout
        Share of features left out in training; 0: without dropout. The paper prints no share.
    batch_norm
        Whether each convolution is normalised.
    keras_momentum
        Share of the running statistics that a step keeps; the paper compares 0.99, 0.60 and 0.40.
    blocks
        Channels of the convolutions, in blocks with pooling between them. The paper prints none;
        several choices meet its size, see `networks.delpnet`.
    """

    dropout: float = 0.25
    batch_norm: bool = True
    keras_momentum: float = 0.6
    blocks: Sequence[Sequence[int]] = BLOCKS

    name: ClassVar[str] = "delpnet"

    @property
    def architecture(self) -> dict[str, Any]:
        """What weights must agree on to fit this predictor."""
        blocks = [list(block) for block in self.blocks]
        return {**super().architecture, "batch_norm": self.batch_norm, "blocks": blocks}

    def network(self) -> Network:
        """Build the network."""
        return Network(
            self.width,
            self.classes,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
            keras_momentum=self.keras_momentum,
            blocks=self.blocks,
        )
