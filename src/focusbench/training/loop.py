"""The loop of every method that works in steps: it resumes, reports, and stops in time.

A method gives its step as a `Stepper` and calls `iterate` once for each of its phases (a fit to a
constant, say, then the reconstruction), in order and with a name each. The saved state says which
phase it belongs to and which ones came before, so that the rerun of a killed method passes over
what was finished and goes on in the middle of the phase that was cut off. The same steps then
follow as if nothing had happened: on the CPU, to the same bytes.
"""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from focusbench import environment
from focusbench.problem import Restoration, Run
from focusbench.training.state import NoState

if TYPE_CHECKING:
    from torch import Tensor

_log = logging.getLogger(__name__)

SAVE_SECONDS = 30.0
"""Least time between two saves, so the most that a kill costs, but for the step at work; the
environment's FOCUSBENCH_SAVE_SECONDS stands above it."""

STOPS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
"""What asks a run to save and to leave. SLURM sends the second one ahead of a time limit, if told
to (``--signal=USR1@120``); the third is Ctrl-C."""

TERMINATED = 128 + signal.SIGTERM
"""Exit status after any of them (143)."""


class Stepper(Protocol):
    """An iteration that can be taken apart between two steps and put together again."""

    finished: bool
    """True once further steps are of no use; attribute or property."""

    def step(self) -> float:
        """Do one step; return its loss."""

    def estimate(self) -> Tensor:
        """Return the object (Z, Y, X) as it stands now."""

    def state(self) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
        """Return all that the next step depends on: tensors, and scalars as JSON.

        The tensors may be the live ones; they are copied when they are saved.
        """

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""


@dataclass(frozen=True)
class Outcome:
    """How a phase ended.

    `steps` counts those of the phase over all attempts, `seconds` the wall time of the run so far,
    earlier phases and attempts included. `out_of_time`: a time budget cut the phase short.
    `passed_over`: it was finished in an earlier attempt and a later phase has begun since, so that
    the stepper was left as it was.
    """

    steps: int
    out_of_time: bool
    seconds: float = 0.0
    passed_over: bool = False


def iterate(
    stepper: Stepper,
    steps: int,
    run: Run,
    *,
    phase: str = "main",
    monitored: bool = True,
    after: Outcome | None = None,
) -> Outcome:
    """Do `steps` steps, or fewer if the stepper is finished or the time is up.

    Parameters
    ----------
    stepper
        What is iterated.
    steps
        Steps of this phase at most; 0 is allowed.
    run
        Its `state` is read at the start, replaced every `SAVE_SECONDS` and at the end; its
        `monitor` is told of every step, counted from 1; its `budget_seconds` of wall time covers
        all phases and attempts together, and the step that exceeds it is the last one. A phase that
        starts with nothing left of the budget does no step.
    phase
        Name of this phase, another one for each call within one `restore` or `fit`.
    monitored
        False: the steps enter no trace (their losses and estimates mean something else); a monitor
        with a method `tell(step, loss)` still gets to show them.
    after
        The outcome of the phase before, if any: its seconds count against the budget.

    Raises
    ------
    FloatingPointError
        The loss is infinite or not a number.
    InputError
        FOCUSBENCH_SAVE_SECONDS is no number from 0 up.
    SystemExit
        Status 143 on SIGTERM, SIGUSR1 or SIGINT, after the step at work was done and the state
        saved. Only the main thread can listen for them.
    """
    begun = time.monotonic()
    saved = run.state.load()
    tensors, scalars = saved or ({}, {})
    finished: dict[str, Any] = dict(scalars.get("finished", {}))
    if scalars.get("done"):
        finished[scalars["phase"]] = {
            "steps": scalars["step"],
            "out_of_time": scalars["out_of_time"],
        }
    before = max(scalars.get("seconds", 0.0), after.seconds if after else 0.0)
    resumed = scalars.get("phase") == phase
    if scalars:
        run.monitor.restore(scalars["monitor"])
    if phase in finished:
        if resumed:
            stepper.load(tensors, scalars["stepper"])
        return Outcome(**finished[phase], seconds=before, passed_over=not resumed)
    step = 0
    if resumed:
        stepper.load(tensors, scalars["stepper"])
        step = scalars["step"]
    del saved, tensors, scalars

    def seconds() -> float:
        return before + time.monotonic() - begun

    def over() -> bool:
        return run.budget_seconds is not None and seconds() >= run.budget_seconds

    def save(done: bool, out_of_time: bool) -> None:
        values, numbers = stepper.state()
        note = {
            "phase": phase,
            "step": step,
            "done": done,
            "out_of_time": out_of_time,
            "finished": finished,
            "seconds": seconds(),
            "stepper": dict(numbers),
            "monitor": run.monitor.state(),
        }
        run.state.save(values, note)

    _tell(run.monitor, "begin", phase, steps, monitored)
    steps = min(steps, getattr(run.monitor, "most_steps", steps))  # a stopwatch wants no more
    interval = environment.number("FOCUSBENCH_SAVE_SECONDS", SAVE_SECONDS)
    last_save = time.monotonic()
    with _termination() as terminated:
        out_of_time = over()
        while step < steps and not stepper.finished and not out_of_time:
            loss = stepper.step()
            step += 1
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} at step {step} of phase {phase!r}")
            if monitored:
                run.monitor(step, loss, stepper.estimate)
            else:
                _tell(run.monitor, "tell", step, loss)
            out_of_time = over()
            if terminated.is_set() or time.monotonic() - last_save >= interval:
                if step < steps and not stepper.finished and not out_of_time:
                    save(False, False)
                    if terminated.is_set():
                        _leave(run, step, phase)
                last_save = time.monotonic()
        out_of_time = out_of_time and step < steps and not stepper.finished
        if monitored:
            _tell(run.monitor, "finish")
        save(True, out_of_time)
        if terminated.is_set():
            _leave(run, step, phase)
    return Outcome(step, out_of_time, seconds())


def restored(stepper: Stepper, outcome: Outcome, evaluations: int | None = None) -> Restoration:
    """Restoration that ends with the stepper's estimate, float32.

    `evaluations`: of the imaging model; None: one in each step of the phase.
    """
    return Restoration(
        estimate=stepper.estimate().float().cpu().numpy(),
        iterations=outcome.steps,
        evaluations=outcome.steps if evaluations is None else evaluations,
        repeatable=not outcome.out_of_time,
    )


def _leave(run: Run, step: int, phase: str) -> NoReturn:
    kept = "nothing was kept" if isinstance(run.state, NoState) else "asked again, it goes on there"
    _log.warning("asked to stop: left after step %d of phase %r; %s", step, phase, kept)
    raise SystemExit(TERMINATED)


def _tell(monitor: object, name: str, *arguments: object) -> None:
    """Call a method that a monitor may have beyond those of `problem.Monitor`."""
    method = getattr(monitor, name, None)
    if method is not None:
        method(*arguments)


@contextmanager
def _termination() -> Iterator[threading.Event]:
    """Give an event that `STOPS` set, so that the step at work is brought to its end first."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    previous = {number: signal.signal(number, lambda *_: event.set()) for number in STOPS}
    try:
        yield event
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
