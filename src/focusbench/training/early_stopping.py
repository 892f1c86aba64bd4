"""Stopping a deep image prior before it learns the noise (Wang et al. 2022, ES-WMV and ES-EMV).

While a network learns the object its output settles down; once it takes up noise it moves about
more. The variance of the last iterates thus has a minimum near the best of them, which takes no
truth to find. Azevedo et al. 2024, section 3, stop by the windowed form.

Which iterate is kept: the newest one at the time when the variance is lowest, not the mean of the
window nor its middle, as in Wang et al.'s algorithm and notebooks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from focusbench.training.loop import Stepper

CURVE_POINTS = 500  # of a variance curve in a record


class Variance(Protocol):
    """How much the latest iterates differ from each other."""

    criterion: str
    """Id of the rule: es_wmv or es_emv."""

    def update(self, volume: Tensor) -> Tensor | None:
        """Take the next iterate; return the variance (a number on its device) if there is one."""

    def parameters(self) -> dict[str, Any]:
        """Return what it was built with, as JSON."""

    def state(self) -> dict[str, Tensor]:
        """Return all that the next update depends on; the tensors may be the live ones."""

    def load(self, tensors: Mapping[str, Tensor], device: str) -> None:
        """Take up what `state` gave."""


class WindowedVariance:
    """ES-WMV: mean squared distance of the last `window` iterates from their mean, per voxel.

    The sums run along in float64, as differences from one iterate of the window (the origin), and
    are made anew, with a new origin, every `window` updates. As the origin never leaves the window,
    the sum of squares is at most `window` + 1 times the variance: nothing is lost where both are
    subtracted, however small the variance is and however far the iterates have come.

    Holds `window` + 1 volumes of float32 (72 MB at window 100 and 128 x 128 x 11) and one of
    float64.

    Parameters
    ----------
    window
        Iterates that are compared (W; Wang et al.: 100).
    """

    criterion = "es_wmv"

    def __init__(self, window: int = 100) -> None:
        if window < 2:
            raise ValueError(f"window is {window!r}; a whole number from 2 up is accepted")
        self.window = window
        self._seen = 0
        self._volumes = torch.empty(0)  # the last ones, the slot of each is its number % window
        self._squares = torch.empty(0)  # squared distance of each from the origin
        self._origin = torch.empty(0)
        self._sum = torch.empty(0)  # of all distances from the origin, voxel by voxel

    def update(self, volume: Tensor) -> Tensor | None:
        """Take the next iterate; return the variance once the window is full."""
        if not self._seen:
            self._allocate(volume.shape, volume.device)
        slot = self._seen % self.window
        full = self._seen >= self.window
        self._seen += 1
        if slot:
            new = volume.double()
            self._sum += new - (self._volumes[slot] if full else self._origin).double()
            self._volumes[slot] = volume
            self._squares[slot] = (new - self._origin.double()).square().sum()
        else:
            self._volumes[0] = volume
            self._start_anew(self.window if full else 1)
        if self._seen < self.window:
            return None
        mean = self._sum / self.window
        mean_square = self._squares.sum() / self.window
        return (mean_square - mean.square_().sum()).clamp_(min=0) / volume.numel()

    def parameters(self) -> dict[str, Any]:
        """Return the window."""
        return {"window": self.window}

    def state(self) -> dict[str, Tensor]:
        """Window, sums and origin."""
        return {
            "seen": torch.tensor(self._seen),
            "volumes": self._volumes[: self._seen],
            "squares": self._squares,
            "origin": self._origin,
            "sum": self._sum,
        }

    def load(self, tensors: Mapping[str, Tensor], device: str) -> None:
        """Take up what `state` gave."""
        self._seen = int(tensors["seen"])
        if not self._seen:
            return
        self._allocate(tensors["origin"].shape, torch.device(device))
        for own, saved in (
            (self._volumes[: self._seen], tensors["volumes"]),
            (self._squares, tensors["squares"]),
            (self._origin, tensors["origin"]),
            (self._sum, tensors["sum"]),
        ):
            own.copy_(saved)

    def _allocate(self, shape: torch.Size, device: torch.device) -> None:
        self._volumes = torch.empty(self.window, *shape, device=device)
        self._squares = torch.zeros(self.window, dtype=torch.float64, device=device)
        self._origin = torch.empty(shape, device=device)
        self._sum = torch.empty(shape, dtype=torch.float64, device=device)

    def _start_anew(self, filled: int) -> None:
        """Make the newest iterate (slot 0) the origin, and sum up the window; one volume a time."""
        self._origin.copy_(self._volumes[0])
        self._sum.zero_()
        for slot in range(filled):
            distance = self._volumes[slot].double() - self._origin.double()
            self._sum += distance
            self._squares[slot] = distance.square_().sum()


class MovingVariance:
    """ES-EMV: exponential moving variance of the iterates, per voxel, with O(1) memory.

    m <- m + alpha d and v <- (1 - alpha) (v + alpha |d|^2), with d = x - m before. Wang et al. sum
    over the voxels, here it is their mean: the minimum lies at the same step, and the curve has the
    scale of the windowed one.

    Parameters
    ----------
    alpha
        Weight of the newest iterate (Wang et al.: 0.1).
    """

    criterion = "es_emv"

    def __init__(self, alpha: float = 0.1) -> None:
        if not 0 < alpha < 1:
            raise ValueError(f"alpha is {alpha!r}; a number between 0 and 1 is accepted")
        self.alpha = alpha
        self._mean: Tensor | None = None
        self._variance: Tensor | None = None

    def update(self, volume: Tensor) -> Tensor | None:
        """Take the next iterate; return the variance from the second one on."""
        new = volume.double()
        if self._mean is None or self._variance is None:
            self._mean = new.clone()
            self._variance = torch.zeros((), dtype=torch.float64, device=volume.device)
            return None
        distance = new - self._mean
        self._mean += self.alpha * distance
        added = self.alpha * distance.square_().mean()
        self._variance = (1 - self.alpha) * (self._variance + added)
        return self._variance

    def parameters(self) -> dict[str, Any]:
        """Return alpha."""
        return {"alpha": self.alpha}

    def state(self) -> dict[str, Tensor]:
        """Mean and variance."""
        if self._mean is None or self._variance is None:
            return {}
        return {"mean": self._mean, "variance": self._variance}

    def load(self, tensors: Mapping[str, Tensor], device: str) -> None:
        """Take up what `state` gave."""
        self._mean = self._variance = None
        if "mean" in tensors:
            self._mean = tensors["mean"].to(device, copy=True)
            self._variance = tensors["variance"].to(device, copy=True)


class EarlyStopping:
    """Keeps the iterate at the lowest variance; says when there was no lower one for long.

    Parameters
    ----------
    variance
        `WindowedVariance` or `MovingVariance`.
    patience
        Steps in a row without a new minimum after which to stop (P; Wang et al.: 1,000).
    warm_up
        First steps whose variance counts for nothing; Wang et al. let 100 pass for ES-EMV.

    Attributes
    ----------
    step
        Iterates seen; the first one is number 1.
    best, best_step, best_variance
        The iterate that is kept (None: no variance yet), its number, and the variance there.
    stopped_at
        Step at which the patience came to its end. What comes after enters the curve alone.
    """

    def __init__(self, variance: Variance, patience: int = 1000, warm_up: int = 0) -> None:
        if patience < 1:
            raise ValueError(f"patience is {patience!r}; a whole number from 1 up is accepted")
        if warm_up < 0:
            raise ValueError(f"warm_up is {warm_up!r}; a whole number from 0 up is accepted")
        self.variance = variance
        self.patience = patience
        self.warm_up = warm_up
        self.step = 0
        self.best: Tensor | None = None
        self.best_step: int | None = None
        self.best_variance = math.inf
        self.stopped_at: int | None = None
        self._waited = 0
        self._curve: list[float] = []  # from step 1; NaN where there is none

    @property
    def stopped(self) -> bool:
        """Whether further steps are of no use."""
        return self.stopped_at is not None

    def update(self, volume: Tensor) -> float | None:
        """Take the next iterate, float32 (Z, Y, X); return the variance, if there is one yet."""
        found = self.variance.update(volume)
        value = math.nan if found is None else found.item()
        self.step += 1
        self._curve.append(value)
        if found is None:
            return None
        if not self.stopped and self.step > self.warm_up:
            self._test(value, volume)
        return value

    def details(self) -> dict[str, Any]:
        """Return what was seen, as JSON.

        `criterion` and its parameters; `step` and `variance` of the iterate that is kept;
        `stopped_at`, None where the steps ended before the patience; the curve as `steps` and
        `variances` (per voxel), thinned to about `CURVE_POINTS`, with the minimum in it.
        """
        every = max(1, math.ceil(self.step / CURVE_POINTS))
        shown = [
            step
            for step, value in enumerate(self._curve, start=1)
            if not math.isnan(value)
            and (step % every == 0 or step in (self.best_step, self.stopped_at, self.step))
        ]
        return {
            "criterion": self.variance.criterion,
            **self.variance.parameters(),
            "patience": self.patience,
            "warm_up": self.warm_up,
            "step": self.best_step,
            "variance": None if self.best_step is None else self.best_variance,
            "stopped_at": self.stopped_at,
            "steps": shown,
            "variances": [self._curve[step - 1] for step in shown],
        }

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return all that the next step depends on: tensors, and scalars as JSON."""
        tensors = {f"variance/{name}": value for name, value in self.variance.state().items()}
        tensors["curve"] = torch.tensor(self._curve, dtype=torch.float64)
        if self.best is not None:
            tensors["best"] = self.best
        return tensors, {
            "best_step": self.best_step,
            "best_variance": None if self.best_step is None else self.best_variance,
            "stopped_at": self.stopped_at,
            "waited": self._waited,
        }

    def load(
        self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any], device: str = "cpu"
    ) -> None:
        """Take up what `state` gave; it goes on bit for bit as if it had not been cut off."""
        start = "variance/"
        own = {name[len(start) :]: x for name, x in tensors.items() if name.startswith(start)}
        self.variance.load(own, device)
        self._curve = tensors["curve"].tolist()
        self.step = len(self._curve)
        self.best = tensors["best"].to(device, copy=True) if "best" in tensors else None
        self.best_step, self.stopped_at = scalars["best_step"], scalars["stopped_at"]
        self.best_variance = math.inf if self.best_step is None else scalars["best_variance"]
        self._waited = scalars["waited"]

    def _test(self, value: float, volume: Tensor) -> None:
        if value < self.best_variance:
            self.best_variance, self.best_step, self._waited = value, self.step, 0
            self.best = volume.detach().clone()
            return
        self._waited += 1
        if self._waited >= self.patience:
            self.stopped_at = self.step


class Watched:
    """A stepper whose iterates an `EarlyStopping` sees; it ends the steps only if `ends`.

    Parameters
    ----------
    stepper
        What is iterated; its estimate after each step is the iterate.
    stopping
        What looks on.
    ends
        True: no step after the patience came to its end. False: all planned steps are done, so that
        one run gives the last iterate and the one that would have been kept.
    device
        Of the stepper's estimates.
    """

    def __init__(
        self, stepper: Stepper, stopping: EarlyStopping, ends: bool, device: str = "cpu"
    ) -> None:
        self.stepper = stepper
        self.stopping = stopping
        self.ends = ends
        self.device = device

    @property
    def finished(self) -> bool:
        """Whether further steps are of no use."""
        return self.stepper.finished or (self.ends and self.stopping.stopped)

    def step(self) -> float:
        """Do one step and look at its estimate; return its loss."""
        loss = self.stepper.step()
        self.stopping.update(self.stepper.estimate())
        return loss

    def estimate(self) -> Tensor:
        """Return the object as it stands now, not the one that is kept."""
        return self.stepper.estimate()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the stepper's state and what was seen of it."""
        tensors, scalars = self.stepper.state()
        seen, marks = self.stopping.state()
        seen = {f"stopping/{name}": value for name, value in seen.items()}
        return {**tensors, **seen}, {"stepper": dict(scalars), "stopping": marks}

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        start = "stopping/"
        own = {name: x for name, x in tensors.items() if not name.startswith(start)}
        seen = {name[len(start) :]: x for name, x in tensors.items() if name.startswith(start)}
        self.stepper.load(own, scalars["stepper"])
        self.stopping.load(seen, scalars["stopping"], self.device)
