"""The deep image prior with the network `skip_3d`: what all its methods have in common.

Azevedo et al. 2024, sections 3 and 4. Methods differ in what the network has learned before.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from focusbench.networks.skip_3d import Skip3d
from focusbench.parameters import check_parameters, check_switches
from focusbench.problem import Problem, Restoration, Run
from focusbench.training import deep_prior, precision, seeds
from focusbench.training.early_stopping import EarlyStopping
from focusbench.training.loop import Outcome, iterate


@dataclass(frozen=True)
class SkipPrior:
    """Parameters of network, input and reconstruction, and the run.

    Input and initial weights follow from the run's seed alone, whatever the device.

    Parameters
    ----------
    steps, learning_rate
        Of the reconstruction.
    width, scales, skip
        Of the network `skip_3d`.
    input_scale
        Upper end of the input's values.
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
    precision: str = "float32"
    cuda_graph: bool = False

    def __post_init__(self) -> None:
        check_parameters(
            self,
            counts=("width", "scales", "skip"),
            counts_or_0=("steps",),
            positive=("learning_rate", "input_scale"),
        )
        check_switches(self, "cuda_graph")
        precision.check(self.precision)

    def new_network(self, run: Run) -> Skip3d:
        """Network with the initial weights of the run's seed, on its device."""
        with seeds.seeded(run.seed, "network"):
            network = Skip3d(self.width, self.scales, self.skip)
        return network.to(run.device)

    def reconstruct(
        self,
        network: Skip3d,
        noise: Tensor,
        problem: Problem,
        run: Run,
        *,
        after: Outcome | None = None,
        stopping: EarlyStopping | None = None,
        ends: bool = False,
    ) -> Restoration:
        """Go on from the network's present parameters; see `deep_prior.reconstruct`."""
        return deep_prior.reconstruct(
            network,
            noise,
            problem,
            run,
            steps=self.steps,
            learning_rate=self.learning_rate,
            digits=self.precision,
            graph=self.cuda_graph,
            after=after,
            stopping=stopping,
            ends=ends,
        )

    def fit_and_reconstruct(
        self,
        target: Tensor | float,
        steps: int,
        learning_rate: float,
        problem: Problem,
        run: Run,
        *,
        phase: str,
        stopping: EarlyStopping | None = None,
        ends: bool = False,
    ) -> Restoration:
        """Teach a new network to put out `target`, then make it explain the observation.

        Parameters
        ----------
        target
            Transmittance per um: a volume of the observation's shape on the run's device, or one
            number for all voxels.
        steps, learning_rate
            Of this first fit, on the mean squared error and from the same input.
        phase
            Its name for the loop. Its steps enter no trace; its time counts.
        stopping, ends
            As in `deep_prior.reconstruct`.
        """
        network = self.new_network(run)
        noise = deep_prior.noise_input(problem.observed.shape, self.input_scale, run)
        start = deep_prior.VolumeFit(
            network, noise, target, learning_rate, run.device, self.precision, self.cuda_graph
        )
        outcome = iterate(start, steps, run, phase=phase, monitored=False)
        del start  # its moments
        return self.reconstruct(
            network, noise, problem, run, after=outcome, stopping=stopping, ends=ends
        )
