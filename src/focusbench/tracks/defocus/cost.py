"""What the restorers and predictors cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from focusbench.data.defocus_phantoms import SIDE
from focusbench.evaluation import published
from focusbench.report.cost import BUSY, cost_table
from focusbench.report.results import Results
from focusbench.report.tables import DASH, MARK, Block, Table, cell, fixed, significant
from focusbench.solvers.patch_grid import PatchGrid

if TYPE_CHECKING:
    from pandas import DataFrame

OWN, PHANTOMS = "defocused", "defocus_phantoms"  # sources of other images than fields
PAPER_DEVICE = "GeForce GTX 1060"
TRAINING = (
    "Trainings are of predictors; their seconds stand in Table 2. Restoring starts from levels "
    "that were predicted before: predicting is in no column of the restorers."
)


def cost(results: Results, settings: Mapping[str, Any]) -> Table:
    """Seconds, CPU-seconds and memory of every restorer; patches a second of every predictor.

    Reads timings, the records of the timed restorations, and the timing of the predictors.

    Parameters
    ----------
    results
        Of this track, with `timed` set.
    settings
        As for `restoration`.

    Returns
    -------
    Table
        Its data hold one row per timed restoration, then one per predictor.
    """
    import pandas

    track, sources = settings["track"], settings.get("sources") or {}
    samples = dict.fromkeys(item.sample for item in results.timed)
    own = [sample for sample in samples if sources.get(sample) == OWN]
    shape = (track.get("nuclei") or {}).get("shape")
    field = f"a field of {_times(shape)} pixels (y, x)" if shape else "a field"
    if own and len(own) == len(samples):
        field = "an image of one's own in its own size"
    others = {sample: f"on the image {sample}" for sample in own if len(own) < len(samples)}
    others |= {
        sample: f"on {sample}, {SIDE} x {SIDE} pixels"
        for sample in samples
        if sources.get(sample) == PHANTOMS
    }
    table = cost_table(results, settings, field, TRAINING, others)
    timed = results.predictor_timings()
    if not timed:
        return table
    data = pandas.concat([table.data, _tidy(timed)], ignore_index=True)
    data = data.astype(dict.fromkeys(("seed", "patches", "side", "threads"), "Int64"))
    blocks = [replace(table.blocks[0], title="Restorers"), _predictors_block(timed)]
    notes = [*table.notes, *_notes(timed, settings)]
    return replace(table, data=data, blocks=tuple(blocks), notes=tuple(notes))


def _predictors_block(timed: Mapping[str, Mapping[str, Any]]) -> Block:
    rows = []
    for method, one in timed.items():
        load = one.get("load_before")
        shown = DASH if load is None else fixed(float(load), 1)
        side = one.get("side")
        rows.append(
            (
                cell(method),
                cell(DASH if side is None else f"{side} x {side}"),
                cell(significant(one.get("patches_per_second"))),
                cell(str(one.get("device") or DASH)),
                cell(str(one.get("threads") or DASH)),
                cell(f"{shown}{MARK if load is not None and load > BUSY else ''}"),
            )
        )
    claimed = f"{_claimed():g} at least"
    rows.append(
        (
            cell("delpnet, published"),
            *(cell("84 x 84"), cell(claimed), cell(PAPER_DEVICE), cell(""), cell("")),
        )
    )
    header = ("predictor", "patches, pixels", "patches a second", "device", "threads")
    return Block("Predictors", (*header, "load before"), tuple(rows), 1)


def _claimed() -> float:
    claims = published.values("defocus_claims").set_index("claim")["value"]
    return float(claims["patches_per_second_gtx1060"])


def _notes(timed: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any]) -> list[str]:
    lines = [
        "Patches a second: from counts to probabilities, in batches, after a warm-up; the network "
        f"is as wide as it was trained here. The paper says of its own that {_claimed():g} patches "
        f"take less than a second on a {PAPER_DEVICE}: another device, so not comparable."
    ]
    track = settings["track"]
    shape, side = (track.get("nuclei") or {}).get("shape"), track.get("patch")
    speed = (timed.get("delpnet") or {}).get("patches_per_second")
    if shape and side and min(shape) >= side and speed:
        rows, columns = PatchGrid(tuple(shape), side, "triangular").count
        lines.append(
            f"A field has {rows * columns} overlapping patches of {side} x {side} pixels: "
            f"{significant(rows * columns / speed)} s for delpnet, to be added to a restoration "
            "that it tells the levels to."
        )
    busy = [method for method, one in timed.items() if (one.get("load_before") or 0) > BUSY]
    if busy:
        lines.append(
            f"{MARK} at {', '.join(busy)}: something else ran on the machine, and fewer patches a "
            "second may have been measured than it can do."
        )
    return lines


def _tidy(timed: Mapping[str, Mapping[str, Any]]) -> DataFrame:
    import pandas

    keys = ("seconds", "patches", "patches_per_second", "side", "device", "threads", "load_before")
    rows = [
        {"method": method, **{key: one.get(key) for key in keys}} for method, one in timed.items()
    ]
    return pandas.DataFrame(rows)


def _times(shape: Any) -> str:
    return " x ".join(map(str, shape))
