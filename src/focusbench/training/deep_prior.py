"""Fitting a network: what the deep image prior and its pretraining share.

Azevedo et al. 2024, section 3: a network maps a fixed grid of noise to the transmittance, and its
parameters are sought so that the imaging model, applied to what it puts out, gives the observation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from focusbench.errors import InputError
from focusbench.problem import Forward, Problem, Restoration, Run
from focusbench.training import cuda_graph, optimizers, precision, seeds
from focusbench.training.early_stopping import EarlyStopping, Watched, WindowedVariance
from focusbench.training.loop import Outcome, iterate


class NetworkStepper(ABC):
    """Steps of Adam on a loss that a subclass defines; `loss` also sets `output`.

    `estimate` is what the network put out within the last step, before its parameters moved: no
    pass of its own is spent on it.

    With `graph`, steps on CUDA are recorded and replayed; `loss` must then use the same tensors in
    every step and no random numbers.
    """

    finished = False

    def __init__(
        self,
        network: nn.Module,
        learning_rate: float,
        device: str,
        digits: str = "float32",
        graph: bool = False,
    ) -> None:
        self.network = network
        self.optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
        self.device = device
        self.digits = digits
        self.output: Tensor | None = None
        self.graph = cuda_graph.GraphedStep(self._launch, device) if graph else None
        cuda_graph.fit_adam(self.optimizer, graph and device == "cuda")

    @abstractmethod
    def loss(self) -> Tensor:
        """Return the loss of this step, and set `output` (Z, Y, X)."""

    def predict(self, volumes: Tensor) -> Tensor:
        """Apply the network to (N, 1, Z, Y, X) at the precision of the run."""
        with precision.autocast(self.device, self.digits):
            return self.network(volumes)

    def step(self) -> float:
        """Move the parameters once; return the loss before."""
        with precision.arithmetic(self.digits):
            loss, self.output = self.graph() if self.graph else self._launch()
        return loss.item()

    def _launch(self) -> tuple[Tensor, Tensor]:
        """Do a step on the device without waiting for it; return loss and output."""
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        return loss.detach(), self.output

    def estimate(self) -> Tensor:
        """Return the last output (Z, Y, X); where there was no step yet, that of the start."""
        if self.output is None:
            with torch.no_grad(), precision.arithmetic(self.digits):
                self.loss()
        return self.output

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Parameters, moments and last output."""
        tensors, scalars = optimizers.pack(self.optimizer)
        tensors |= {f"network/{name}": value for name, value in self.network.state_dict().items()}
        if self.output is not None:
            tensors["output"] = self.output
        return tensors, {"optimizer": scalars}

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        start = "network/"
        self.network.load_state_dict(
            {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}
        )
        optimizers.unpack(self.optimizer, tensors, scalars["optimizer"])
        cuda_graph.fit_adam(self.optimizer, self.graph is not None and self.device == "cuda")
        if self.graph:
            self.graph.reset()
        self.output = tensors["output"].to(self.device) if "output" in tensors else None


class VolumeFit(NetworkStepper):
    """Teach the network to put out a given volume (Z, Y, X) or constant: mean squared error."""

    def __init__(
        self,
        network: nn.Module,
        noise: Tensor,
        target: Tensor | float,
        learning_rate: float,
        device: str,
        digits: str = "float32",
        graph: bool = False,
    ) -> None:
        super().__init__(network, learning_rate, device, digits, graph)
        self.noise = noise
        self.target = torch.empty_like(noise)
        self.target[:] = target

    def loss(self) -> Tensor:
        """Mean squared distance from the target."""
        volume = self.predict(self.noise)
        self.output = volume.detach()[0, 0]
        return functional.mse_loss(volume, self.target)


class Reconstruction(NetworkStepper):
    """Make the imaging model of the output meet the observation: mean absolute error (L_DIP)."""

    def __init__(
        self,
        network: nn.Module,
        noise: Tensor,
        forward: Forward,
        observed: Tensor,
        learning_rate: float,
        device: str,
        digits: str = "float32",
        graph: bool = False,
    ) -> None:
        super().__init__(network, learning_rate, device, digits, graph)
        self.noise = noise
        self.forward = forward
        self.observed = observed

    def loss(self) -> Tensor:
        """Mean absolute distance of the images."""
        volume = self.predict(self.noise)[0, 0]
        self.output = volume.detach()
        return functional.l1_loss(self.forward.apply(volume), self.observed)


def noise_input(shape: tuple[int, ...], scale: float, run: Run) -> Tensor:
    """Input that stays fixed: uniform in (0, `scale`), (1, 1, Z, Y, X), equal on every device."""
    noise = torch.rand(1, 1, *shape, generator=seeds.generator(run.seed, "input"))
    return (scale * noise).to(run.device)


def reconstruct(
    network: nn.Module,
    noise: Tensor,
    problem: Problem,
    run: Run,
    *,
    steps: int,
    learning_rate: float,
    digits: str,
    graph: bool = False,
    after: Outcome | None = None,
    stopping: EarlyStopping | None = None,
    ends: bool = False,
) -> Restoration:
    """Run the deep image prior from the network's present parameters.

    `iterations` and `evaluations` of the result count the steps with the imaging model; a phase
    before (`after`) needs none.

    What `stopping` sees is told in `details["early_stopping"]`, and there under `ends` whether it
    may end the run. If it `ends` the run, the estimate is the one that it keeps; if it only looks
    on, that one is among `others`, under the name of its criterion, and the estimate is that of the
    last step. Before its first variance it keeps none: then the estimate is that of the last step,
    and there are no others.
    """
    observed = torch.as_tensor(problem.observed, dtype=torch.float32, device=run.device)
    stepper = Reconstruction(
        network, noise, problem.forward, observed, learning_rate, run.device, digits, graph
    )
    if stopping is not None:
        stepper = Watched(stepper, stopping, ends, run.device)
    outcome = iterate(stepper, steps, run, phase="reconstruction", after=after)
    out_of_time = outcome.out_of_time or (after is not None and after.out_of_time)
    estimate = stepper.estimate()
    others: dict[str, np.ndarray] = {}
    details: dict[str, Any] = {}
    if stopping is not None:
        details["early_stopping"] = {**stopping.details(), "ends": ends}
        if stopping.best is not None and ends:
            estimate = stopping.best
        elif stopping.best is not None:
            others[stopping.variance.criterion] = stopping.best.cpu().numpy()
    return Restoration(
        estimate=estimate.cpu().numpy(),
        iterations=outcome.steps,
        evaluations=outcome.steps,
        repeatable=not out_of_time,
        others=others,
        details=details,
    )


def windowed_stopping(window: int, patience: int) -> EarlyStopping | None:
    """Return ES-WMV; None where `window` is 0, which stands for none."""
    return EarlyStopping(WindowedVariance(window), patience) if window else None


def check_window(window: object, least: int) -> None:
    """Raise ValueError unless `window` fits `windowed_stopping`: `least` 0 allows for none."""
    whole = isinstance(window, int) and not isinstance(window, bool)
    if not whole or window < least or window == 1:
        also = "0 (not watched) or " if least == 0 else ""
        raise ValueError(f"window is {window!r}; {also}a whole number from 2 up is accepted")


def check_problem(problem: Problem, method: str) -> None:
    """Raise InputError unless `problem` is a focal stack (Z, Y, X) with a known imaging model."""
    if problem.forward is None:
        raise InputError(f"{method}: the problem has no imaging model; one is needed")
    if problem.axes != "ZYX" or problem.observed.ndim != 3:
        raise InputError(
            f"{method}: the observation has axes {problem.axes} and shape "
            f"{problem.observed.shape}; a stack with axes ZYX is accepted"
        )
