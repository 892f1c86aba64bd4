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
    track, sources = settings["track"], settings.get("sources") or {}
    if any(sources.get(item.sample) == "fluorescence" for item in results.timed):
        return cost_table(results, settings, "a recording of one's own in its own size")
    volume, kernel = (" x ".join(map(str, of["shape"])) for of in (track, track["optics"]))
    return cost_table(results, settings, f"{volume} voxels (z, y, x) with a PSF of {kernel}")
