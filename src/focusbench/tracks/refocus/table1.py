"""The paper's Table I, reproduced: the plane in focus, at twice the resolution of the input."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.report.results import ORIGINS, Results
from focusbench.report.tables import Block, Cell, Table, cell, fixed
from focusbench.tracks.refocus.degradations import LOWRES
from focusbench.tracks.refocus.metrics import METRICS, OF_A_PLANE
from focusbench.tracks.refocus.table1_notes import notes, summary
from focusbench.tracks.refocus.table_cells import (
    MIDDLE,
    Scores,
    interval,
    label,
    mean_and_spread,
    over,
)

if TYPE_CHECKING:
    from pandas import DataFrame

# metric -> the paper's column, and its digits
PRINTED = {"ssim": ("ssim", 3), "psnr": ("psnr_db", 2), "mse": ("mse", 2), "mae": ("mae", 2)}
SHOWN = {f"{key}{MIDDLE}": key for key in PRINTED}  # in the order of the paper's columns
LEAD = f"psnr{MIDDLE}"
AVERAGE = published.AVERAGE


def table1(results: Results, settings: Mapping[str, Any]) -> Table:
    """Methods by metrics of the 0 um plane, from low-resolution input; Table I's values beside.

    Reads scores, restoration records and the records of trainings.

    Parameters
    ----------
    results
        Of the main grid.
    settings
        `preset`, `seed`, `differs`, `track` (the track's section), `methods` (id -> parameters);
        optional `sources` (sample -> id of its data source) and `slides` (sample -> its slide).

    Returns
    -------
    Table
        Its data hold one row per restoration, and one per method with sample "average": the mean
        over the samples that every method has a score for, seeds averaged first.
    """
    scores = of_degradation(results.scores(), LOWRES)
    grid = Scores(scores, results.samples, results.methods, settings["seed"])
    printed = published.values("refocus_table1").set_index("method")
    block = middle_block(grid, over(len(grid.grid(LEAD).complete(LEAD))), printed)
    return Table(
        name="table1",
        title="The plane in focus, 0 µm, at twice the resolution (Table I of Ma et al. 2021)",
        summary=summary(settings, grid),
        notes=tuple(notes(results, settings, grid)),
        data=tidy(grid, printed),
        blocks=(block,) if grid.has(LEAD) else (),
    )


def of_degradation(scores: DataFrame, degradation: str) -> DataFrame:
    """Rows of one degradation, with all columns that a grid of scores asks for."""
    import pandas

    columns = ["sample", "degradation", "method", "seed", "repeatable", *METRICS, *ORIGINS]
    if scores.empty:
        return pandas.DataFrame(columns=columns)
    return scores[scores["degradation"] == degradation].reindex(columns=columns)


def middle_block(grid: Scores, title: str, printed: DataFrame) -> Block:
    """One row per method; beneath, those that the paper has and this run has not."""
    winners = {key: grid.winner(key) for key in SHOWN}
    minus = grid.minus_best(LEAD)
    best = grid.best(LEAD)
    header = ["method"]
    for key, base in SHOWN.items():
        unit = "dB" if base == "psnr" else ""
        header.append(f"{OF_A_PLANE[base].label}{f', {unit}' if unit else ''}")
        header += ["PSNR minus the best mean [95 % interval]"] if key == LEAD else []
    header.append("published SSIM / PSNR, dB / MSE / MAE")
    rows = []
    for method in grid.grid(LEAD).methods:
        row = [cell(label(grid, method))]
        for key in SHOWN:
            text = mean_and_spread(grid.values(key, method), key)
            row.append(cell(text, bold=[winners[key] == method]))
            if key == LEAD:
                words = "best mean" if method == best else ""
                row.append(interval(minus[method], key) if method in minus else cell(words))
        rows.append((*row, _theirs(printed, method)))
    missing = [method for method in printed.index if method not in grid.whole.methods]
    for method in missing:
        empty = [cell("") for _ in header[2:]]
        rows.append((cell(f"{method} (published alone)"), *empty, _theirs(printed, method)))
    return Block(title, tuple(header), tuple(rows), len(missing))


def _theirs(printed: DataFrame, method: str) -> Cell:
    if method not in printed.index:
        return cell("")
    return cell(*(fixed(value(printed, method, key), PRINTED[key][1]) for key in PRINTED))


def value(printed: DataFrame, method: str, base: str) -> float:
    """What the paper prints of a metric (without the end that names planes); NaN: nothing."""
    return float(printed.at[method, PRINTED[base][0]]) if method in printed.index else math.nan


def tidy(grid: Scores, printed: DataFrame, keys: Sequence[str] = tuple(SHOWN)) -> DataFrame:
    """Rows of the data: single restorations, then means; `keys`: of the metrics."""
    import pandas

    order = ["degradation", "sample", "method", "seed", "repeatable"]
    table = grid.whole.rows[[*order, *keys, *ORIGINS]].copy()
    table.insert(4, "samples", 1)
    averages: list[dict[str, Any]] = []
    minus = grid.minus_best(LEAD)
    for method in grid.whole.methods:
        own = grid.whole.rows[grid.whole.rows["method"] == method]
        row: dict[str, Any] = {
            "degradation": own["degradation"].iloc[0],
            **{"sample": AVERAGE, "method": method},
            "samples": len(grid.grid(LEAD).complete(LEAD)),
            "repeatable": bool(own["repeatable"].all()),
        }
        row |= {key: grid.average(key, method) for key in keys}
        row |= {f"published_{key}": value(printed, method, SHOWN[key]) for key in SHOWN}
        if method in minus:
            ends = (f"{LEAD}_minus_best{end}" for end in ("", "_low", "_high"))
            row |= dict(zip(ends, minus[method], strict=True))
        averages.append(row)
    if averages:
        table = pandas.concat([table, pandas.DataFrame(averages)], ignore_index=True)
    table["seed"] = table["seed"].astype("Int64")
    return table.reindex(
        columns=[
            *(*order[:4], "samples", "repeatable", *keys),
            *(f"{LEAD}_minus_best{end}" for end in ("", "_low", "_high")),
            *(f"published_{key}" for key in SHOWN),
            *ORIGINS,
        ]
    )
