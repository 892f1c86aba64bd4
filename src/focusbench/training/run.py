"""Building a `Run` by hand, and pinning the number of threads."""

from __future__ import annotations

import os
import sys

from focusbench.problem import Monitor, Run, State
from focusbench.training.progress import Silent
from focusbench.training.state import NoState


def quick_run(
    seed: int = 0,
    device: str = "cpu",
    threads: int = 1,
    *,
    budget_seconds: float | None = None,
    state: State | None = None,
    monitor: Monitor | None = None,
) -> Run:
    """Return a `Run` that keeps no state and shows nothing unless told to: for notebooks, tests."""
    return Run(
        seed=seed,
        device=device,
        threads=threads,
        budget_seconds=budget_seconds,
        state=NoState() if state is None else state,
        monitor=Silent() if monitor is None else monitor,
    )


def apply_threads(threads: int) -> None:
    """Let torch, and the compiled loops that follow it, compute with `threads` threads.

    Also if torch is loaded later, or never: it takes a second that not every job has need of.
    """
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    else:
        os.environ.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
