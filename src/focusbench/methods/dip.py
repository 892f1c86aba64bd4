"""Deep image prior without pretraining (Azevedo et al. 2024, "DIP (No Pretr)")."""

from __future__ import annotations

from dataclasses import dataclass

from focusbench.networks.skip_3d import Skip3d
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.training import deep_prior, precision, seeds
from focusbench.training.loop import iterate


@dataclass(frozen=True)
class Dip:
    """A network, fitted to a constant first, learns to put out what explains the observation.

    Defaults are those of the paper and its code: Adam at 1e-3 for 30,000 steps on the mean absolute
    error of the images, after 500 steps at 1e-3 towards the constant 0.75; input uniform in
    (0, 0.1) and fixed. Input and initial weights follow from the run's seed alone, whatever the
    device.

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

    def __post_init__(self) -> None:
        deep_prior.check_parameters(
            self,
            counts=("width", "scales", "skip"),
            steps=("steps", "constant_steps"),
            positive=("learning_rate", "input_scale", "constant", "constant_learning_rate"),
        )
        if self.constant >= 1:
            raise ValueError(f"constant is {self.constant!r}; a number between 0 and 1 is accepted")
        precision.check(self.precision)

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Estimate the transmittance per um (Z, Y, X), float32 in (0, 1).

        It is what the network put out in the last step. `weights` are not used.

        Raises
        ------
        InputError
            The problem has no imaging model, or is no stack (Z, Y, X).
        """
        deep_prior.check_problem(problem, "dip")
        with seeds.seeded(run.seed, "network"):
            network = Skip3d(self.width, self.scales, self.skip)
        network.to(run.device)
        noise = deep_prior.noise_input(problem.observed.shape, self.input_scale, run)
        start = deep_prior.ConstantFit(
            network,
            noise,
            self.constant,
            self.constant_learning_rate,
            run.device,
            self.precision,
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
            after=outcome,
        )
