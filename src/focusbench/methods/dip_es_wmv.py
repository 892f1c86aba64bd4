"""Deep image prior, stopped by its windowed moving variance (Azevedo et al. 2024, Table 3)."""

from __future__ import annotations

from dataclasses import dataclass

from focusbench.parameters import check_parameters
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.training import deep_prior
from focusbench.training.constant_start import ConstantStart


@dataclass(frozen=True)
class DipEsWmv(ConstantStart):
    """`dip`, ended when the variance of its last iterates had no new minimum for long.

    With one seed its iterates are those of `dip`, so that it costs a part of that run. The paper's
    rows are "DIP + Early Stopping" (section 3, "Stopping Criterion"): without pretraining, as the
    best PSNR behind its Table 3 (PSNR by ratio) has the mean of the plain DIP in Table 2. The paper
    gives neither window nor patience; the defaults are those of Wang et al. 2022, whom it follows.

    Parameters
    ----------
    steps, ..., cuda_graph
        Those of `training.constant_start.ConstantStart`; `steps` is the most that is done.
    window
        Iterates that are compared (W).
    patience
        Steps without a new minimum after which it ends (P).
    """

    window: int = 100
    patience: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        deep_prior.check_window(self.window, least=2)
        check_parameters(self, counts=("patience",))

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Estimate the transmittance per um (Z, Y, X), float32 in (0, 1).

        It is what the network put out when the variance was lowest. `weights` are not used.

        Raises
        ------
        InputError
            The problem has no imaging model, or is no stack (Z, Y, X).
        """
        stopping = deep_prior.windowed_stopping(self.window, self.patience)
        return self.restore_from_constant("dip_es_wmv", problem, run, stopping, ends=True)
