"""What the methods cost: a table for every track."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusbench.report.results import Results
from focusbench.report.tables import (
    DASH,
    MARK,
    Block,
    Cell,
    Table,
    cell,
    fixed,
    provenance,
    significant,
    span,
)

if TYPE_CHECKING:
    from pandas import DataFrame

BUSY = 0.5  # load average from which a timing run was not alone

COST_HEADER = (
    "method",
    "steps",
    "evaluations",
    "seconds per step",
    "seconds",
    "CPU-seconds",
    "training, seconds",
    "peak memory, MiB",
    "device",
    "threads",
    "load before",
)


def cost_table(
    results: Results,
    settings: Mapping[str, Any],
    volume: str,
    training: str = "",
    other_volumes: Mapping[str, str] | None = None,
) -> Table:
    """Seconds, CPU-seconds, training and memory of every method.

    Reads timings, the records of the timed restorations, and the records of trainings.

    Parameters
    ----------
    results
        With `timed` and `trained` set.
    settings
        `preset`, `seed`, `differs`, `track` (the track's section).
    volume
        What was restored, such as "50 x 50 x 11 voxels".
    training
        What a reader must know of the track's trainings.
    other_volumes
        Sample -> what was restored there, where it was another volume; the method's row says so.

    Returns
    -------
    Table
        Its data hold one row per timed restoration.
    """
    import pandas

    timings = results.timings()
    records = [results.record(item) for item in results.timed]
    for key in ("evaluations", "peak_memory_bytes", "peak_device_memory_bytes"):
        timings[key] = pandas.array([record.get(key) for record in records], dtype="Int64")
    trainings = results.trainings()
    timings["training_seconds"] = [_training(trainings, method) for method in timings["method"]]
    columns = [
        *("sample", "degradation", "method", "seed", "steps", "evaluations", "measured_steps"),
        *("seconds_per_step", "cpu_seconds_per_step", "seconds", "cpu_seconds"),
        *(
            "training_seconds",
            "peak_memory_bytes",
            "peak_device_memory_bytes",
            "device",
            "threads",
            "load_before",
        ),
    ]
    methods = list(dict.fromkeys(item.method for item in results.timed))
    timings = timings.reindex(columns=columns)
    shown = f"{volume} unless a row says otherwise" if other_volumes else volume
    rows = []
    for method in methods:
        own = timings[timings["method"] == method]
        others = [(other_volumes or {}).get(sample) for sample in own["sample"]]
        label = ", ".join([method, *dict.fromkeys(filter(None, others))])
        rows.append(_cost_row(label, own))
    return Table(
        name="cost",
        title="Cost of the methods",
        summary=(
            "Times of a run of its own, one method after the other, with a fixed number of "
            "threads: the time of a step, after a warm-up, times the steps of the whole "
            "restoration, phases before it included. They hold for the named device alone."
        ),
        notes=tuple(_cost_notes(settings, timings, shown, training)),
        data=timings,
        blocks=(Block("", COST_HEADER, tuple(rows)),),
    )


def _training(trainings: DataFrame, method: str) -> float:
    """Seconds of a method's own training; NaN where it has none."""
    if trainings.empty:
        return math.nan
    own = trainings[trainings["method"] == method]
    return float(own["seconds"].mean()) if len(own) else math.nan


def _cost_row(label: str, rows: DataFrame) -> tuple[Cell, ...]:
    def mean(column: str) -> float:
        values = rows[column].dropna()
        return float(values.mean()) if len(values) else math.nan

    def listed(column: str) -> str:
        return ", ".join(map(str, dict.fromkeys(rows[column].dropna()))) or DASH

    def between(column: str) -> str:
        values = rows[column].dropna()
        return span([float(value) for value in values]) if len(values) else DASH

    kinds = ["peak_memory_bytes"]
    if rows["peak_device_memory_bytes"].notna().any():
        kinds.append("peak_device_memory_bytes")
    memory = [significant(mean(kind) / 2**20) for kind in kinds]
    load = rows["load_before"].dropna()
    shown = fixed(float(load.max()), 1) if len(load) else DASH
    busy = len(load) and load.max() > BUSY
    return (
        cell(label),
        cell(between("steps")),
        cell(between("evaluations")),
        cell(significant(mean("seconds_per_step"))),
        cell(significant(mean("seconds"))),
        cell(significant(mean("cpu_seconds"))),
        cell(significant(mean("training_seconds"))),
        cell(*memory),
        cell(listed("device")),
        cell(listed("threads")),
        cell(f"{shown}{MARK if busy else ''}"),
    )


def _cost_notes(
    settings: Mapping[str, Any], rows: DataFrame, volume: str, training: str
) -> list[str]:
    notes = provenance(settings)
    samples = ", ".join(dict.fromkeys(rows["sample"]))
    degradations = ", ".join(dict.fromkeys(rows["degradation"]))
    notes.insert(
        1,
        f"Timed on {samples} ({degradations}), {volume}; means over these.",
    )
    notes += [
        f"{training} Peak memory is that of the restoring process, then, on a GPU, that of the "
        "device.".strip(),
        "A dash for the seconds per step: the method has no loop, a single whole run was timed, "
        "without a warm-up.",
    ]
    if (rows["load_before"].dropna() > BUSY).any():
        notes.append(
            f"{MARK} The machine's load average was above {BUSY} before the measurement "
            "began: something else ran, and the times may be too long."
        )
    return notes
