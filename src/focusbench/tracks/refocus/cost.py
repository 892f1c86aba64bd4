"""What the methods cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.report.cost import cost_table
from focusbench.report.results import Results
from focusbench.report.tables import Table

OWN = "slides"  # source of a user's own focal stacks
TRAINING = (
    "Training is done once, before anything is restored, and is in no other column. Networks are "
    "as wide as they were trained here; Table 3 has the paper's widths."
)
PLANES = "srgan makes one plane, the others all of them, deep_z in a pass for each."


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
    sources = settings.get("sources") or {}
    samples = dict.fromkeys(item.sample for item in results.timed)
    own = [sample for sample in samples if sources.get(sample) == OWN]
    words = f"{TRAINING if results.trained else ''} {PLANES}".strip()
    if own and len(own) == len(samples):
        return cost_table(results, settings, "a field of one's own in its own size", words)
    made = settings["track"].get("cytology") or {}
    field = f"all planes ({made.get('planes', 11)}) of a field"
    if made.get("shape"):
        y, x = made["shape"]
        field += f" of {y} x {x} pixels (y, x), for lowres from an image of {y // 2} x {x // 2}"
    others = {sample: f"on the field {sample}" for sample in own}
    return cost_table(results, settings, field, words, others)
