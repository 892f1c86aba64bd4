"""Deep image prior that starts from a fit to ellipsoids (Azevedo et al. 2024, "Pretr I")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from focusbench.data import ellipsoids
from focusbench.parameters import check_parameters
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.training import deep_prior, seeds
from focusbench.training.skip_prior import SkipPrior


@dataclass(frozen=True)
class DipPretrain1(SkipPrior):
    """The network first learns to put out one volume of ellipsoids from the noise it keeps.

    The paper starts the restoration from "the 3D UNet input and its parameters" of that fit
    (section 3). The input is as large as the volume to restore, so the fit belongs to a
    restoration, not to a training that others share: it is done within `restore`, in place of
    `dip`'s fit to a constant, and its time counts as the restoration's.

    Defaults are those of the paper and its code: 750 steps of Adam at 1e-3 on the mean squared
    error, then 30,000 steps of the deep image prior. The ellipsoids, too, follow from the run's
    seed; they are drawn apart from those of `dip_pretrain_2` and of the phantom.

    Parameters
    ----------
    pretrain_steps, pretrain_learning_rate
        Of the fit to the ellipsoids.
    steps, ..., cuda_graph
        Those of `training.skip_prior.SkipPrior`.
    window, patience
        As those of `dip`.
    """

    pretrain_steps: int = 750
    pretrain_learning_rate: float = 1e-3
    window: int = 100
    patience: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_parameters(
            self,
            counts=("patience",),
            counts_or_0=("pretrain_steps",),
            positive=("pretrain_learning_rate",),
        )
        deep_prior.check_window(self.window, least=0)

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Estimate the transmittance per um (Z, Y, X), float32 in (0, 1).

        It is what the network put out in the last step. `weights` are not used.

        Raises
        ------
        InputError
            A problem that `dip` would refuse.
        """
        deep_prior.check_problem(problem, "dip_pretrain_1")
        volume = ellipsoid_volume(problem.observed.shape, run.seed)
        return self.fit_and_reconstruct(
            torch.from_numpy(volume).to(run.device),
            self.pretrain_steps,
            self.pretrain_learning_rate,
            problem,
            run,
            phase="ellipsoids",
            stopping=deep_prior.windowed_stopping(self.window, self.patience),
        )


def ellipsoid_volume(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Transmittance 1 - Y of one set of ellipsoids, float32 (Z, Y, X); see `data.ellipsoids`.

    Where Y and X differ, it is the middle of a volume that is square: ellipsoids keep their form.
    """
    drawn = ellipsoids.draw(np.random.default_rng(seeds.derive(seed, "ellipsoids")))
    slices, height, width = shape
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    volume = 1 - ellipsoids.absorbance(drawn, side, slices)
    return np.ascontiguousarray(volume[:, top : top + height, left : left + width])
