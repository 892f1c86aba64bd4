"""Running a method: what a workflow's scripts and the command line share."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from focusbench import methods, paths
from focusbench.errors import InputError
from focusbench.files import fingerprint
from focusbench.problem import Monitor, Problem, Restoration, Run, TrainingSet, Weights
from focusbench.training import device as devices
from focusbench.training.progress import Trace
from focusbench.training.run import apply_threads
from focusbench.training.state import FileState, NoState
from focusbench.training.timing import measure

TRACE_ROWS = 100  # a trace has about that many rows, however long the run


def resume_state(
    wanted: Mapping[str, str], parameters: Mapping[str, Any], inputs: list[str | Path]
) -> FileState:
    """Where a job of the workflow keeps its state; `wanted` are its wildcards.

    One folder a job: what it left when it had other parameters, code or inputs is refused, and
    replaced, so that what is given up does not pile up.
    """
    job = hashlib.sha256(json.dumps({**wanted}, sort_keys=True).encode()).hexdigest()[:32]
    known = fingerprint({**parameters, **wanted}, inputs)
    return FileState(Path(paths.RESULTS, ".resume", job), known)


def make_run(
    how: Mapping[str, Any],
    seed: int,
    state: FileState | None = None,
    monitor: Trace | None = None,
    gpus: int = 1,
) -> Run:
    """Build a run from `device`, `threads` and `budget_seconds`; pins the threads.

    Without a state and a monitor: of what takes no steps. It takes up to `gpus` free GPUs.
    """
    apply_threads(how["threads"])
    return Run(
        seed=seed,
        device=devices.resolve(how["device"], gpus),
        threads=how["threads"],
        budget_seconds=how["budget_seconds"],
        state=state or NoState(),
        monitor=monitor or trace("", None),
    )


def trace(
    label: str,
    steps: int | None,
    score: Callable[[np.ndarray], float] | None = None,
    measure: Callable[[np.ndarray], Mapping[str, Any]] | None = None,
    rows: int = TRACE_ROWS,
) -> Trace:
    """Monitor with about `rows` rows; `score` maps an estimate to its PSNR, dB.

    `measure` maps an estimate to all metrics: of the best row and of a restoration's `others`.
    """
    every = max(1, (steps or 0) // rows)
    return Trace(steps, score, every=every, label=label, measure=measure)


def planned_steps(method: str, parameters: Mapping[str, Any], data: TrainingSet) -> int | None:
    """How many steps a training will take; None: the method does not tell."""
    planned = getattr(methods.build(method, parameters), "planned_steps", None)
    return planned(data) if planned else parameters.get("steps")


def restore(
    method: str,
    parameters: Mapping[str, Any],
    problem: Problem,
    run: Run,
    weights: Weights | None = None,
) -> tuple[Restoration, dict[str, Any]]:
    """Restore, and say what it cost.

    Parameters
    ----------
    method
        An id, or "module:attribute".
    parameters
        The method's own.

    Returns
    -------
    tuple
        The restoration, and its record: counts, seconds (over all attempts), peak memory, device,
        threads, versions; the method's own `details`; what the truth says of the run, where it is
        known: `oracle`, the trace's best row, and `others`, by name what the monitor measures of
        each further estimate.

    Raises
    ------
    InputError
        The method refuses the problem or its parameters, or its estimate is not a finite array of
        the observation's shape.
    """
    built = methods.build(method, parameters)
    if not callable(getattr(built, "restore", None)):
        raise InputError(f"method {method}: has no function restore(problem, run, weights)")
    restoration, cost = measured(lambda: built.restore(problem, run, weights), run)
    if not isinstance(restoration, Restoration):
        kind = type(restoration).__name__
        raise InputError(f"method {method}: gave a {kind}; accepted: a Restoration")
    estimate = np.asarray(restoration.estimate)
    accepted = problem.estimates or (problem.observed.shape,)
    if estimate.shape not in accepted:
        shapes = " or ".join(map(str, accepted))
        told = "" if problem.estimates else ", that of the observation"
        raise InputError(
            f"method {method}: gave an estimate of shape {estimate.shape}; accepted: {shapes}{told}"
        )
    if problem.observed.dtype == np.uint8 and estimate.dtype != np.uint8:
        raise InputError(
            f"method {method}: gave an estimate of {estimate.dtype}; accepted: uint8, as the image"
        )
    if not np.isfinite(estimate).all():
        raise InputError(f"method {method}: gave an estimate with values that are not finite")
    measure = run.monitor.measure
    record = {
        "iterations": restoration.iterations,
        "evaluations": restoration.evaluations,
        "repeatable": restoration.repeatable,
        "parameters": dict(parameters),
        "details": dict(restoration.details),
        "oracle": _plain(run.monitor.best),
        "others": {
            name: _plain(measure(np.asarray(other)))
            for name, other in restoration.others.items()
            if measure is not None
        },
        **cost,
    }
    return restoration, record


def _plain(metrics: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """JSON of metrics: it knows no infinity, the PSNR of an exact estimate becomes "inf"."""
    if metrics is None:
        return None
    endless = (float("inf"), -float("inf"))
    return {name: str(value) if value in endless else value for name, value in metrics.items()}


def fit(
    method: str, parameters: Mapping[str, Any], data: TrainingSet, run: Run
) -> tuple[Weights, dict[str, Any]]:
    """Train a method, and say what it cost; see `restore`."""
    built = methods.build(method, parameters)
    weights, cost = measured(lambda: built.fit(data, run), run)
    steps = run.monitor.rows[-1].step if run.monitor.rows else 0
    details = dict(weights.details)
    return weights, {"steps": steps, "parameters": dict(parameters), "details": details, **cost}


def measured(work: Callable[[], Any], run: Run) -> tuple[Any, dict[str, Any]]:
    """Do `work`; give its result, and seconds, peak memory, device, threads and versions."""
    result = work()
    devices.synchronize(run.device)
    seconds, cpu_seconds = run.monitor.used
    return result, {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "trace_seconds": [list(row) for row in run.monitor.seconds],
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "peak_device_memory_bytes": (
            devices.peak_memory(run.device) if run.device == "cuda" else None
        ),
        "device": device_name(run.device),
        "threads": run.threads,
        "load_average": os.getloadavg()[0],
        "versions": versions(),
    }


def device_name(device: str) -> str:
    """Name of the GPU, or `cpu`."""
    if device != "cuda":
        return device
    import torch

    return torch.cuda.get_device_name()


def versions() -> dict[str, str]:
    """Versions of what computed the result."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from focusbench import __version__

    found = {"focusbench": __version__, "python": platform.python_version()}
    for name in ("torch", "numpy", "scipy", "numba"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            module = sys.modules.get(name)
            found[name] = getattr(module, "__version__", "unknown")
    return found


def time_restoration(
    method: str,
    parameters: Mapping[str, Any],
    problem: Problem,
    how: Mapping[str, Any],
    *,
    seed: int,
    weights: Weights | None,
    iterations: int,
    warm_up: int,
    steps: int,
) -> dict[str, Any]:
    """Measure what a step of a restoration costs, and so the whole of it.

    Parameters
    ----------
    how
        `device` and `threads`.
    iterations
        Steps of the full restoration.
    warm_up, steps
        Steps that pass unmeasured, and steps to measure.

    Returns
    -------
    dict
        What `timing.measure` found, and what it was measured under.
    """
    load = os.getloadavg()[0]
    apply_threads(how["threads"])
    device = devices.resolve(how["device"])
    built = methods.build(method, parameters)

    def call(monitor: Monitor) -> None:
        run = Run(seed, device, how["threads"], None, NoState(), monitor)
        built.restore(problem, run, weights)

    return {
        **measure(call, warm_up, steps, device, iterations),
        "steps": iterations,
        "device": device_name(device),
        "threads": how["threads"],
        "load_before": load,
    }
