"""Fitting a network: what the deep image prior and its pretraining share.

Azevedo et al. 2024, section 3: a network maps a fixed grid of noise to the transmittance, and its
parameters are sought so that the imaging model, applied to what it puts out, gives the observation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from focusbench.errors import InputError
from focusbench.problem import Forward, Problem, Restoration, Run
from focusbench.training import optimizers, precision, seeds
from focusbench.training.loop import Outcome, iterate


class NetworkStepper(ABC):
    """Steps of Adam on a loss that a subclass defines; `loss` also sets `output`.

    `estimate` is what the network put out within the last step, before its parameters moved: no
    pass of its own is spent on it.
    """

    finished = False

    def __init__(
        self, network: nn.Module, learning_rate: float, device: str, digits: str = "float32"
    ) -> None:
        self.network = network
        self.optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
        self.device = device
        self.digits = digits
        self.output: Tensor | None = None

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
            self.optimizer.zero_grad()
            loss = self.loss()
            loss.backward()
            self.optimizer.step()
        return loss.item()

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
        self.output = tensors["output"].to(self.device) if "output" in tensors else None


class ConstantFit(NetworkStepper):
    """Teach the network to put out a constant: mean squared error (Azevedo et al., section 4)."""

    def __init__(
        self,
        network: nn.Module,
        noise: Tensor,
        constant: float,
        learning_rate: float,
        device: str,
        digits: str = "float32",
    ) -> None:
        super().__init__(network, learning_rate, device, digits)
        self.noise = noise
        self.target = torch.full_like(noise, constant)

    def loss(self) -> Tensor:
        """Mean squared distance from the constant."""
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
    ) -> None:
        super().__init__(network, learning_rate, device, digits)
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
    after: Outcome | None = None,
) -> Restoration:
    """Run the deep image prior from the network's present parameters.

    `iterations` and `evaluations` of the result count the steps with the imaging model; a phase
    before (`after`) needs none.
    """
    observed = torch.as_tensor(problem.observed, dtype=torch.float32, device=run.device)
    stepper = Reconstruction(
        network, noise, problem.forward, observed, learning_rate, run.device, digits
    )
    outcome = iterate(stepper, steps, run, phase="reconstruction", after=after)
    out_of_time = outcome.out_of_time or (after is not None and after.out_of_time)
    return Restoration(
        estimate=stepper.estimate().cpu().numpy(),
        iterations=outcome.steps,
        evaluations=outcome.steps,
        repeatable=not out_of_time,
    )


def check_problem(problem: Problem, method: str) -> None:
    """Raise InputError unless `problem` is a focal stack (Z, Y, X) with a known imaging model."""
    if problem.forward is None:
        raise InputError(f"{method}: the problem has no imaging model; one is needed")
    if problem.axes != "ZYX" or problem.observed.ndim != 3:
        raise InputError(
            f"{method}: the observation has axes {problem.axes} and shape "
            f"{problem.observed.shape}; a stack with axes ZYX is accepted"
        )


def check_parameters(
    method: object,
    *,
    counts: Iterable[str] = (),
    steps: Iterable[str] = (),
    positive: Iterable[str] = (),
) -> None:
    """Check the fields of a method's dataclass that bear the given names.

    Raises
    ------
    ValueError
        In one line: one of `counts` is no whole number from 1 up, one of `steps` none from 0 up,
        or one of `positive` no finite number above 0.
    """
    for names, least in ((counts, 1), (steps, 0)):
        for name in names:
            value = getattr(method, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} is {value!r}; a whole number from {least} up is accepted")
    for name in positive:
        value = getattr(method, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value < float("inf"):
            raise ValueError(f"{name} is {value!r}; a number above 0 is accepted")
