"""What the methods share that learn to make focal planes of one image.

Ma et al. 2021, III and IV-A. They differ in their networks, and in which planes they learn from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from focusbench.errors import InputError
from focusbench.networks.mfpinet_discriminator import MfpinetDiscriminator
from focusbench.parameters import check_parameters, check_switches
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.training import data_parallel, precision
from focusbench.training.focal_fields import FocalFields
from focusbench.training.loop import iterate
from focusbench.training.planes_learner import PlanesLearner, Share
from focusbench.training.slide_tiles import HALO, MULTIPLE, PASSAGE, blocks

WHOLE = 1024
"""Pixels along the sides of an estimate up to which it is computed at once."""
BLOCK = 768
"""Pixels of the estimate, along a side, of the blocks of a larger one."""


@dataclass(frozen=True)
class PlanesLearning(ABC):
    """Parameters of network and training, and the run of either.

    Defaults are the paper's where it prints them, and else those of the authors' public code. A
    batch of 2 is what two of their GPUs held.

    Parameters
    ----------
    epochs, patches
        Of the training: `epochs` times `patches` crops. The paper cuts its 15,000 once; here every
        step cuts new ones.
    patch
        Side of the crops, pixels of the planes.
    batch_size
        Crops in a step.
    learning_rate, beta2
        Of Adam, whose other constants are torch's own.
    clip
        Norm of a network's gradient down to which larger ones are shortened; 0: none is.
    halve_every
        Epochs after which the rate is halved, again and again; 0: never.
    warm_up
        Steps in which the rate rises to its full height, on a straight line.
    anneal
        Share of the steps (0 to 1), the last ones, in which the rate falls to 0, on a straight
        line; the halving goes on meanwhile.
    adversarial_weight
        Of the adversarial loss beside the mean absolute error of values from -1 to 1; 0: there is
        no discriminator.
    adversarial_from
        Share of the steps (0 to 1) that are done before the adversarial loss, and the
        discriminator's own training, begin.
    width, discriminator_width
        Channels of the networks' first layers.
    augment
        Whether crops are turned by quarters and mirrored.
    foreground
        Whether crops are chosen that show cells, as the paper's are.
    precision
        "float32", "tf32" or "bfloat16" (mixed precision); on the CPU, tf32 is float32.
    processes
        That share every batch, each on a GPU of its own where there are as many.
    """

    epochs: int = 20
    patches: int = 15_000
    patch: int = 768
    batch_size: int = 2
    learning_rate: float = 1e-4
    beta2: float = 0.999
    clip: float = 0.0
    halve_every: int = 2
    warm_up: int = 0
    anneal: float = 0.0
    adversarial_weight: float = 0.01
    adversarial_from: float = 0.0
    width: int = 64
    discriminator_width: int = 64
    augment: bool = False
    foreground: bool = True
    precision: str = "tf32"
    processes: int = 1

    name: ClassVar[str]
    scale: ClassVar[int] = 2
    """Pixels of the planes along a pixel of the image."""
    value_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    """Of the networks' values; what grey values 0 and 255 become."""
    halo: ClassVar[int] = HALO
    """Of blocks, pixels of the image (`slide_tiles`)."""

    def __post_init__(self) -> None:
        check_parameters(
            self,
            counts=("patches", "patch", "batch_size", "width", "discriminator_width"),
            counts_or_0=("epochs", "halve_every", "warm_up"),
            positive=("learning_rate",),
            positive_or_0=("beta2", "clip", "anneal", "adversarial_weight", "adversarial_from"),
        )
        if self.beta2 >= 1:
            raise InputError(f"beta2 is {self.beta2!r}; a number from 0 to below 1 is accepted")
        for name in ("anneal", "adversarial_from"):
            if getattr(self, name) > 1:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}; a share from 0 to 1 is accepted"
                )
        check_switches(self, "augment", "foreground")
        data_parallel.check_processes(self.processes, self.batch_size)
        precision.check(self.precision)

    @abstractmethod
    def network(self, planes: int) -> nn.Module:
        """Build the generator of so many planes, see `planes_of`."""

    def discriminator(self, planes: int) -> nn.Module:
        """Build its adversary: what the generator is to make -> logits, above 0 for real."""
        return MfpinetDiscriminator(self.discriminator_width, 3 * planes, logits=True)

    def begin(self, network: nn.Module, data: FocalFields, run: Run) -> None:  # noqa: B027
        """Change the generator's starting values, if they are not to be as built."""

    def planes_of(self, network: nn.Module, images: Tensor, planes: int) -> Tensor:
        """All planes (N, 3 planes, scale y, scale x) of images (N, 3, y, x), in `value_range`.

        The colours of a plane stand together. Only as many as `planes_made` tells.
        """
        return network(images)

    def planes_made(self, planes: int) -> int:
        """How many planes an estimate has where the stack has `planes`: as many, or 1."""
        return planes

    @property
    def architecture(self) -> dict[str, Any]:
        """What weights must agree on to fit this method, as JSON; beside it, the planes."""
        return {"network": self.name, "width": self.width, "scale": self.scale}

    @property
    def rates(self) -> Mapping[str, float]:
        """Learning rates of the networks at their full height."""
        return {"generator": self.learning_rate, "discriminator": self.learning_rate}

    @property
    def steps_per_epoch(self) -> int:
        """Batches that hold an epoch's patches."""
        return -(-self.patches // self.batch_size)

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.epochs * self.steps_per_epoch

    @property
    def adversarial_start(self) -> int:
        """Steps that are done before the adversarial loss begins."""
        return round(self.adversarial_from * self.steps)

    def planned_steps(self, data: FocalFields) -> int:
        """Steps that `fit` does: what a monitor is told beforehand."""
        return self.steps

    def rate(self, done: int) -> float:
        """Learning rate of the step after `done` ones, over its full height."""
        halvings = done // self.steps_per_epoch // self.halve_every if self.halve_every else 0
        rising = min(1.0, (done + 1) / self.warm_up) if self.warm_up else 1.0
        last = self.anneal * self.steps
        falling = min(1.0, (self.steps - done) / last) if last else 1.0
        return 0.5**halvings * rising * falling

    def from_pixels(self, pixels: Tensor) -> Tensor:
        """Grey values, 0 to 255, in `value_range`; float32."""
        low, high = self.value_range
        return pixels.float().div_(255 / (high - low)).add_(low)

    def learner(self, data: FocalFields, run: Run, share: Share | None = None) -> PlanesLearner:
        """Return the networks and optimisers at the start of a training."""
        return PlanesLearner(self, data, run, share)

    def check_data(self, data: FocalFields) -> None:
        """Raise InputError unless this method can learn from `data`."""
        if data.scale != self.scale:
            raise InputError(
                f"{self.name}: the fields have a scale of {data.scale}; {self.scale} is accepted"
            )
        data.check_patch(self.patch)

    def fit(self, data: FocalFields, run: Run) -> Weights:
        """Train on crops of `data`.

        Returns
        -------
        Weights
            `generator/...`, as it is after the last step. The description holds `architecture`, the
            number of `planes`, `z_step` and `pixel_size` where they are known, the number of
            `parameters` of every network, and what the `training` was. `details` hold the `curve`
            (`PlanesLearner`), the last step's `losses` and the share of time spent on loading.
        """
        self.check_data(data)
        with data_parallel.learning(self, data, run, self.processes) as (learner, stepper):
            outcome = iterate(stepper, self.steps, run, phase="training")
        if outcome.passed_over:
            raise RuntimeError("fit was given the state of something else; each needs its own")
        generator = learner.networks["generator"].state_dict()
        tensors = {f"generator/{name}": value.cpu() for name, value in generator.items()}
        counts = {
            name: sum(p.numel() for p in network.parameters())
            for name, network in learner.networks.items()
        }
        sizes = {"z_step": data.z_step, "pixel_size": data.pixel_size}
        description = {
            **self.architecture,
            "planes": data.planes,
            "method": self.name,
            **{name: size for name, size in sizes.items() if size is not None},
            "parameters": counts,
            "training": {
                "fields": list(data.names),
                "slides": list(dict.fromkeys(data.slides)),
                "seed": run.seed,
                "epochs": self.epochs,
                "patches": self.patches,
                "patch": self.patch,
                "batch_size": self.batch_size,
                "adversarial_weight": self.adversarial_weight,
                "steps": outcome.steps,
                "repeatable": not outcome.out_of_time,
            },
        }
        seconds = learner.seconds
        details = {
            "curve": learner.curve,
            "losses": learner.losses,
            "loading_share": seconds["loading"] / seconds["steps"] if seconds["steps"] else None,
            "networks": counts,
        }
        return Weights(tensors, description, details)

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Make the focal planes: uint8 (`planes_made`, scale y, scale x, 3).

        In one pass of the network, or, where that is larger than `WHOLE`, in blocks.

        Raises
        ------
        InputError
            No weights, or those of another network, number of planes or scale; an observation that
            is not one RGB image of 8 bits a colour.
        """
        observed = problem.observed
        fits = problem.axes == "ZYXC" and observed.dtype == np.uint8 and observed.ndim == 4
        if not fits or (observed.shape[0], observed.shape[3]) != (1, 3):
            raise InputError(
                f"{self.name}: the observation has axes {problem.axes}, type {observed.dtype} and "
                f"shape {observed.shape}; one image with axes ZYXC, uint8 (1, y, x, 3), is accepted"
            )
        network = self.loaded(weights)
        planes = weights.description["planes"]
        y, x = observed.shape[1:3]
        shape = (planes, self.scale * y, self.scale * x, 3)
        for whole in problem.estimates[:1]:
            if shape != tuple(whole):
                raise InputError(
                    f"{self.name}: the weights belong to {planes} planes at a scale of "
                    f"{self.scale}, a stack of shape {shape}; for this problem {tuple(whole)} is "
                    "accepted"
                )
        network = network.to(run.device, memory_format=torch.channels_last)
        estimate = self.refocused(network, observed[0], planes, run)
        return Restoration(estimate)

    def loaded(self, weights: Weights | None) -> nn.Module:
        """Build the generator with trained weights; on the CPU, set to evaluation.

        Raises
        ------
        InputError
            No weights, or those of another network, width or scale.
        """
        if weights is None:
            raise InputError(f"{self.name}: no weights; `fit` gives them")
        asked = self.architecture
        given = {key: weights.description.get(key) for key in asked}
        planes = weights.description.get("planes")
        if given != asked or not isinstance(planes, int):
            raise InputError(
                f"{self.name}: the weights belong to the network {given}, the parameters ask for "
                f"{asked}"
            )
        network = self.network(planes)
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
                f"{self.name}: the weights' tensors are not those of {asked} with {planes} planes"
            ) from None
        return network.eval()

    def maker(self, network: nn.Module, planes: int) -> Callable[[Tensor], Tensor]:
        """Make of a generator what slides are worked through with.

        Returns
        -------
        callable
            Maps images (1, 3, y, x) to (1, 3 `planes_made`, scale y, scale x), float32, both in
            [-1, 1] whatever `value_range` is.
        """
        low, high = self.value_range

        def make(images: Tensor) -> Tensor:
            own = images.add(1).mul_((high - low) / 2).add_(low)
            made = self.planes_of(network, own, planes).float()
            return made.sub(low).mul_(2 / (high - low)).sub_(1)

        return make

    def refocused(self, network: nn.Module, image: np.ndarray, planes: int, run: Run) -> np.ndarray:
        """Apply a generator on the run's device to an image.

        Parameters
        ----------
        image
            uint8 (y, x, 3).

        Returns
        -------
        numpy.ndarray
            uint8 (`planes_made`, scale y, scale x, 3).
        """
        planes_made = self.planes_made(planes)
        make = self.maker(network, planes)

        def apply(images: Tensor) -> Tensor:
            with precision.autocast(run.device, self.precision):
                return make(images)

        y, x = image.shape[:2]
        multiple = getattr(network, "multiple", MULTIPLE)
        side = max(y, x) if self.scale * max(y, x) <= WHOLE else BLOCK // self.scale
        step = -(-max(side, PASSAGE + 1) // multiple) * multiple
        estimate = np.empty((planes_made, self.scale * y, self.scale * x, 3), np.uint8)
        learning = network.training
        network.eval()
        with precision.arithmetic(self.precision):
            for part in blocks(
                apply,
                lambda first, last: image[first:last],
                (y, x),
                channels=3 * planes_made,
                scale=self.scale,
                step=step,
                halo=self.halo,
                multiple=multiple,
                device=run.device,
            ):
                levels = part.values.add_(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
                pixels = levels.unflatten(0, (planes_made, 3)).permute(0, 2, 3, 1)
                rows = slice(part.y, part.y + pixels.shape[1])
                estimate[:, rows, part.x : part.x + pixels.shape[2]] = pixels.cpu().numpy()
        network.train(learning)
        return estimate
