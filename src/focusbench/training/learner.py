"""Steps of networks that learn from crops of volumes: what all of them have in common."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from focusbench.networks.unet_3d import MULTIPLE, Unet3d
from focusbench.problem import Run
from focusbench.training import optimizers, precision, seeds, tiles
from focusbench.training.history import HistoryBuffer
from focusbench.training.volumes import Volumes

if TYPE_CHECKING:
    from focusbench.training.sharpening import Sharpening

LEVELS = (1e-3, 1 - 1e-3)
"""Within these a network may start: beyond, a sigmoid hardly learns."""


class Learner(ABC):
    """Networks and their optimisers, taught step by step.

    A step's crops and random numbers follow from the run's seed and the count of steps done, so
    that this count, the networks, the optimisers and the volumes that discriminators are shown
    again are all that a state must hold.

    A subclass builds its networks in `__init__` (`add`, `add_unet`, `optimise`) and says in `learn`
    what a step does. Intensities, blurred and sharp, are divided by the training set's largest.

    Attributes
    ----------
    networks, optimizers, histories
        By name; `networks["generator"]` makes sharp volumes of blurred ones.
    done : int
        Steps so far.
    losses : dict
        The parts of the last step's losses, by name.
    seconds : dict
        Wall time of all steps, and of `loading` their crops onto the device.
    """

    finished = False

    def __init__(self, how: Sharpening, data: Volumes, run: Run) -> None:
        self.how, self.data, self.run = how, data, run
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.histories: dict[str, HistoryBuffer] = {}
        self.done = 0
        self.losses: dict[str, float] = {}
        self.seconds = {"steps": 0.0, "loading": 0.0}
        self._rates: dict[str, list[float]] = {}
        self.add_unet("generator", data.sharp_mean / data.sharp_unit)

    @abstractmethod
    def learn(self) -> Tensor:
        """Do a step: load crops, move all parameters, set `losses`; return the generator's loss."""

    def add(self, name: str, build: Callable[[], nn.Module]) -> nn.Module:
        """Build a network with initial weights that follow from the run's seed and its name."""
        with seeds.seeded(self.run.seed, "network", name):
            network = build()
            if self.how.initial_sigma > 0:
                _set_normal(network, self.how.initial_sigma)
        self.networks[name] = network.to(self.run.device)
        return self.networks[name]

    def add_unet(self, name: str, level: float) -> Unet3d:
        """Build a U-Net; if the training starts at the mean, what it makes first is about `level`.

        The last layer's bias is then where the sigmoid gives that. Of sparse objects hardly a
        voxel is near the 1/2 that a U-Net starts with otherwise.
        """
        network = self.add(name, lambda: Unet3d(self.how.width))
        if self.how.start_at_mean:
            level = min(max(level, LEVELS[0]), LEVELS[1])
            with torch.no_grad():
                network.head.bias.fill_(math.log(level / (1 - level)))
        return network

    def optimise(self, name: str, groups: list[dict[str, Any]]) -> None:
        """Add an Adam for groups of parameters, at `learning_rate` where they state no `lr`."""
        betas = (self.how.beta1, 0.999)
        self.optimizers[name] = torch.optim.Adam(groups, lr=self.how.learning_rate, betas=betas)
        self._rates[name] = [group["lr"] for group in self.optimizers[name].param_groups]

    def load_crops(self, give: Callable[..., Tensor | tuple[Tensor, ...]], *more: Any) -> Any:
        """Ask the data's method `give` for this step's crops; on the device, in its unit."""
        begun = time.perf_counter()
        size = (self.how.crop,) * 3
        given = give(self.done, self.how.batch_size, size, *more)
        moved = (
            tuple(part.to(self.run.device) for part in given)
            if isinstance(given, tuple)
            else given.to(self.run.device)
        )
        self.seconds["loading"] += time.perf_counter() - begun
        return moved

    def predict(self, name: str, volumes: Tensor, *more: Any) -> Tensor:
        """Apply a network to (N, channels, Z, Y, X) at the precision of the training."""
        with precision.autocast(self.run.device, self.how.precision):
            return self.networks[name](volumes, *more)

    def judge(self, name: str, volumes: Tensor, purpose: str) -> list[Tensor]:
        """Score with a multi-scale discriminator; `purpose` sets apart the parts that it sees."""
        random = seeds.generator(self.run.seed, "parts", name, purpose, self.done)
        with precision.autocast(self.run.device, self.how.precision):
            return self.networks[name](volumes, random)

    def step(self) -> float:
        """Move the parameters once; return the generator's loss before."""
        begun = time.perf_counter()
        factor = self.how.rate(self.done)
        for name, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self._rates[name], strict=True):
                group["lr"] = factor * rate
        with precision.arithmetic(self.how.precision):
            loss = self.learn().item()
        self.done += 1
        self.seconds["steps"] += time.perf_counter() - begun
        return loss

    def estimate(self) -> Tensor:
        """Restore the validation volume (Z, Y, X) with the networks as they stand.

        In tiles of the crops' size, whatever the restorations' are: other tiles then ask for no
        new training.

        Raises
        ------
        RuntimeError
            The training set has none.
        """
        if self.data.validation is None:
            raise RuntimeError("the training set has no validation volume to restore")
        side = max(self.how.crop // MULTIPLE, 2) * MULTIPLE
        return sharpened(
            self.networks["generator"],
            self.data.validation,
            self.data.blurred_unit,
            self.data.sharp_unit,
            replace(self.how, tile=side, overlap=min(16, side - MULTIPLE)),
            self.run.device,
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next step depends on."""
        tensors: dict[str, Tensor] = {}
        scalars: dict[str, Any] = {"done": self.done, "seconds": dict(self.seconds)}
        for name, network in self.networks.items():
            tensors |= {f"{name}/{key}": value for key, value in network.state_dict().items()}
        for name, optimizer in self.optimizers.items():
            packed, scalars[name] = optimizers.pack(optimizer, f"optimizer-{name}")
            tensors |= packed
        for name, history in self.histories.items():
            tensors |= {f"history-{name}/{key}": value for key, value in history.state().items()}
        return tensors, scalars

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        self.done, self.seconds = scalars["done"], dict(scalars["seconds"])
        for name, network in self.networks.items():
            network.load_state_dict(_under(f"{name}/", tensors))
        for name, optimizer in self.optimizers.items():
            optimizers.unpack(optimizer, tensors, scalars[name])
        for name, history in self.histories.items():
            history.load(_under(f"history-{name}/", tensors))

    def note(self, **parts: Tensor) -> None:
        """Keep the parts of the losses, waiting for the device once."""
        values = torch.stack([part.detach().float() for part in parts.values()]).tolist()
        self.losses = dict(zip(parts, values, strict=True))


def sharpened(
    network: nn.Module,
    observed: np.ndarray,
    blurred_unit: float,
    sharp_unit: float,
    how: Sharpening,
    device: str,
) -> Tensor:
    """Apply a generator to an observation (Z, Y, X) in tiles; float32 on the CPU, 0 or more."""

    def part(volume: Tensor) -> Tensor:
        with precision.autocast(device, how.precision):
            return network(volume)

    volume = torch.as_tensor(np.asarray(observed, np.float32)) / blurred_unit
    side = (how.tile,) * 3
    with precision.arithmetic(how.precision):
        made = tiles.predict(part, volume, side, how.overlap, margin=how.margin, device=device)
    return sharp_unit * made.clamp_min(0)  # weights of tiles add up to 1 but for rounding


def _under(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}


def _set_normal(network: nn.Module, sigma: float) -> None:
    for part in network.modules():
        if isinstance(part, nn.Conv3d):
            nn.init.normal_(part.weight, 0.0, sigma)
            nn.init.zeros_(part.bias)
