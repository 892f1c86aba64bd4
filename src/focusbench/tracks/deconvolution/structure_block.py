"""The block of a table that says whether structure came out: resolution, and filaments found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import DASH, Block, Cell, cell
from focusbench.tracks.deconvolution.metrics import METRICS
from focusbench.tracks.deconvolution.score_cells import label, mean_and_spread, over, sees_truth


@dataclass(frozen=True)
class Column:
    """How a metric is shown."""

    heading: str
    digits: int
    scale: float = 1


SHOWN: Mapping[str, Column] = {
    "fsc_lateral": Column("lateral FSC period, nm", 0, 1000),
    "fsc_axial": Column("axial FSC period, nm", 0, 1000),
    "filament_f1": Column("filament F1", 3),
    "filament_precision": Column("precision", 3),
    "filament_recall": Column("recall", 3),
}


def judged(grid: ScoreGrid, metric: str) -> ScoreGrid:
    """Return the grid of the methods that have a value on every sample where any has one.

    An estimate that shows nothing has no resolution: were it kept, no sample would be complete.
    """
    lacking = grid.lacking([metric])
    kept = [method for method in grid.methods if method not in lacking]
    return ScoreGrid(
        grid.rows[grid.rows["method"].isin(kept)], grid.samples, kept, METRICS, grid.seed
    )


def averages(grid: ScoreGrid, metric: str) -> dict[str, float]:
    """Mean of each method of `judged`, over the samples that all of these have a value for."""
    own = judged(grid, metric)
    return {method: own.average(metric, method) for method in own.methods}


def structure_block(grid: ScoreGrid, degradation: str) -> list[Block]:
    """One row per method, for the metrics that the score files have; no block without any."""
    shown = {key: column for key, column in SHOWN.items() if key in grid.metrics and grid.has(key)}
    if not shown:
        return []
    grids = {key: judged(grid, key) for key in shown}
    winners = {key: _rivals(own, key).winner(key) for key, own in grids.items()}
    rows = []
    for method in grid.methods:
        row = [cell(label(grid, method))]
        for key, column in shown.items():
            row.append(_value(grids[key], key, column, method, winners[key] == method))
        rows.append(tuple(row))
    count = max(len(own.complete(key)) for key, own in grids.items())
    header = ("method", *(column.heading for column in shown.values()))
    return [Block(f"{degradation}: structure, {over(count)}", header, tuple(rows))]


def _rivals(grid: ScoreGrid, metric: str) -> ScoreGrid:
    """Leave out what cannot win, yet would keep others from it.

    An oracle of the scale ties with the row it is made of, as these metrics are blind to scale; an
    infinite period is worse than any, but no difference to it has an interval.
    """
    values = grid.paired(metric)
    kept = [
        method
        for method in grid.methods
        if not sees_truth(grid, method) and all(map(math.isfinite, values[method]))
    ]
    return ScoreGrid(
        grid.rows[grid.rows["method"].isin(kept)], grid.samples, kept, METRICS, grid.seed
    )


def _value(grid: ScoreGrid, key: str, column: Column, method: str, bold: bool) -> Cell:
    if method not in grid.methods:
        return cell(DASH)
    text = mean_and_spread(grid, key, method, column.digits, column.scale)
    return cell(text, bold=[bold])


def notes(grids: Mapping[str, ScoreGrid]) -> list[str]:
    """Say what the columns mean, and which methods have a dash; `grids` by degradation."""
    keys = [
        key
        for key in SHOWN
        if any(key in grid.metrics and grid.has(key) for grid in grids.values())
    ]
    lines = [f"{METRICS[key].label}: {METRICS[key].settings}." for key in keys]
    without = {
        degradation: list(grid.lacking([key for key in keys if key in grid.metrics]))
        for degradation, grid in grids.items()
    }
    told = [f"{', '.join(ids)} ({degradation})" for degradation, ids in without.items() if ids]
    if told:
        lines.append(
            "A dash among the columns of structure: on some sample nothing can be said, as where "
            f"an estimate shows nothing: {'; '.join(told)}."
        )
    return lines
