"""The paper's Table I, reproduced."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.report.results import ORIGINS, Results
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import Block, Cell, Table, cell, fixed
from focusbench.tracks.deconvolution import observations, structure_block
from focusbench.tracks.deconvolution.fits_block import fits_block
from focusbench.tracks.deconvolution.metrics import METRICS
from focusbench.tracks.deconvolution.score_cells import (
    RECORDED,
    label,
    mean_and_spread,
    over,
    sees_truth,
)
from focusbench.tracks.deconvolution.table1_notes import PUBLISHED_ON, notes, summary

if TYPE_CHECKING:
    from pandas import DataFrame

AVERAGE = published.AVERAGE
LEAD = "psnr_volume"
PUBLISHED = {"psnr_volume": "psnr_db", "ssim_uniform_3d": "ssim"}  # our metric -> paper's column
SHOWN = (
    *("psnr_volume", "psnr_mean_xy_slices", "ssim_uniform_3d", "ssim_wang_3d"),
    *("psnr_volume_interior", "ssim_uniform_3d_interior"),
)


def table1(results: Results, settings: Mapping[str, Any]) -> Table:
    """Methods by metrics for every degradation, with the paper's Table I beside the one it is of.

    Beneath the scores, for each degradation: resolution and filaments found, where score files have
    them, and how well the estimates explain the observation. Reads scores, restoration records,
    observation records and the records of trainings.

    Parameters
    ----------
    results
        Of this track.
    settings
        `preset`, `seed`, `differs`, `track` (the track's section), `methods` (id -> parameters);
        optional `sources` (sample -> id of its data source).

    Returns
    -------
    Table
        Its data hold one row per restoration, and for each method and degradation one with
        sample "average": the mean over the samples that every method has a score for (the column
        `samples` says how many), seeds averaged first. Recordings are not averaged.
    """
    import pandas

    scores = results.scores()
    seen = observations.read(results)
    printed = published.values("deconvolution_table1")
    beside = PUBLISHED_ON in results.degradations
    data, blocks, grids = [], [], {}
    for degradation in results.degradations:
        rows = scores[scores["degradation"] == degradation]
        grid = ScoreGrid(rows, results.samples, results.methods, METRICS, settings["seed"])
        grids[degradation] = grid
        shown = printed if degradation == PUBLISHED_ON else printed.iloc[:0]
        data.append(_tidy(grid, degradation, shown, seen))
        blocks += _blocks(grid, degradation, shown)
    return Table(
        name="table1",
        title="Deconvolved volumes against the truth (Table I of Lim et al. 2020)",
        summary=summary(results, settings, beside),
        notes=tuple(notes(results, scores, seen, settings, grids)),
        data=pandas.concat(data, ignore_index=True),
        blocks=(*blocks, *observations.blocks(seen)),
    )


def _blocks(grid: ScoreGrid, degradation: str, printed: DataFrame) -> list[Block]:
    if degradation != RECORDED:
        count = len(grid.complete(LEAD))
        title = f"{degradation}: {over(count)}"
        result = [_scores(grid, title, printed)] if grid.has(LEAD) else []
        result += structure_block.structure_block(grid, degradation)
        title = f"{degradation}: reduced chi-square / RMS residual in 1/1000 of full intensity"
        return [*result, fits_block(grid, title)]
    result = []
    for sample in grid.samples:  # recordings are as different as their owners: no mean over them
        rows = grid.rows[grid.rows["sample"] == sample]
        own = ScoreGrid(rows, [sample], grid.methods, METRICS, grid.seed)
        if own.has(LEAD):
            result.append(_scores(own, f"{degradation} {sample}: after one gain", printed))
    title = f"{degradation}: reduced chi-square / RMS residual in grey values"
    return [*result, fits_block(grid, title, scale=1)]


def _scores(grid: ScoreGrid, title: str, printed: DataFrame) -> Block:
    """One row per method; beneath, those that the paper has and this run has not."""
    to_best = grid.to_best(LEAD)
    shown = [key for key in SHOWN if grid.has(key)]
    fits = [method for method in grid.methods if sees_truth(grid, method)]
    scaled = any(grid.average("gain", m) != 1 for m in grid.methods if m not in fits)
    gains = ["gain"] if grid.complete("gain") and scaled else []
    winners = {key: grid.winner(key) for key in shown}
    header = ["method"]
    for key in shown:
        unit = METRICS[key].unit
        header.append(f"{METRICS[key].label}{f', {unit}' if unit else ''}")
        if key == LEAD and to_best:
            header.append("minus the best mean [95 % interval]")
    header += gains
    header += ["published PSNR, dB / SSIM"] if len(printed) else []
    rows = []
    for method in grid.methods:
        row = [cell(label(grid, method))]
        for key in shown:
            bold = winners[key] == method and method not in fits
            row.append(cell(mean_and_spread(grid, key, method), bold=[bold]))
            if key == LEAD and to_best:
                row.append(_difference(to_best, method))
        row += [cell(f"{grid.average('gain', method):.4g}")] if gains else []
        row += [_published(printed, method)] if len(printed) else []
        rows.append(tuple(row))
    others = [method for method in printed["method"] if method not in grid.methods]
    for method in others:
        empty = [cell("") for _ in header[2:]]
        rows.append((cell(f"{method} (published alone)"), *empty, _published(printed, method)))
    return Block(title, tuple(header), tuple(rows), len(others))


def _difference(to_best: Mapping[str, Any], method: str) -> Cell:
    if method not in to_best:
        return cell("best mean")
    mean, low, high = (fixed(value, 2) for value in to_best[method])
    return cell(f"{mean} [{low}, {high}]")


def _printed(printed: DataFrame, method: str, column: str) -> float:
    found = printed[printed["method"] == method]
    return math.nan if found.empty else float(found[column].iloc[0])


def _published(printed: DataFrame, method: str) -> Cell:
    return cell(
        fixed(_printed(printed, method, "psnr_db"), 2), fixed(_printed(printed, method, "ssim"), 4)
    )


def _tidy(
    grid: ScoreGrid,
    degradation: str,
    printed: DataFrame,
    seen: Sequence[observations.Observation],
) -> DataFrame:
    import pandas

    order = ["degradation", "sample", "method", "seed"]
    table = grid.rows[[*order, "repeatable", *grid.metrics, *ORIGINS]].copy()
    table.insert(4, "samples", 1)
    of = {one.sample: one for one in seen if one.degradation == degradation}
    for column in observations.COLUMNS:
        table[column] = [getattr(of[sample], column) for sample in table["sample"]]
    averages: list[dict[str, Any]] = []
    to_best = grid.to_best(LEAD)
    structure = {
        metric: structure_block.averages(grid, metric)
        for metric in structure_block.SHOWN
        if metric in grid.metrics
    }
    for method in grid.methods if degradation != RECORDED else []:
        own = grid.rows[grid.rows["method"] == method]
        row: dict[str, Any] = {
            "degradation": degradation,
            "sample": AVERAGE,
            "method": method,
            "samples": len(grid.complete(LEAD)),
            "repeatable": bool(own["repeatable"].all()),
        }
        row |= {metric: grid.average(metric, method) for metric in grid.metrics}
        row |= {metric: means.get(method, math.nan) for metric, means in structure.items()}
        row |= {f"published_{key}": _printed(printed, method, PUBLISHED[key]) for key in PUBLISHED}
        if method in to_best:
            row["psnr_minus_best"] = to_best[method].mean
            row["psnr_minus_best_low"], row["psnr_minus_best_high"] = to_best[method][1:]
        averages.append(row)
    if averages:
        table = pandas.concat([table, pandas.DataFrame(averages)], ignore_index=True)
    table["seed"] = table["seed"].astype("Int64")
    return table.reindex(
        columns=[
            *(*order, "samples", "repeatable", *METRICS),
            *("psnr_minus_best", "psnr_minus_best_low", "psnr_minus_best_high"),
            *(f"published_{metric}" for metric in PUBLISHED),
            *(*observations.COLUMNS, *ORIGINS),
        ]
    )
