"""Seconds per step, measured on the method itself."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from focusbench.problem import Estimate, Monitor
from focusbench.training.device import synchronize


class _EnoughError(BaseException):
    """Ends a method with a loop of its own once its time is known; no method catches it."""


class Seconds(NamedTuple):
    """Wall time, and CPU time of all threads together."""

    wall: float
    cpu: float


@dataclass
class Phase:
    """What was measured of one phase of a method."""

    planned: int | None  # steps that the phase would have had; None: unknown
    monitored: bool  # its steps count as the method's own
    steps: list[Seconds] = field(default_factory=list)

    @property
    def per_step(self) -> Seconds | None:
        """Median over the measured steps; None without any."""
        if not self.steps:
            return None
        return Seconds(*map(statistics.median, zip(*self.steps, strict=True)))


class Stopwatch:
    """Monitor that lets `warm_up` steps of each phase pass and takes the time of `steps` more.

    `training.loop.iterate` ends every phase after `most_steps`; a method with a loop of its own is
    ended when its time is known.
    """

    def __init__(self, warm_up: int, steps: int, device: str) -> None:
        if warm_up < 0 or steps < 1:
            raise ValueError(f"warm_up {warm_up} and steps {steps} must be at least 0 and 1")
        self.phases: list[Phase] = []
        self.most_steps = warm_up + steps
        self._warm_up = warm_up
        self._device = device
        self._seen = 0
        self._before: Seconds | None = None
        self._begun = False

    def begin(self, phase: str, steps: int, monitored: bool) -> None:
        """Start the clock of a phase's first step."""
        self.phases.append(Phase(steps, monitored))
        self._begun, self._seen, self._before = True, 0, self._now()

    def tell(self, step: int, loss: float) -> None:
        """Take the time of the step that has just been done."""
        now = self._now()
        self._seen += 1
        if self._seen > self._warm_up and self._before is not None:
            spent = Seconds(now.wall - self._before.wall, now.cpu - self._before.cpu)
            self.phases[-1].steps.append(spent)
        self._before = now

    def __call__(self, step: int, loss: float, estimate: Estimate) -> None:
        """Take the time of the step that has just been done; the estimate is not looked at."""
        if not self.phases:
            self.phases.append(Phase(None, True))
        self.tell(step, loss)
        if not self._begun and self._seen >= self.most_steps:
            raise _EnoughError

    def state(self) -> dict[str, Any]:
        """Return nothing: a measurement that was cut off starts anew."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""

    def _now(self) -> Seconds:
        synchronize(self._device)
        return Seconds(time.perf_counter(), time.process_time())


def measure(
    call: Callable[[Monitor], object], warm_up: int, steps: int, device: str, iterations: int
) -> dict[str, Any]:
    """Run a method under a `Stopwatch` and tell what the whole of it would take.

    Parameters
    ----------
    call
        Runs the method with the monitor that it is given, and with a state that is not kept.
    warm_up, steps
        Steps of each phase that pass unmeasured, and steps to measure.
    device
        "cpu" or "cuda"; it is waited for at the end of each step.
    iterations
        Steps of the whole restoration, as its record counts them.

    Returns
    -------
    dict
        `seconds_per_step` and `cpu_seconds_per_step`: medians over the `measured_steps` of the
        restoration proper (None for a method without steps, or with fewer than the warm-up);
        `seconds` and `cpu_seconds`: of all its steps and those of the phases before it, or of the
        call itself where there are none.
    """
    watch = Stopwatch(warm_up, steps, device)
    before = watch._now()
    with contextlib.suppress(_EnoughError):
        call(watch)
    after = watch._now()
    timed = [phase for phase in watch.phases if phase.per_step]
    main = [phase for phase in timed if phase.monitored]
    if not main:
        whole = Seconds(after.wall - before.wall, after.cpu - before.cpu)
        per_step: Seconds | None = None
    else:
        per_step = main[-1].per_step
        counts = [iterations if phase is main[-1] else phase.planned or 0 for phase in timed]
        whole = Seconds(
            *(
                sum(count * phase.per_step[k] for count, phase in zip(counts, timed, strict=True))
                for k in range(2)
            )
        )
    return {
        "seconds_per_step": per_step.wall if per_step else None,
        "cpu_seconds_per_step": per_step.cpu if per_step else None,
        "measured_steps": len(main[-1].steps) if main else 0,
        "seconds": whole.wall,
        "cpu_seconds": whole.cpu,
    }
