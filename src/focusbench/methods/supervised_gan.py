"""A U-Net taught by pairs and by a discriminator (Lim et al. 2020, "GAN loss")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.parameters import check_parameters, check_switches
from focusbench.problem import Run
from focusbench.training.adversarial import ONE_ZERO, PLUS_MINUS
from focusbench.training.paired import PairGanLearner
from focusbench.training.sharpening import Sharpening
from focusbench.training.volumes import PairedVolumes


@dataclass(frozen=True)
class SupervisedGan(Sharpening):
    """The U-Net with a least-squares GAN loss, "which is not cyclic" (section IV-C).

    The paper prints no more than that and cites Isola et al. 2017, after whom this is made: mean
    absolute error with weight 100 beside the adversarial loss, a discriminator that sees the
    blurred volume too, Adam with beta1 0.5, and initial weights of standard deviation 0.02.

    Parameters
    ----------
    steps, ..., overlap
        Those of `training.sharpening.Sharpening`.
    fidelity_weight
        Of the mean absolute error.
    conditional
        Whether the discriminator sees the blurred volume too.
    history
        Made volumes kept to be shown again. Section III-B keeps 50 for "both models", taken for
        the two cycleGANs; Isola et al. keep none.
    discriminator_width, plus_minus
        As of `training.cycle_sharpening.CycleSharpening`.
    """

    beta1: float = 0.5
    initial_sigma: float = 0.02
    fidelity_weight: float = 100.0
    conditional: bool = True
    history: int = 0
    discriminator_width: int = 32
    plus_minus: bool = True

    name: ClassVar[str] = "supervised_gan"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_parameters(
            self,
            counts=("discriminator_width",),
            counts_or_0=("history",),
            positive_or_0=("fidelity_weight",),
        )
        check_switches(self, "conditional", "plus_minus")

    def learner(self, data: PairedVolumes, run: Run) -> PairGanLearner:
        """Return the networks and optimisers at the start of a training."""
        return PairGanLearner(
            self,
            data,
            run,
            weight=self.fidelity_weight,
            conditional=self.conditional,
            targets=PLUS_MINUS if self.plus_minus else ONE_ZERO,
            history=self.history,
            discriminator_width=self.discriminator_width,
        )
