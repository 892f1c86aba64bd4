"""A U-Net taught by pairs to come close in squares (Lim et al. 2020, "MSE loss")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.problem import Run
from focusbench.training.paired import PairLearner
from focusbench.training.sharpening import Sharpening
from focusbench.training.volumes import PairedVolumes


@dataclass(frozen=True)
class SupervisedMse(Sharpening):
    """The U-Net alone, on the mean squared error (section IV-C).

    Parameters
    ----------
    steps, ..., overlap
        Those of `training.sharpening.Sharpening`.
    """

    name: ClassVar[str] = "supervised_mse"

    def learner(self, data: PairedVolumes, run: Run) -> PairLearner:
        """Return the network and its optimiser at the start of a training."""
        return PairLearner(self, data, run)
