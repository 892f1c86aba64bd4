"""The deep image prior that was fitted to a constant first: what `dip` and its stopped forms share.

Azevedo et al. 2024, sections 3 and 4: "No Pretr".
"""

from __future__ import annotations

from dataclasses import dataclass

from focusbench.networks.skip_3d import Skip3d
from focusbench.problem import Problem, Restoration, Run
from focusbench.training import deep_prior, precision, seeds
from focusbench.training.early_stopping import EarlyStopping
from focusbench.training.loop import iterate


@dataclass(frozen=True)
class ConstantStart:
    """Parameters of the deep image prior without pretraining, and its run.

    Input and initial weights follow from the run's seed alone, whatever the device: with one seed,
    all methods that are built on this pass through the same iterates.

    Parameters
    ----------
    steps, learning_rate
        Of the reconstruction.
    width, scales, skip
        Of the network `skip_3d`.
    input_scale
        Upper end of the input's values.
    constant, constant_steps, constant_learning_rate
        Of the fit before it; `constant` is a transmittance per um.
    precision
        "float32", "tf32" or "bfloat16" (the latter two on CUDA; the CPU knows no tf32).
    cuda_graph
        On CUDA, record a step once and replay it.
    """

    steps: int = 30_000
    learning_rate: float = 1e-3
    width: int = 128
    scales: int = 3
    skip: int = 4
    input_scale: float = 0.1
    constant: float = 0.75
    constant_steps: int = 500
    constant_learning_rate: float = 1e-3
    precision: str = "float32"
    cuda_graph: bool = False

    def __post_init__(self) -> None:
        deep_prior.check_parameters(
            self,
            counts=("width", "scales", "skip"),
            steps=("steps", "constant_steps"),
            positive=("learning_rate", "input_scale", "constant", "constant_learning_rate"),
        )
        if self.constant >= 1:
            raise ValueError(f"constant is {self.constant!r}; a number between 0 and 1 is accepted")
        deep_prior.check_switches(self, "cuda_graph")
        precision.check(self.precision)

    def reconstruct(
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
        with seeds.seeded(run.seed, "network"):
            network = Skip3d(self.width, self.scales, self.skip)
        network.to(run.device)
        noise = deep_prior.noise_input(problem.observed.shape, self.input_scale, run)
        start = deep_prior.VolumeFit(
            network,
            noise,
            self.constant,
            self.constant_learning_rate,
            run.device,
            self.precision,
            self.cuda_graph,
        )
        outcome = iterate(start, self.constant_steps, run, phase="constant", monitored=False)
        del start  # its moments
        return deep_prior.reconstruct(
            network,
            noise,
            problem,
            run,
            steps=self.steps,
            learning_rate=self.learning_rate,
            digits=self.precision,
            graph=self.cuda_graph,
            after=outcome,
            stopping=stopping,
            ends=ends,
        )
