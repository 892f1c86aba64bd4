"""Deep image prior without pretraining (Azevedo et al. 2024, "DIP (No Pretr)")."""

from __future__ import annotations

from dataclasses import dataclass

from focusbench.parameters import check_parameters
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.training import deep_prior
from focusbench.training.constant_start import ConstantStart


@dataclass(frozen=True)
class Dip(ConstantStart):
    """A network, fitted to a constant first, learns to put out what explains the observation.

    Defaults are those of the paper and its code: Adam at 1e-3 for 30,000 steps on the mean absolute
    error of the images, after 500 steps at 1e-3 towards the constant 0.75; input uniform in
    (0, 0.1) and fixed.

    Early stopping (ES-WMV) looks on and ends nothing: the run also gives the estimate that it would
    have kept, `others["es_wmv"]`.

    Parameters
    ----------
    steps, ..., cuda_graph
        Those of `training.constant_start.ConstantStart`.
    window, patience
        Of the early stopping that looks on, as in `dip_es_wmv`; window 0: none.
    """

    window: int = 100
    patience: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        deep_prior.check_window(self.window, least=0)
        check_parameters(self, counts=("patience",))

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Estimate the transmittance per um (Z, Y, X), float32 in (0, 1).

        It is what the network put out in the last step. `weights` are not used.

        Raises
        ------
        InputError
            The problem has no imaging model, or is no stack (Z, Y, X).
        """
        stopping = deep_prior.windowed_stopping(self.window, self.patience)
        return self.restore_from_constant("dip", problem, run, stopping, ends=False)
