"""Deep image prior that starts from a denoiser of ellipsoids (Azevedo et al. 2024, "Pretr II")."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from focusbench.errors import InputError
from focusbench.networks.skip_3d import Skip3d
from focusbench.parameters import check_parameters
from focusbench.problem import Problem, Restoration, Run, TrainingSet, Weights
from focusbench.training import deep_prior, seeds
from focusbench.training.loop import iterate
from focusbench.training.skip_prior import SkipPrior


@dataclass(frozen=True)
class DipPretrain2(SkipPrior):
    """`fit` trains the network to denoise volumes of ellipsoids; `restore` goes on from there.

    Defaults are those of the paper and its code: 5 epochs over 1,000 pairs in batches of 20, Adam
    at 1e-3 on the mean squared error; then 30,000 steps of the deep image prior, from those weights
    and without the fit to a constant.

    Parameters
    ----------
    epochs, batch_size, samples, pretrain_learning_rate
        Of the training; of a longer training set the first `samples` pairs are used. The last batch
        of an epoch may be smaller.
    steps, ..., cuda_graph
        Those of `training.skip_prior.SkipPrior`.
    window, patience
        As those of `dip`.
    """

    epochs: int = 5
    batch_size: int = 20
    samples: int = 1000
    pretrain_learning_rate: float = 1e-3
    window: int = 100
    patience: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_parameters(
            self,
            counts=("batch_size", "samples", "patience"),
            counts_or_0=("epochs",),
            positive=("pretrain_learning_rate",),
        )
        deep_prior.check_window(self.window, least=0)

    @property
    def architecture(self) -> dict[str, str | int]:
        """What weights must agree on to fit this method."""
        return {
            "network": "skip_3d",
            "width": self.width,
            "scales": self.scales,
            "skip": self.skip,
        }

    def fit(self, data: TrainingSet, run: Run) -> Weights:
        """Train on pairs (noisy, clean) of volumes (Z, Y, X), all of one size.

        Raises
        ------
        InputError
            `data` has fewer pairs than `samples`.
        """
        if len(data) < self.samples:
            raise InputError(
                f"dip_pretrain_2: the training set has {len(data)} pairs, "
                f"samples asks for {self.samples}"
            )
        network = self.new_network(run)
        stepper = Denoising(
            network,
            data,
            self.samples,
            self.batch_size,
            run.seed,
            self.pretrain_learning_rate,
            run.device,
            self.precision,
        )
        outcome = iterate(stepper, self.epochs * stepper.batches, run, phase="pretraining")
        if outcome.passed_over:
            raise RuntimeError("fit was given the state of a restoration; each needs its own")
        tensors = {name: value.cpu() for name, value in network.state_dict().items()}
        training = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "samples": self.samples,
            "learning_rate": self.pretrain_learning_rate,
            "precision": self.precision,
            "seed": run.seed,
            "steps": outcome.steps,
            "repeatable": not outcome.out_of_time,
        }
        return Weights(tensors, self.architecture | {"training": training})

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Estimate the transmittance per um (Z, Y, X), float32 in (0, 1).

        Raises
        ------
        InputError
            No weights, or those of another network; a problem that `dip` would refuse.
        """
        deep_prior.check_problem(problem, "dip_pretrain_2")
        network = self._network(weights).to(run.device)
        noise = deep_prior.noise_input(problem.observed.shape, self.input_scale, run)
        return self.reconstruct(
            network,
            noise,
            problem,
            run,
            stopping=deep_prior.windowed_stopping(self.window, self.patience),
        )

    def _network(self, weights: Weights | None) -> Skip3d:
        if weights is None:
            raise InputError("dip_pretrain_2: no weights; `fit` gives them")
        given = {name: weights.description.get(name) for name in self.architecture}
        if given != self.architecture:
            raise InputError(
                f"dip_pretrain_2: the weights belong to the network {given}, "
                f"the parameters ask for {self.architecture}"
            )
        network = Skip3d(self.width, self.scales, self.skip)
        try:
            network.load_state_dict(dict(weights.tensors))
        except RuntimeError:
            raise InputError(
                f"dip_pretrain_2: the weights' tensors are not those of {self.architecture}"
            ) from None
        return network


class Denoising(deep_prior.NetworkStepper):
    """Batches of pairs in an order that follows from the seed, a new one each epoch.

    The order is a function of seed and epoch, so that the number of steps done is all that a state
    must hold to go on in the middle of an epoch.
    """

    def __init__(
        self,
        network: nn.Module,
        data: TrainingSet,
        samples: int,
        batch_size: int,
        seed: int,
        learning_rate: float,
        device: str,
        digits: str = "float32",
    ) -> None:
        super().__init__(network, learning_rate, device, digits)
        self.data = data
        self.samples = samples
        self.batch_size = batch_size
        self.batches = math.ceil(samples / batch_size)
        self.seed = seed
        self.done = 0
        self._epoch = -1
        self._order: list[int] = []

    def indices(self, step: int) -> list[int]:
        """Pairs of the batch at `step`, counted from 0."""
        epoch, batch = divmod(step, self.batches)
        if epoch != self._epoch:
            random = seeds.generator(self.seed, "order", epoch)
            self._epoch = epoch
            self._order = torch.randperm(self.samples, generator=random).tolist()
        return self._order[batch * self.batch_size : (batch + 1) * self.batch_size]

    def loss(self) -> Tensor:
        """Mean squared distance from the clean volumes."""
        noisy, clean = (
            torch.from_numpy(np.stack(volumes)[:, None]).to(self.device, torch.float32)
            for volumes in zip(*(self.data[i] for i in self.indices(self.done)), strict=True)
        )
        denoised = self.predict(noisy)
        self.output = denoised.detach()[0, 0].clone()  # the other volumes may go
        return functional.mse_loss(denoised, clean)

    def step(self) -> float:
        """Learn from the next batch."""
        loss = super().step()
        self.done += 1
        return loss

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """As of every network, and the place in the data."""
        tensors, scalars = super().state()
        return tensors, scalars | {"done": self.done}

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        super().load(tensors, scalars)
        self.done = scalars["done"]
