"""The deep image prior that was fitted to a constant first: what `dip` and its stopped forms share.

Azevedo et al. 2024, sections 3 and 4: "No Pretr".
"""

from __future__ import annotations

from dataclasses import dataclass

from focusbench.parameters import check_parameters
from focusbench.problem import Problem, Restoration, Run
from focusbench.training import deep_prior
from focusbench.training.early_stopping import EarlyStopping
from focusbench.training.skip_prior import SkipPrior


@dataclass(frozen=True)
class ConstantStart(SkipPrior):
    """Parameters of the deep image prior without pretraining, and its run.

    With one seed, all methods that are built on this pass through the same iterates.

    Parameters
    ----------
    steps, ..., cuda_graph
        Those of `training.skip_prior.SkipPrior`.
    constant, constant_steps, constant_learning_rate
        Of the fit before the reconstruction; `constant` is a transmittance per um.
    """

    constant: float = 0.75
    constant_steps: int = 500
    constant_learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_parameters(
            self,
            counts_or_0=("constant_steps",),
            positive=("constant", "constant_learning_rate"),
        )
        if self.constant >= 1:
            raise ValueError(f"constant is {self.constant!r}; a number between 0 and 1 is accepted")

    def restore_from_constant(
        self,
        method: str,
        problem: Problem,
        run: Run,
        stopping: EarlyStopping | None,
        ends: bool,
    ) -> Restoration:
        """Fit to the constant, then to the observation; see `deep_prior.reconstruct`.

        Raises
        ------
        InputError
            The problem has no imaging model, or is no stack (Z, Y, X); `method` names who says so.
        """
        deep_prior.check_problem(problem, method)
        return self.fit_and_reconstruct(
            self.constant,
            self.constant_steps,
            self.constant_learning_rate,
            problem,
            run,
            phase="constant",
            stopping=stopping,
            ends=ends,
        )
