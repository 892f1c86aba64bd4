"""What the methods cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.report.cost import cost_table
from focusbench.report.results import Results
from focusbench.report.tables import Table

TRAINING = (
    "Training is done once, before anything is restored, and is in no other column; the table of "
    "networks has more of it."
)


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
    samples = dict.fromkeys(item.sample for item in results.timed)
    own = [sample for sample in samples if sources.get(sample) == "fluorescence"]
    training = TRAINING if results.trained else ""
    if len(own) == len(samples):
        volume = "a recording of one's own in its own size"
        return cost_table(results, settings, volume, training)
    volume, kernel = (" x ".join(map(str, of["shape"])) for of in (track, track["optics"]))
    volume = f"{volume} voxels (z, y, x) with a PSF of {kernel}"
    others = {sample: f"on the recording {sample}" for sample in own}
    return cost_table(results, settings, volume, training, others)
