"""Deep image prior, stopped by an exponential moving variance (Wang et al. 2022, ES-EMV)."""

from __future__ import annotations

from dataclasses import dataclass

from focusbench.parameters import check_parameters
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.training.constant_start import ConstantStart
from focusbench.training.early_stopping import EarlyStopping, MovingVariance


@dataclass(frozen=True)
class DipEsEmv(ConstantStart):
    """`dip_es_wmv` with a variance that needs no window of volumes; not in Azevedo et al. 2024.

    Parameters
    ----------
    steps, ..., cuda_graph
        Those of `training.constant_start.ConstantStart`; `steps` is the most that is done.
    alpha
        Weight of the newest iterate in mean and variance.
    patience
        Steps without a new minimum after which it ends (P).
    warm_up
        First steps that do not count: the variance begins at 0.
    """

    alpha: float = 0.1
    patience: int = 1000
    warm_up: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        check_parameters(self, counts=("patience",), counts_or_0=("warm_up",), positive=("alpha",))
        if self.alpha >= 1:
            raise ValueError(f"alpha is {self.alpha!r}; a number between 0 and 1 is accepted")

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Estimate the transmittance per um (Z, Y, X), float32 in (0, 1).

        It is what the network put out when the variance was lowest. `weights` are not used.

        Raises
        ------
        InputError
            The problem has no imaging model, or is no stack (Z, Y, X).
        """
        stopping = EarlyStopping(MovingVariance(self.alpha), self.patience, self.warm_up)
        return self.restore_from_constant("dip_es_emv", problem, run, stopping, ends=True)
