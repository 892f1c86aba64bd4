"""A neural field, fitted to one focal stack through the imaging model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from focusbench.networks.neural_field import NeuralField as Network
from focusbench.optics.even_absorption import even_absorption
from focusbench.optics.rays import MIN_TRANSMITTANCE
from focusbench.parameters import check_parameters
from focusbench.problem import Forward, Problem, Restoration, Run, Weights
from focusbench.training import seeds
from focusbench.training.deep_prior import NetworkStepper, check_problem
from focusbench.training.loop import iterate, restored

ABSORPTION = 0.05  # 1/um, unit of what the network puts out
WARM_UP = 10  # steps over which the learning rate rises
LAST_RATE = 0.01  # of the learning rate, at the end
BRIGHTEST = 1 - 1e-3  # a start nearer to 1 would hardly move: softplus is flat there


@dataclass(frozen=True)
class NeuralField:
    """Transmittance as a function of position that is learned from the observation alone.

    The field (`networks.neural_field`) gives one number r a voxel, the transmittance per um is
    exp(-0.05 softplus(r)), in (0, 1]. Adam lowers the mean absolute error of the images; its rate
    rises over the first 10 steps and falls as half a cosine to a hundredth. The start is the mean
    transmittance of I^(1/L), the same for all voxels up to the initial noise of the features.

    Nothing of it is published. Its constants were chosen on three volumes that stand in no table
    (phantoms `cell` and `text` of seed 1, SciVis' neghip; 32 voxels wide, aperture grid 11, 8 bits,
    300 steps), in 38 settings, not all of them on every volume: Fourier features, sinusoidal
    networks and grids of features; the learning rate; four ways from the network's number to a
    transmittance; squared and absolute error; nodes apart in z. Without noise the best of the three
    networks got, on these volumes in this order, 31.4, 27.9 and 32.9 dB; 33.4, 31.1 and 37.7 dB at
    two to three times the time; 35.5, 39.7 and 37.6 dB (PSNR, range 1). The absolute error is worth
    up to 5 dB. Nothing but the network and the number of steps keeps noise out: more steps bring
    more of it where structures are smooth (neghip with noise of 0.01 lost 1.3 dB from 300 to 1000
    steps, the two phantoms gained 0.8 and 2.9).

    Parameters
    ----------
    steps, learning_rate
        Of Adam.
    features, width, layers
        Of the network: numbers a grid node, channels and number of its hidden layers.
    grids
        Grids whose nodes are 1, 2, 4, ... voxels apart.
    depth_ratio
        Distance of nodes in z over that in y and x.
    """

    steps: int = 3000
    learning_rate: float = 0.03
    features: int = 4
    width: int = 32
    layers: int = 2
    grids: int = 4
    depth_ratio: float = 0.5

    def __post_init__(self) -> None:
        check_parameters(
            self,
            counts=("features", "width", "layers", "grids"),
            counts_or_0=("steps",),
            positive=("learning_rate", "depth_ratio"),
        )

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Estimate the transmittance per um (Z, Y, X), float32 in (0, 1].

        It is what the field was in the last step. `weights` are not used.

        Raises
        ------
        InputError
            The problem has no imaging model, or is no stack (Z, Y, X).
        """
        check_problem(problem, "neural_field")
        cells = [2**level for level in reversed(range(self.grids))]
        with seeds.seeded(run.seed, "network"):
            network = Network(
                problem.observed.shape,
                cells=cells,
                features=self.features,
                width=self.width,
                layers=self.layers,
                depth_ratio=self.depth_ratio,
            )
        start = even_absorption(problem.observed, problem.voxel_size[0]).mean(dtype="float64")
        absorption = -math.log(min(max(float(start), MIN_TRANSMITTANCE), BRIGHTEST)) / ABSORPTION
        with torch.no_grad():  # softplus(bias) is that absorption
            network.head.bias.fill_(absorption + math.log(-math.expm1(-absorption)))
        network.to(run.device)
        observed = torch.as_tensor(problem.observed, dtype=torch.float32, device=run.device)
        stepper = FieldStepper(self, network, problem.forward, observed, run.device)
        outcome = iterate(stepper, self.steps, run)
        return restored(stepper, outcome)


class FieldStepper(NetworkStepper):
    """Make the imaging model of the field meet the observation."""

    def __init__(
        self,
        method: NeuralField,
        network: Network,
        forward: Forward,
        observed: Tensor,
        device: str,
    ) -> None:
        super().__init__(network, method.learning_rate, device)
        self.forward = forward
        self.observed = observed
        self.done = 0
        self._method = method

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        cosine = (1 + math.cos(math.pi * step / max(self._method.steps, 1))) / 2
        rise = min(1.0, (step + 1) / WARM_UP)
        return self._method.learning_rate * rise * (LAST_RATE + (1 - LAST_RATE) * cosine)

    def step(self) -> float:
        """Move the parameters once; return the loss before."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.done)
        self.done += 1
        return super().step()

    def loss(self) -> Tensor:
        """Mean absolute distance of the images."""
        volume = torch.exp(-ABSORPTION * functional.softplus(self.network()))
        self.output = volume.detach()
        return functional.l1_loss(self.forward.apply(volume), self.observed)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Parameters, moments, last output and the steps done."""
        tensors, scalars = super().state()
        return tensors, {**scalars, "done": self.done}

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        super().load(tensors, scalars)
        self.done = scalars["done"]
