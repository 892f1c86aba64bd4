"""The published iterative method (Yamaguchi et al. 2020, as Azevedo et al. 2024 ran it)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.optics.even_absorption import even_absorption
from focusbench.optics.rays import MIN_TRANSMITTANCE
from focusbench.parameters import check_parameters
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.solvers.tv import squared_differences
from focusbench.training import optimizers
from focusbench.training.loop import iterate, restored


@dataclass(frozen=True)
class Iterative:
    """Least squares with a smoothness term, by Adam on the log-transmittance.

    Minimises the sum of squared residuals over all focus images + `mu` * the sum over voxels and
    the three axes of squared forward differences of the log-transmittance (per um), from
    I^(1/L). The paper calls the second term TV, the authors' code squares it.

    Nothing published keeps the log-transmittance below 0, so nothing does here: voxels may amplify
    light on the way. The estimate that is reported, to the monitor too, is clipped to [1e-4, 1].

    Parameters
    ----------
    steps
        Azevedo et al. 2024, 4.1: 30 thousand.
    learning_rate
        4.1: a constant 5e-3; Adam's other parameters are its standard ones.
    mu
        4.1: 1e-3.
    """

    steps: int = 30_000
    learning_rate: float = 5e-3
    mu: float = 1e-3

    def __post_init__(self) -> None:
        check_parameters(self, counts=("steps",), positive_or_0=("mu",))
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate is {self.learning_rate!r}; it must be above 0")

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Do `steps` steps of Adam.

        Raises
        ------
        InputError
            The imaging model is unknown.
        """
        if problem.forward is None:
            raise InputError("iterative: the problem has no imaging model; a ray model is needed")
        stepper = AdamStepper(self, problem, run.device)
        outcome = iterate(stepper, self.steps, run)
        return restored(stepper, outcome)


class AdamStepper:
    """The iteration; its loss is that of the volume before the step."""

    finished = False

    def __init__(self, method: Iterative, problem: Problem, device: str) -> None:
        start = even_absorption(problem.observed, problem.voxel_size[0])
        self.log_transmittance = torch.from_numpy(start).log().to(device).requires_grad_()
        self.optimizer = torch.optim.Adam([self.log_transmittance], lr=method.learning_rate)
        self._mu = method.mu
        self._observed = torch.from_numpy(problem.observed).to(device)
        self._rays = problem.forward.rays.to(device)

    def step(self) -> float:
        """Do one step of Adam."""
        self.optimizer.zero_grad()
        residual = self._rays(self.log_transmittance) - self._observed
        misfit = residual.square().sum(dtype=torch.float64)
        misfit.backward()
        penalty, gradient = squared_differences(self.log_transmittance.detach())
        self.log_transmittance.grad.add_(gradient, alpha=self._mu)
        self.optimizer.step()
        return misfit.item() + self._mu * penalty

    def estimate(self) -> Tensor:
        """Transmittance per um, in [1e-4, 1]."""
        return self.log_transmittance.detach().exp().clamp(MIN_TRANSMITTANCE, 1.0)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Volume and moments."""
        tensors, scalars = optimizers.pack(self.optimizer)
        return {"log_transmittance": self.log_transmittance.detach(), **tensors}, {
            "optimizer": scalars
        }

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        with torch.no_grad():
            self.log_transmittance.copy_(tensors["log_transmittance"])
        optimizers.unpack(self.optimizer, tensors, scalars["optimizer"])
