"""What the networks share that learn to tell how far a patch is out of focus.

He et al. 2020, section 2.2, built with Keras: cross-entropy, Adam with Keras' constants and its
decay of the learning rate.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from focusbench.errors import InputError
from focusbench.networks.keras_counts import counted
from focusbench.parameters import check_parameters
from focusbench.problem import Run, Weights
from focusbench.training import optimizers, precision, seeds
from focusbench.training.level_map import class_of
from focusbench.training.level_prediction import LevelPredictor
from focusbench.training.loop import iterate
from focusbench.training.patches import LARGEST, LevelFields, Patches

BETAS = (0.9, 0.999)
EPSILON = 1e-7
"""Of Adam, as Keras has it; torch: 1e-8."""


@dataclass(frozen=True)
class LevelClassifier(LevelPredictor):
    """Parameters of network and training, and the run of either.

    Defaults are the paper's.

    Parameters
    ----------
    side, ..., split
        As of `training.level_prediction.LevelPredictor`.
    width
        Factor of the network's channels.
    epochs
        Passes over all patches.
    batch_size
        Patches in a step; the last of an epoch has what remains. A single one is left out, as batch
        normalisation cannot be taught with it.
    learning_rate, decay
        Of Adam: in step t, counted from 0, the rate is learning_rate / (1 + decay t).
    anneal
        Share of the steps (0 to 1), the last ones, in which the rate also falls to 0 on a straight
        line: a short training ends where it wobbled before. 0 in the paper.
    scale
        Counts are divided by it. With the paper's 65535 a nucleus has 0.003 to 0.06, so that the
        variance is less than what batch normalisation in Keras adds to it: the first layer hardly
        normalises.
    precision
        "float32", "tf32" or "bfloat16" (mixed precision); on the CPU, tf32 is float32.
    """

    width: float = 1.0
    epochs: int = 1000
    batch_size: int = 128
    learning_rate: float = 6e-5
    decay: float = 5e-6
    anneal: float = 0.0
    scale: float = float(LARGEST)
    precision: str = "tf32"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_parameters(
            self,
            counts=("batch_size",),
            counts_or_0=("epochs",),
            positive=("width", "learning_rate", "scale"),
            positive_or_0=("decay", "anneal"),
        )
        if self.anneal > 1:
            raise InputError(f"anneal is {self.anneal!r}; a share from 0 to 1 is accepted")
        precision.check(self.precision)
        with torch.device("meta"), torch.no_grad():  # the network's own checks, at no cost
            self.network().eval()(torch.empty(1, 1, self.side, self.side))

    @abstractmethod
    def network(self) -> nn.Module:
        """Build the network: patches (N, 1, side, side) over `scale` -> logits (N, classes)."""

    @property
    def architecture(self) -> dict[str, Any]:
        """What weights must agree on to fit this predictor."""
        return {
            "network": self.name,
            "width": self.width,
            "classes": self.classes,
            "levels": self.n_levels,
            "side": self.side,
            "scale": self.scale,
        }

    def rate(self, done: int, steps: int) -> float:
        """Learning rate of the step after `done` of all `steps`: Keras' inverse-time decay."""
        rate = self.learning_rate / (1 + self.decay * done)
        last = self.anneal * steps
        return rate * min(1.0, (steps - done) / last) if last else rate

    def steps_per_epoch(self, patches: int) -> int:
        """Batches that `patches` are divided into."""
        whole, rest = divmod(patches, self.batch_size)
        return whole + int(rest > 1 or (rest == 1 and whole == 0))

    def planned_steps(self, data: LevelFields) -> int:
        """Steps that `fit` does with this training set: what a monitor is told beforehand."""
        return self.epochs * self.steps_per_epoch(len(data.split.train) * self.per_image)

    def learner(self, data: LevelFields, run: Run) -> LevelLearner:
        """Return the network and its optimiser at the start of a training."""
        self.check_data(data)
        return LevelLearner(self, data, run)

    def fit(self, data: LevelFields, run: Run) -> Weights:
        """Train on patches of `data`.

        Returns
        -------
        Weights
            `network/...`, running statistics included. The description holds `architecture`, what
            the training was and the numbers of `parameters`. `details` hold the `curve`, of every
            epoch the mean loss of its steps and, on the validation patches, `validation_loss` and
            `validation_accuracy` (0 to 1), and the share of time spent on loading.
        """
        learner = self.learner(data, run)
        steps = self.epochs * learner.steps_per_epoch
        outcome = iterate(learner, steps, run, phase="training")
        if outcome.passed_over:
            raise RuntimeError("fit was given the state of something else; each needs its own")
        values = learner.network.state_dict()
        tensors = {f"network/{name}": value.cpu() for name, value in values.items()}
        description = self.description(data, run, len(learner.train))
        description["parameters"] = counted(learner.network)._asdict()
        description["training"] |= {
            "epochs": self.epochs,
            "steps": outcome.steps,
            "repeatable": not outcome.out_of_time,
        }
        seconds = learner.seconds
        details = {
            "curve": learner.curve,
            "loading_share": seconds["loading"] / seconds["steps"] if seconds["steps"] else None,
            "seconds": seconds,
        }
        return Weights(tensors, description, details)

    def probabilities(self, patches: np.ndarray, run: Run, weights: Weights | None) -> np.ndarray:
        """Apply the network; see `LevelPredictor.probabilities`."""
        self.check_patches(patches)
        tensors = self.check_weights(weights)
        network = self.network()
        start = "network/"
        own = {name[len(start) :]: v for name, v in tensors.items() if name.startswith(start)}
        try:
            network.load_state_dict(own)
        except RuntimeError:
            raise InputError(
                f"{self.name}: the weights' tensors are not those of {self.architecture}"
            ) from None
        scaled = torch.from_numpy(np.asarray(patches, np.float32))[:, None] / self.scale
        made = classified(network.to(run.device), scaled, self, run.device)
        return functional.softmax(made, dim=1).numpy()


class LevelLearner:
    """A network and its optimiser, taught batch by batch.

    Which patches a step sees, and what dropout leaves out, follows from the run's seed and the
    count of steps done: this count, the network, the optimiser and the curve are all that a state
    must hold.

    Attributes
    ----------
    network, optimizer
        As they stand.
    train, validation : Patches
        What is learned from, and watched; the latter may be empty.
    steps_per_epoch, done : int
        Steps of an epoch, and so far.
    curve : list of dict
        Of each finished epoch: `epoch` (from 1), `loss`, and on the validation patches, if there
        are any, `validation_loss` and `validation_accuracy`.
    seconds : dict
        Wall time of all `steps`, of `loading` their patches onto the device, and of `watching`.
    """

    finished = False

    def __init__(self, how: LevelClassifier, data: LevelFields, run: Run) -> None:
        self.how, self.run = how, run
        self.train = data.patches("train", how.cutting)
        self.validation = data.patches("validation", how.cutting.unchanged)
        self.steps_per_epoch = how.steps_per_epoch(len(self.train))
        with seeds.seeded(run.seed, "network", how.name):
            network = how.network()
        # of use to tensor cores; on a CPU a thin network needs a third less time
        self.network = network.to(run.device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=how.learning_rate, betas=BETAS, eps=EPSILON
        )
        self.done = 0
        self.curve: list[dict[str, float]] = []
        self.seconds = {"steps": 0.0, "loading": 0.0, "watching": 0.0}
        self._losses = 0.0  # sum over the steps of this epoch
        self._order: tuple[int, np.ndarray] | None = None
        self._ahead: tuple[int, Tensor, Tensor] | None = None

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Patches (N, 1, side, side) over `scale` and their class numbers, for a step from 0."""
        epoch, number = divmod(step, self.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, self.train.order(epoch)
        start = number * self.how.batch_size
        chosen = self._order[1][start : start + self.how.batch_size]
        patches, classes = self.train.tensors(chosen, epoch, self.how.scale)
        if self.run.device == "cuda":
            patches, classes = patches.pin_memory(), classes.pin_memory()
        return patches, classes

    def step(self) -> float:
        """Move the parameters once; return the loss before."""
        begun = time.perf_counter()
        if self._ahead is None or self._ahead[0] != self.done:
            self._ahead = (self.done, *self.batch(self.done))
        patches, classes = (part.to(self.run.device, non_blocking=True) for part in self._ahead[1:])
        self._ahead = None
        self.seconds["loading"] += time.perf_counter() - begun
        for group in self.optimizer.param_groups:
            group["lr"] = self.how.rate(self.done, self.how.epochs * self.steps_per_epoch)
            group["eps"] = keras_epsilon(self.done)
        self.network.train()
        with (
            seeds.seeded(self.run.seed, "dropout", self.done),
            precision.arithmetic(self.how.precision),
        ):
            with precision.autocast(self.run.device, self.how.precision):
                logits = self.network(patches)
            loss = functional.cross_entropy(logits.float(), classes)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        if self.run.device == "cuda" and (self.done + 1) % self.steps_per_epoch:
            # the device has work to do meanwhile
            self._ahead = (self.done + 1, *self.batch(self.done + 1))
        value = loss.item()
        self.done += 1
        self._losses += value
        self.seconds["steps"] += time.perf_counter() - begun
        if self.done % self.steps_per_epoch == 0:
            self._end_epoch()
        return value

    def estimate(self) -> Tensor:
        """Probabilities of the validation patches as the network stands, (N, classes).

        Raises
        ------
        RuntimeError
            There are none.
        """
        return functional.softmax(self._watched()[0], dim=1)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next step depends on."""
        tensors = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        packed, scalars = optimizers.pack(self.optimizer)
        return tensors | packed, {
            "done": self.done,
            "losses": self._losses,
            "curve": self.curve,
            "seconds": self.seconds,
            "optimizer": scalars,
        }

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        start = "network/"
        own = {name[len(start) :]: v for name, v in tensors.items() if name.startswith(start)}
        self.network.load_state_dict(own)
        optimizers.unpack(self.optimizer, tensors, scalars["optimizer"])
        self.done, self._losses = scalars["done"], scalars["losses"]
        self.curve = [dict(row) for row in scalars["curve"]]
        self.seconds = dict(scalars["seconds"])

    def _end_epoch(self) -> None:
        row = {
            "epoch": self.done // self.steps_per_epoch,
            "loss": self._losses / self.steps_per_epoch,
        }
        self._losses = 0.0
        if len(self.validation):
            begun = time.perf_counter()
            logits, classes = self._watched()
            right = logits.argmax(dim=1) == classes
            row["validation_loss"] = float(functional.cross_entropy(logits, classes))
            row["validation_accuracy"] = float(right.double().mean())
            self.seconds["watching"] += time.perf_counter() - begun
        self.curve.append(row)

    def _watched(self) -> tuple[Tensor, Tensor]:
        """Logits and class numbers of the validation patches, on the CPU."""
        if not len(self.validation):
            raise RuntimeError("the training set has no validation patches")
        return logits_of(self.network, self.validation, self.how, self.run.device)


def keras_epsilon(done: int) -> float:
    """Epsilon that makes torch's Adam Keras' in the step after `done` ones.

    Keras adds 1e-7 to the root of the second moment before, torch after its bias is corrected.
    """
    return EPSILON / (1 - BETAS[1] ** (done + 1)) ** 0.5


def logits_of(
    network: nn.Module, patches: Patches, how: LevelClassifier, device: str
) -> tuple[Tensor, Tensor]:
    """Logits (N, classes) and class numbers (N,) of all patches, cut batch by batch; on the CPU."""
    made, known = [], []
    for start in range(0, len(patches), how.batch_size):
        numbers = np.arange(start, min(start + how.batch_size, len(patches)))
        counts_, levels = patches.batch(numbers)
        scaled = torch.from_numpy(counts_)[:, None] / how.scale
        made.append(classified(network, scaled, how, device))
        known.append(torch.from_numpy(class_of(levels, how.n_levels)))
    return torch.cat(made), torch.cat(known)


@torch.no_grad()
def classified(network: nn.Module, patches: Tensor, how: LevelClassifier, device: str) -> Tensor:
    """Logits (N, classes), float32 on the CPU, of patches (N, 1, Y, X); in batches, no dropout."""
    network.eval()
    made = []
    with precision.arithmetic(how.precision):
        for part in patches.split(how.batch_size):
            with precision.autocast(device, how.precision):
                made.append(network(part.to(device)).float().cpu())
    return torch.cat(made)
