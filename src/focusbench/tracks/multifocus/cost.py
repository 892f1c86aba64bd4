"""What the methods cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.paths import split_size
from focusbench.report.cost import cost_table
from focusbench.report.results import Results
from focusbench.report.tables import Table

RECORDING = "a recording of one's own in its own size"


def cost(results: Results, settings: Mapping[str, Any]) -> Table:
    """Seconds, CPU-seconds, training and memory of every method.

    Reads timings, the records of the timed restorations, and the records of trainings.

    Parameters
    ----------
    results
        Of this track, with `timed` and `trained` set.
    settings
        As for `table1`.

    Returns
    -------
    Table
        Its data hold one row per timed restoration.
    """
    track, sources = settings["track"], settings.get("sources") or {}

    def voxels(size: int | None) -> str:
        return f"{size} x {size} x {track.get('slices')} voxels"

    others = {}
    for sample in dict.fromkeys(item.sample for item in results.timed):
        size = split_size(sample)[1]
        if sources.get(sample) == "stack":
            others[sample] = RECORDING
        elif size:
            others[sample] = voxels(size)
    recordings = [others.get(item.sample) == RECORDING for item in results.timed]
    alone = bool(recordings) and all(recordings)
    return cost_table(
        results,
        settings,
        RECORDING if alone else voxels(track.get("size")),
        "Training is done once per size and serves all samples; its seconds are those of the "
        "training itself, other jobs may have run beside it, and are no part of the other columns.",
        {} if alone else others,
    )
