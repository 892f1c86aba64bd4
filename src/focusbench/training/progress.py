"""Monitors: the trace of a run, and the line that shows how far it is.

Besides what `problem.Monitor` asks for, a monitor may have `begin(phase, steps, monitored)`, called
before a phase, `tell(step, loss)`, called for the steps of phases that enter no trace, `finish()`,
called after the last step of one that does, and `most_steps`, beyond which no phase goes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from focusbench.files import write_text
from focusbench.problem import Estimate

LINE_SECONDS = 10.0
"""Least time between two lines of progress."""


class Silent:
    """Notes nothing, shows nothing."""

    def __call__(self, step: int, loss: float, estimate: Estimate) -> None:
        """Do nothing."""

    def state(self) -> dict[str, Any]:
        """Nothing was noted."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""


class Row(NamedTuple):
    """One row of a trace; `psnr` in dB, None where there is no truth."""

    step: int
    loss: float
    psnr: float | None


class Trace:
    """Notes step, loss and PSNR, and shows them on standard error.

    Rows are taken at step 1, at every multiple of `every`, and at the last step. A row is
    repeatable; its cost is not, and is kept apart in `seconds`: for each row (wall, CPU) seconds
    since the trace was built, summed over the attempts of a run that was cut off (what an attempt
    did after its last save is lost and not counted). The time spent on scoring is left out.

    Parameters
    ----------
    steps
        Steps that are planned, for the time left; None: unknown, or told by `begin`.
    score
        Maps an estimate to its PSNR in dB; None: there is no truth.
    every
        Distance of the rows in steps.
    label
        Start of the line, such as ``dip cell/clean``.
    quiet
        Show nothing.
    measure
        Maps an estimate to further metrics by name; None: only the PSNR is known of the best row.

    Attributes
    ----------
    best
        `step` and `psnr` of the first row with the highest PSNR, and what `measure` gives there:
        what a run could have given to someone who knew the truth. None where there is no truth.
    """

    def __init__(
        self,
        steps: int | None,
        score: Callable[[np.ndarray], float] | None,
        every: int,
        label: str,
        quiet: bool = False,
        measure: Callable[[np.ndarray], Mapping[str, Any]] | None = None,
    ) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, not {every}")
        self.rows: list[Row] = []
        self.best: dict[str, Any] | None = None
        self.measure = measure
        self._unmeasured: np.ndarray | None = None  # estimate of the best row
        self.seconds: list[tuple[float, float]] = []
        self._score = score
        self._every = every
        self._steps = steps
        self._phase = ""
        self._last: tuple[int, float, Estimate] | None = None
        self._wall = -time.perf_counter()  # clocks: these sums plus the present reading
        self._cpu = -time.process_time()
        self._display = None if quiet else _display(label)

    def __call__(self, step: int, loss: float, estimate: Estimate) -> None:
        """Report the state after `step` steps."""
        self._last = (step, loss, estimate)
        if step == 1 or step % self._every == 0:
            self._add_row()
        self._show("", step, loss)

    def begin(self, phase: str, steps: int, monitored: bool = True) -> None:
        """Take note that a phase of `steps` steps begins."""
        self._phase, self._steps = phase, steps
        if self._display:
            self._display.restart()

    def tell(self, step: int, loss: float) -> None:
        """Show a step that belongs in no row."""
        self._show(self._phase, step, loss)

    def finish(self) -> None:
        """Add the row of the last step, if it is missing, and show it."""
        if self._last and (not self.rows or self.rows[-1].step != self._last[0]):
            self._add_row()
        if self._last and self._display:
            step, loss, _ = self._last
            self._display.show(self._line_of("", step, loss), step, self._steps, last=True)
        self._last = None
        self._measure_best()

    @property
    def used(self) -> tuple[float, float]:
        """(Wall, CPU) seconds so far."""
        return self._wall + time.perf_counter(), self._cpu + time.process_time()

    def state(self) -> dict[str, Any]:
        """All rows and seconds so far, and the best, as JSON."""
        self._measure_best()
        used = self.used
        return {"rows": self.rows, "seconds": self.seconds, "used": used, "best": self.best}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what an earlier process had noted; what this one noted is dropped."""
        if not state:  # it was watched by a monitor that notes nothing
            return
        self.rows = [Row(*row) for row in state["rows"]]
        self.best, self._unmeasured = state["best"], None
        self.seconds = [(wall, cpu) for wall, cpu in state["seconds"]]
        self._wall = state["used"][0] - time.perf_counter()
        self._cpu = state["used"][1] - time.process_time()

    def write_csv(self, path: str | Path) -> None:
        """Write the rows: step, loss, psnr. A method without steps leaves the heading alone."""
        lines = ["step,loss,psnr"]
        for row in self.rows:
            psnr = "" if row.psnr is None else repr(row.psnr)
            lines.append(f"{row.step},{row.loss!r},{psnr}")
        write_text(path, "\n".join(lines) + "\n")

    def _add_row(self) -> None:
        step, loss, estimate = self._last
        wall, cpu = self.used
        psnr = None
        if self._score is not None:
            array = as_array(estimate)
            psnr = float(self._score(array))
            if self.best is None or psnr > self.best["psnr"]:
                self.best = {"step": step, "psnr": psnr}
                self._unmeasured = None if self.measure is None else array.copy()
        self.rows.append(Row(step, float(loss), psnr))
        self.seconds.append((wall, cpu))
        self._wall, self._cpu = wall - time.perf_counter(), cpu - time.process_time()

    def _measure_best(self) -> None:
        """Measure the best row, once it is wanted: most are soon surpassed."""
        if self._unmeasured is None:
            return
        wall, cpu = self.used
        self.best |= self.measure(self._unmeasured)
        self._unmeasured = None
        self._wall, self._cpu = wall - time.perf_counter(), cpu - time.process_time()

    def _show(self, phase: str, step: int, loss: float) -> None:
        if self._display and self._display.due():
            self._display.show(self._line_of(phase, step, loss), step, self._steps)

    def _line_of(self, phase: str, step: int, loss: float) -> str:
        count = f"{step}/{self._steps}" if self._steps else f"{step}"
        parts = [f"{phase} step {count}".lstrip(), f"loss {loss:.4g}"]
        if not phase and self.rows and self.rows[-1].psnr is not None:
            parts.append(f"PSNR {self.rows[-1].psnr:.2f} dB")
        return "  ".join(parts)


class Count:
    """Shows on standard error how much is done of work that can be counted and has no loss.

    Parameters
    ----------
    label
        Start of the line, such as ``refocus slide.tif``.
    quiet
        Show nothing.
    """

    def __init__(self, label: str, quiet: bool = False) -> None:
        self._display = None if quiet else _display(label)

    def begin(self, phase: str, total: int) -> None:
        """Take note that `total` pieces of work, named `phase`, are next."""
        self._phase, self._total = phase, total
        if self._display:
            self._display.restart()

    def __call__(self, done: int) -> None:
        """Show that `done` pieces are done, unless something was shown a moment ago."""
        last = done == self._total
        if self._display and (last or self._display.due()):
            text = f"{self._phase} {done}/{self._total}"
            self._display.show(text, done, self._total, last)


def as_array(estimate: Estimate) -> np.ndarray:
    """Array of an estimate that may be an array, a tensor, or a function that returns one."""
    if callable(estimate) and not hasattr(estimate, "detach"):
        estimate = estimate()
    if hasattr(estimate, "detach"):
        estimate = estimate.detach().cpu().numpy()
    return np.asarray(estimate)


def duration(seconds: float) -> str:
    """`2 min 10 s`: the two largest units."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


class _Lines:
    """A line now and then: for logs."""

    def __init__(self, label: str) -> None:
        self._label = label
        self.restart()

    def restart(self) -> None:
        self._start: tuple[int, float] | None = None  # step and time from which the pace is taken
        self._next = time.monotonic() + LINE_SECONDS

    def due(self) -> bool:
        return self._start is None or time.monotonic() >= self._next

    def show(self, text: str, step: int, steps: int | None, last: bool = False) -> None:
        now = time.monotonic()
        if self._start is None and not last:
            self._start = (step, now)  # the first step pays for warming up
            return
        if steps and not last and self._start and step > self._start[0]:
            pace = (now - self._start[1]) / (step - self._start[0])
            text += f"  {duration(pace * (steps - step))} left"
        self._next = now + LINE_SECONDS
        print(f"{self._label}: {text}", file=sys.stderr, flush=True)


class _Bar:
    """A bar that moves: for terminals."""

    def __init__(self, label: str) -> None:
        import atexit

        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            refresh_per_second=2,
        )
        atexit.register(self._progress.stop)  # gives the cursor back whatever ends the process
        self._label = label
        self._task: Any = None
        self._next = 0.0

    def restart(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def show(self, text: str, step: int, steps: int | None, last: bool = False) -> None:
        self._next = time.monotonic() + 0.5
        if self._task is None:
            self._task = self._progress.add_task(self._label, total=steps)
            self._progress.start()
        self._progress.update(
            self._task, completed=step, total=steps, description=f"{self._label}: {text}"
        )
        if last:
            self._progress.stop()


def _display(label: str) -> _Lines | _Bar:
    if sys.stderr.isatty():
        try:
            return _Bar(label)
        except ModuleNotFoundError:  # rich is not needed to compute
            pass
    return _Lines(label)
