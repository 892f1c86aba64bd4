"""Seconds per step, measured on the method itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from focusbench.problem import Estimate, Monitor
from focusbench.training.device import synchronize


class _EnoughError(BaseException):
    """Ends a method whose time is known; no method catches it."""


class Stopwatch:
    """Monitor that lets `warm_up` steps pass, takes the time of `steps` more, and ends the method.

    Phases that are not monitored are cut to one step (`timing_only` tells the loop so). `seconds`
    holds the time of each step that was measured.
    """

    timing_only = True

    def __init__(self, warm_up: int, steps: int, device: str) -> None:
        if warm_up < 0 or steps < 1:
            raise ValueError(f"warm_up {warm_up} and steps {steps} must be at least 0 and 1")
        self.seconds: list[float] = []
        self._warm_up = warm_up
        self._steps = steps
        self._device = device
        self._seen = 0
        self._before: float | None = None

    def begin(self, phase: str, steps: int) -> None:
        """Start the clock of the first step."""
        synchronize(self._device)
        self._before = time.perf_counter()

    def __call__(self, step: int, loss: float, estimate: Estimate) -> None:
        """Take the time of the step that has just been done."""
        synchronize(self._device)
        now = time.perf_counter()
        self._seen += 1
        if self._seen > self._warm_up and self._before is not None:
            self.seconds.append(now - self._before)
        if len(self.seconds) >= self._steps:
            raise _EnoughError
        self._before = now

    def state(self) -> dict[str, Any]:
        """Return nothing: a measurement that was cut off starts anew."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""


def seconds_per_step(
    call: Callable[[Monitor], object], warm_up: int, steps: int, device: str
) -> dict[str, Any]:
    """Run a method under a `Stopwatch`.

    Parameters
    ----------
    call
        Runs the method with the monitor that it is given, and with a state that is not kept.
    warm_up, steps
        Steps that pass unmeasured, and steps to measure.
    device
        "cpu" or "cuda"; it is waited for at the end of each step.

    Returns
    -------
    dict
        `median` seconds of a step (None: no step beyond the warm-up), `count` of steps measured,
        and `total`: the whole call's seconds if the method ended by itself, else None.
    """
    watch = Stopwatch(warm_up, steps, device)
    total: float | None = None
    synchronize(device)
    begun = time.perf_counter()
    try:
        call(watch)
        synchronize(device)
        total = time.perf_counter() - begun
    except _EnoughError:
        pass
    median = statistics.median(watch.seconds) if watch.seconds else None
    return {"median": median, "count": len(watch.seconds), "total": total}
