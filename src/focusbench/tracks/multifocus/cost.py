"""What the methods cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.report.cost import cost_table
from focusbench.report.results import Results
from focusbench.report.tables import Table


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
    track = settings["track"]
    size, slices = track.get("size"), track.get("slices")
    return cost_table(
        results,
        settings,
        f"{size} x {size} x {slices} voxels",
        "Training is done once per size and serves all samples; its seconds are those of the "
        "training itself, other jobs may have run beside it, and are no part of the other columns.",
    )
