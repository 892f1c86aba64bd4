"""What the methods cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.paths import split_size
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

    def voxels(size: int | None) -> str:
        return f"{size} x {size} x {track.get('slices')} voxels"

    sizes = {item.sample: split_size(item.sample)[1] for item in results.timed}
    return cost_table(
        results,
        settings,
        voxels(track.get("size")),
        "Training is done once per size and serves all samples; its seconds are those of the "
        "training itself, other jobs may have run beside it, and are no part of the other columns.",
        {sample: voxels(size) for sample, size in sizes.items() if size},
    )
