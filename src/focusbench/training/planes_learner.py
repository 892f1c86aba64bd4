"""Steps of networks that learn the focal planes of one image (Ma et al. 2021, III-B)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from focusbench.problem import Run
from focusbench.training import optimizers, precision, seeds
from focusbench.training.adversarial import held
from focusbench.training.focal_fields import FocalFields

if TYPE_CHECKING:
    from focusbench.training.planes_learning import PlanesLearning


class Share:
    """Which part of every batch this process takes, and how it learns of the others': all, alone.

    `data_parallel` has the one for several processes.
    """

    rank = 0
    processes = 1

    def prepare(self, network: nn.Module) -> nn.Module:
        """Network in the form in which its parameters are optimised."""
        return network

    def wrap(self, network: nn.Module) -> nn.Module:
        """What a step calls in its place where gradients are to be the mean of all processes'."""
        return network

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the processes."""
        return values


class PlanesLearner:
    """A generator and, unless its weight is 0, its adversary, taught step by step.

    A step's crops follow from the run's seed and the count of steps done, so that this count, the
    networks and the optimisers are all that a state must hold. First the discriminator moves, with
    what the generator makes held still; then the generator, against the discriminator as it is now.

    What others want to change: `planes` (which planes are learned from), `given` (what the network
    sees), `terms`, `told` and `fooled` (the losses).

    Attributes
    ----------
    networks, optimizers
        By name: `generator`, `discriminator`.
    called
        Networks as steps call them where gradients are wanted (see `Share.wrap`).
    done : int
        Steps so far.
    losses : dict
        Parts of the last step's losses, by name; `loss` is the generator's.
    curve : list of dict
        Of each finished epoch: `epoch` (from 1), and means of the parts of the losses.
    seconds : dict
        Wall time of all `steps`, and of `loading` their crops onto the device.
    """

    finished = False

    def __init__(
        self, how: PlanesLearning, data: FocalFields, run: Run, share: Share | None = None
    ) -> None:
        self.how, self.data, self.run = how, data, run
        self.share = Share() if share is None else share
        self.networks: dict[str, nn.Module] = {}
        self.called: dict[str, nn.Module] = {}
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.done = 0
        self.losses: dict[str, float] = {}
        self.curve: list[dict[str, float]] = []
        self.seconds = {"steps": 0.0, "loading": 0.0}
        self._sums: dict[str, list[float]] = {}  # of this epoch: sum and number
        self._ahead: tuple[int, Any] | None = None
        part = how.batch_size // self.share.processes
        self.items = range(self.share.rank * part, (self.share.rank + 1) * part)
        self.add("generator", self._generator)
        if how.adversarial_weight > 0:
            self.add("discriminator", lambda: how.discriminator(data.planes))

    def planes(self, step: int) -> Sequence[Sequence[int]] | None:
        """Planes that each of `items` is learned from in a step; None: all, in order."""
        return None

    def given(self, images: Tensor, planes: Sequence[Sequence[int]] | None) -> Tensor:
        """What the network sees of images (N, 3, y, x) to make `planes` of them."""
        return images

    def terms(self, made: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """Parts of the generator's loss beside the adversary's, which add up; L1 in the paper."""
        return {"distance": functional.l1_loss(made, wanted)}

    def told(self, real: Tensor, made: Tensor) -> Tensor:
        """Discriminator's loss, of its logits: -log D(real) - log(1 - D(made)), means."""
        return _cross_entropy(real, 1.0) + _cross_entropy(made, 0.0)

    def fooled(self, made: Tensor) -> Tensor:
        """Adversarial part of the generator's loss, before its weight: -log D(made)."""
        return _cross_entropy(made, 1.0)

    def add(self, name: str, build: Callable[[], nn.Module]) -> None:
        """Build a network whose initial weights follow from the run's seed and its name; an Adam.

        Its learning rate is `how.rates`'.
        """
        with seeds.seeded(self.run.seed, "network", name):
            network = build()
        # of use to tensor cores; on a CPU a narrow `refocus_naf` needs a third less time
        network = network.to(self.run.device, memory_format=torch.channels_last)
        network = self.share.prepare(network.train())
        self.networks[name] = network
        self.called[name] = self.share.wrap(network)
        rate = self.how.rates[name]
        betas = (0.9, self.how.beta2)
        self.optimizers[name] = torch.optim.Adam(network.parameters(), lr=rate, betas=betas)

    def load_crops(self) -> tuple[Tensor, Tensor, Sequence[Sequence[int]] | None]:
        """This step's inputs (N, 3, y, x) and planes (N, 3 K, Y, X), in the network's range.

        And which planes these are.
        """
        begun = time.perf_counter()
        if self._ahead is None or self._ahead[0] != self.done:
            self._ahead = self.done, self._cut(self.done)
        (inputs, stacks), planes = self._ahead[1]
        self._ahead = None
        moved = (part.to(self.run.device, non_blocking=True) for part in (inputs, stacks))
        inputs, stacks = (self.how.from_pixels(part) for part in moved)
        # (N, Y, X, channels) in memory, as the networks' weights are
        images = inputs.permute(0, 3, 1, 2)
        wanted = stacks.permute(0, 2, 3, 1, 4).flatten(3).permute(0, 3, 1, 2)
        self.seconds["loading"] += time.perf_counter() - begun
        return images, wanted, planes

    def learn(self) -> dict[str, Tensor]:
        """Move the discriminator, then the generator; return the parts of their losses."""
        images, wanted, planes = self.load_crops()
        made = self.predict(self.called["generator"], self.given(images, planes))
        parts: dict[str, Tensor] = {}
        adversarial = "discriminator" in self.networks and self.done >= self.how.adversarial_start
        if adversarial:
            judge = self.called["discriminator"]
            told = self.told(self.predict(judge, wanted), self.predict(judge, made.detach()))
            self.move("discriminator", told)
            parts["told"] = told
        terms = self.terms(made, wanted)
        loss = torch.stack(list(terms.values())).sum()
        if adversarial:
            judge = self.networks["discriminator"]
            with held(judge):
                parts["fooled"] = self.fooled(self.predict(judge, made))
            loss = loss + self.how.adversarial_weight * parts["fooled"]
        self.move("generator", loss)
        return {"loss": loss, **terms, **parts}

    def move(self, name: str, loss: Tensor) -> None:
        """Move a network's parameters to lessen a loss."""
        self.optimizers[name].zero_grad()
        loss.backward()
        if self.how.clip:
            nn.utils.clip_grad_norm_(self.networks[name].parameters(), self.how.clip)
        self.optimizers[name].step()

    def predict(self, network: nn.Module, given: Tensor) -> Tensor:
        """Apply a network at the precision of the training; float32."""
        with precision.autocast(self.run.device, self.how.precision):
            return network(given).float()

    def step(self) -> float:
        """Move the parameters once; return the generator's loss before."""
        begun = time.perf_counter()
        factor = self.how.rate(self.done)
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = factor * self.how.rates[name]
        with precision.arithmetic(self.how.precision):
            parts = self.learn()
            if self.run.device == "cuda":  # it has work to do meanwhile
                self._ahead = self.done + 1, self._cut(self.done + 1)
            values = self.share.mean(torch.stack([part.detach() for part in parts.values()]))
        self.losses = dict(zip(parts, values.tolist(), strict=True))
        self.done += 1
        self._note()
        self.seconds["steps"] += time.perf_counter() - begun
        return self.losses["loss"]

    def estimate(self) -> Tensor:
        """Validation stack as the generator stands: uint8 (planes, Y, X, 3) on the CPU.

        Raises
        ------
        RuntimeError
            The training set has none.
        """
        if self.data.validation is None:
            raise RuntimeError("the training set has no validation field to refocus")
        made = self.how.refocused(
            self.networks["generator"], self.data.validation.input, self.data.planes, self.run
        )
        return torch.from_numpy(made)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next step depends on."""
        tensors: dict[str, Tensor] = {}
        scalars: dict[str, Any] = {
            "done": self.done,
            "seconds": dict(self.seconds),
            "losses": self.losses,
            "sums": self._sums,
            "curve": self.curve,
        }
        for name, network in self.networks.items():
            tensors |= {f"{name}/{key}": value for key, value in network.state_dict().items()}
            packed, scalars[name] = optimizers.pack(self.optimizers[name], f"optimizer-{name}")
            tensors |= packed
        return tensors, scalars

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        self.done, self.seconds = scalars["done"], dict(scalars["seconds"])
        self.losses = dict(scalars["losses"])
        self._sums = {name: list(pair) for name, pair in scalars["sums"].items()}
        self.curve = [dict(row) for row in scalars["curve"]]
        for name, network in self.networks.items():
            start = f"{name}/"
            own = {key[len(start) :]: v for key, v in tensors.items() if key.startswith(start)}
            network.load_state_dict(own)
            optimizers.unpack(self.optimizers[name], tensors, scalars[name])

    def _generator(self) -> nn.Module:
        network = self.how.network(self.data.planes)
        self.how.begin(network, self.data, self.run)
        return network

    def _cut(self, step: int) -> tuple[tuple[Tensor, Tensor], Sequence[Sequence[int]] | None]:
        how, planes = self.how, self.planes(step)
        crops = self.data.batch(
            self.run.seed,
            step,
            self.items,
            how.patch,
            planes=planes,
            augment=how.augment,
            with_cells=how.foreground,
        )
        pinned = (part.pin_memory() if self.run.device == "cuda" else part for part in crops)
        return tuple(pinned), planes

    def _note(self) -> None:
        """Add the step's losses to the epoch's; at its end, a row of the curve."""
        for name, value in self.losses.items():
            total, number = self._sums.get(name, (0.0, 0))
            self._sums[name] = [total + value, number + 1]
        if self.done % self.how.steps_per_epoch == 0:
            means = {name: total / number for name, (total, number) in self._sums.items()}
            self.curve.append({"epoch": self.done // self.how.steps_per_epoch, **means})
            self._sums = {}


def _cross_entropy(logits: Tensor, label: float) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
