"""What the methods share that learn to make sharp volumes of blurred ones with a 3-D U-Net.

Lim et al. 2020, sections III and IV-A. They differ in what they learn from, and by which losses.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from focusbench.errors import InputError
from focusbench.networks.unet_3d import MULTIPLE, Unet3d
from focusbench.parameters import check_parameters, check_switches, check_whole
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.training import precision
from focusbench.training.learner import Learner, sharpened
from focusbench.training.loop import iterate
from focusbench.training.volumes import Volumes

MARGIN = 4
"""Voxels at a tile's face that are not used, where the overlap has room for them."""


@dataclass(frozen=True)
class Sharpening(ABC):
    """Parameters of network, training and restoration, and the run of either.

    Defaults are the paper's where it prints them: Adam at 1e-4 on crops of 64^3 voxels, tiles of
    64^3 that overlap by 16, a U-Net of about 7 million parameters (42 channels). It prints 10 hours
    on a GTX 1080 Ti, but no number of steps (1e5 is about what that takes), no batch size (1 here)
    and no betas.

    Parameters
    ----------
    steps
        Of the training, a batch each.
    width
        Of the network `unet_3d`.
    crop
        Side of the crops, voxels; clamped to the smallest volume.
    batch_size
        Crops of each kind in a step.
    learning_rate, beta1
        Of Adam; beta2 is 0.999.
    decay
        Share of the steps, at the end, over which the learning rate falls linearly to 0.
    initial_sigma
        Initial weights are normal with this standard deviation, biases 0; 0: torch's own.
    start_at_mean
        Whether networks start near the mean of what they are to make, by their last bias; in sparse
        volumes that spares the first hundreds of steps. The paper does not say that it did.
    precision
        "float32", "tf32" or "bfloat16" (mixed precision); on the CPU, tf32 is float32.
    tile, overlap
        Of the restoration, voxels.
    """

    steps: int = 100_000
    width: int = 42
    crop: int = 64
    batch_size: int = 1
    learning_rate: float = 1e-4
    beta1: float = 0.9
    decay: float = 0.0
    initial_sigma: float = 0.0
    start_at_mean: bool = False
    precision: str = "tf32"
    tile: int = 64
    overlap: int = 16

    name: ClassVar[str]

    def __post_init__(self) -> None:
        check_parameters(
            self,
            counts=("width", "crop", "batch_size"),
            counts_or_0=("steps", "overlap"),
            positive=("learning_rate",),
            positive_or_0=("beta1", "decay", "initial_sigma"),
        )
        check_whole("tile", self.tile, 2 * MULTIPLE)
        if self.beta1 >= 1:
            raise InputError(f"beta1 is {self.beta1!r}; a number from 0 to below 1 is accepted")
        if self.decay > 1:
            raise InputError(f"decay is {self.decay!r}; a share from 0 to 1 is accepted")
        if self.overlap > self.tile - MULTIPLE:
            raise InputError(
                f"overlap is {self.overlap}; at most {self.tile - MULTIPLE}, "
                f"the tile's {self.tile} less {MULTIPLE}, is accepted"
            )
        check_switches(self, "start_at_mean")
        precision.check(self.precision)

    @property
    def margin(self) -> int:
        """Of the tiles, see `training.tiles`."""
        return min(MARGIN, self.overlap // 2)

    @property
    def architecture(self) -> dict[str, str | int]:
        """What weights must agree on to fit this method."""
        return {"network": "unet_3d", "width": self.width}

    @abstractmethod
    def learner(self, data: Volumes, run: Run) -> Learner:
        """Return the networks and optimisers at the start of a training."""

    def extras(self, learner: Learner) -> Mapping[str, Tensor]:
        """Further tensors that are worth keeping beside the generator's."""
        return {}

    def rate(self, done: int) -> float:
        """Learning rate after `done` steps, over that at the start."""
        falling = self.decay * self.steps
        return 1.0 if falling == 0 else min(1.0, (self.steps - done) / falling)

    def fit(self, data: Volumes, run: Run) -> Weights:
        """Train on crops of `data`.

        Returns
        -------
        Weights
            `generator/...` and `extras`. The description holds `network` and `width`, the units
            that intensities are divided by, the number of `parameters` of every network that was
            trained, and what the `training` was; `details`, the share of time spent on loading.
        """
        learner = self.learner(data, run)
        outcome = iterate(learner, self.steps, run, phase="training")
        if outcome.passed_over:
            raise RuntimeError("fit was given the state of something else; each needs its own")
        generator = learner.networks["generator"].state_dict()
        tensors = {f"generator/{name}": value.cpu() for name, value in generator.items()}
        counts = {
            name: sum(p.numel() for p in network.parameters() if p.requires_grad)
            for name, network in learner.networks.items()
        }
        description = {
            **self.architecture,
            "method": self.name,
            "blurred_unit": data.blurred_unit,
            "sharp_unit": data.sharp_unit,
            "parameters": counts,
            "training": {
                "volumes": list(data.names),
                "seed": run.seed,
                "steps": outcome.steps,
                "repeatable": not outcome.out_of_time,
            },
        }
        seconds = learner.seconds
        details = {
            "loading_share": seconds["loading"] / seconds["steps"] if seconds["steps"] else None,
            "losses": learner.losses,
            "networks": counts,
        }
        return Weights(tensors | dict(self.extras(learner)), description, details)

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Estimate the intensity (Z, Y, X), float32, 0 or more, in the training's sharp unit.

        In one pass, without the imaging model.

        Raises
        ------
        InputError
            No weights, or those of another network; an observation that is no volume.
        """
        if problem.axes != "ZYX" or problem.observed.ndim != 3:
            raise InputError(
                f"{self.name}: the observation has axes {problem.axes} and shape "
                f"{problem.observed.shape}; a volume with axes ZYX is accepted"
            )
        network = self._network(weights).to(run.device)
        units = (float(weights.description[key]) for key in ("blurred_unit", "sharp_unit"))
        estimate = sharpened(network, problem.observed, *units, self, run.device)
        return Restoration(estimate.numpy().astype(np.float32))

    def _network(self, weights: Weights | None) -> Unet3d:
        if weights is None:
            raise InputError(f"{self.name}: no weights; `fit` gives them")
        asked: dict[str, Any] = self.architecture
        given = {key: weights.description.get(key) for key in asked}
        if given != asked:
            raise InputError(
                f"{self.name}: the weights belong to the network {given}, "
                f"the parameters ask for {asked}"
            )
        network = Unet3d(self.width)
        start = "generator/"
        tensors = {
            name[len(start) :]: value
            for name, value in weights.tensors.items()
            if name.startswith(start)
        }
        try:
            network.load_state_dict(tensors)
        except RuntimeError:
            raise InputError(
                f"{self.name}: the weights' tensors are not those of {asked}"
            ) from None
        return network
