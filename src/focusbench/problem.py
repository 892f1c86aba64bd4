"""The types that tracks, methods and evaluation share.

A track states a `Problem`; a method turns it into a `Restoration`; a `Run` says how (seed, device,
threads, where to keep state, who watches). Nothing here imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Tensors = Mapping[str, "Tensor"]
Scalars = Mapping[str, Any]


class Forward(Protocol):
    """The imaging model: what the camera records of an object."""

    def apply(self, x: Tensor) -> Tensor:
        """Map the object (..., Z, Y, X) to the noise-free observation; differentiable."""


class LinearForward(Forward, Protocol):
    """A linear imaging model; the ray model is none."""

    def adjoint(self, y: Tensor) -> Tensor:
        """Apply the exact adjoint: <apply(x), y> = <x, adjoint(y)>."""


class Deferred:
    """A forward model that is built when something of it is first asked for.

    Rows that cost nothing never ask: their jobs then need not load what the model computes with.
    """

    def __init__(self, build: Callable[[], Forward]) -> None:
        self._build = build

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # of copying and the like: never the model's
            raise AttributeError(name)
        if "_made" not in self.__dict__:
            self._made = self._build()
        return getattr(self._made, name)


@dataclass(frozen=True)
class Noise:
    """Noise of an observation, in its own intensity units.

    `gaussian_sigma` is the standard deviation of additive noise, `quantisation_step` the width of a
    grey level (0: not quantised), `photons` the photons per unit of intensity (infinite: no shot
    noise). `power` is the expected mean squared departure from the noise-free image, whatever
    caused it, clipping included; None where it follows from the first two alone.
    """

    gaussian_sigma: float = 0.0
    quantisation_step: float = 0.0
    photons: float = math.inf
    power: float | None = None

    @property
    def mean_square(self) -> float:
        """Expected mean squared departure from the noise-free image."""
        if self.power is not None:
            return self.power
        return self.gaussian_sigma**2 + self.quantisation_step**2 / 12  # uniform rounding error

    @property
    def standard_deviation(self) -> float:
        """Root of `mean_square`."""
        return math.sqrt(self.mean_square)


@dataclass(frozen=True)
class Problem:
    """What a method may know; never the truth."""

    track: str
    observed: np.ndarray
    axes: str  # one letter an axis of `observed`, such as "ZYX"
    voxel_size: tuple[float, ...]  # um, one value a spatial axis in the order of `axes`
    forward: Forward | None = None  # None: unknown (blind)
    noise: Noise | None = None  # None: unknown
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)
    # where an estimate has another grid than the observation: the shapes that are accepted, the
    # whole one first, and its voxel size, um; empty and None: those of the observation
    estimates: tuple[tuple[int, ...], ...] = ()
    estimate_voxel_size: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Restoration:
    """What a method gives back: the estimate, and the work that it took.

    `iterations` counts the method's own steps, `evaluations` those of the forward model (with or
    without its gradient), searches for parameters included. `repeatable` is False where a time
    budget, not a count of steps, ended the run.

    `others` are further estimates that came out of the same run, by name, such as the one that
    early stopping would have kept; they are scored, not written. `details` is what else a reader
    may want to see of the run, as JSON, such as the variance curve of early stopping.
    """

    estimate: np.ndarray
    iterations: int = 0
    evaluations: int = 0
    repeatable: bool = True
    others: Mapping[str, np.ndarray] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Weights:
    """A trained model: named tensors, and what is needed to build the network again (JSON).

    `details` is what else a reader may want to see of the training (JSON): it goes into the
    training's record, not into the file of weights, so that it may hold costs.
    """

    tensors: Tensors
    description: Scalars = field(default_factory=dict)
    details: Scalars = field(default_factory=dict)


class TrainingSet(Protocol):
    """Pairs to learn from; item `i` is the same whenever and in whatever order it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """(input, target), float32, without batch axis."""


class State(Protocol):
    """Where a run keeps what it needs to go on after a kill."""

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Last saved (tensors, scalars); None at a fresh start."""

    def save(self, tensors: Tensors, scalars: Scalars) -> None:
        """Replace the saved state, atomically."""


Estimate = Any  # array, tensor, or a function of no arguments that returns one


class Monitor(Protocol):
    """Watches a run: owns the truth (if any), the trace and the progress display."""

    def __call__(self, step: int, loss: float, estimate: Estimate) -> None:
        """Report the state after `step` steps; a function is called only if its value is wanted."""

    def state(self) -> dict[str, Any]:
        """What was noted so far, as JSON."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what an earlier process had noted."""


@dataclass(frozen=True)
class Run:
    """How to run a method."""

    seed: int
    device: str  # "cpu" or "cuda"
    threads: int
    budget_seconds: float | None  # None: the method's own count of steps ends it
    state: State
    monitor: Monitor


class Method(Protocol):
    """A frozen dataclass of its own parameters."""

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Estimate the object behind `problem.observed`."""


class TrainedMethod(Method, Protocol):
    """A method that learns before it restores."""

    def fit(self, data: TrainingSet, run: Run) -> Weights:
        """Train on `data`."""


Build = Callable[..., Method]
