"""The paper's Table III, reproduced: what it is worth to know the PSF."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.evaluation.statistics import Interval
from focusbench.report.results import ORIGINS, Results
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import Block, Cell, Table, cell, fixed, significant
from focusbench.tracks.deconvolution import learned
from focusbench.tracks.deconvolution.metrics import METRICS
from focusbench.tracks.deconvolution.score_cells import (
    RECORDED,
    difference,
    interval,
    label,
    mean_and_spread,
    over,
    sees_truth,
)
from focusbench.tracks.deconvolution.table1_notes import PUBLISHED_ON
from focusbench.tracks.deconvolution.table3_notes import notes, summary
from focusbench.tracks.deconvolution.told import pairs, told, unsettled

if TYPE_CHECKING:
    from pandas import DataFrame

AVERAGE = published.AVERAGE
LEAD = "psnr_volume"
COMPARED = {LEAD: ("psnr_db", 2), "ssim_uniform_3d": ("ssim", 4)}  # paper's column, digits
FITS = ("chi_square", "rms_residual")
KEPT = (*COMPARED, *FITS, "chi_square_truth", "rms_residual_truth")


def table3(results: Results, settings: Mapping[str, Any]) -> Table:
    """Methods that are told the PSF beside those that are not, and the difference that it makes.

    Reads scores, restoration records, observation records and the records of trainings.

    Parameters
    ----------
    results
        Of the main grid.
    settings
        As for `table1`.

    Returns
    -------
    Table
        Its data hold one row per degradation, sample and method, seeds averaged, and one with
        sample "average". Rows with an id in `minus` hold differences of the two methods, with the
        interval's ends in the averages.
    """
    import pandas

    scores, trainings = results.scores(), learned.read(results)
    printed = published.values("deconvolution_table3")
    known = told(results.methods, trainings)
    data, blocks = [], []
    for degradation in (one for one in results.degradations if one != RECORDED):
        rows = scores[(scores["degradation"] == degradation) & scores["method"].isin(known)]
        grid = ScoreGrid(rows, results.samples, list(known), METRICS, settings["seed"])
        shown = printed if degradation == PUBLISHED_ON else printed.iloc[:0]
        couples = pairs(grid.methods, trainings)
        plain = unsettled(grid.methods, degradation, trainings)
        blocks += _blocks(grid, degradation, known, couples, shown, plain)
        data.append(_tidy(grid, degradation, known, couples, shown))
    empty = pandas.DataFrame(columns=["degradation", "sample", "method"])
    return Table(
        name="table3",
        title="Methods told the PSF and methods that are not (Table III of Lim et al. 2020)",
        summary=summary(results, settings, trainings),
        notes=tuple(notes(results, scores, settings, trainings)),
        data=pandas.concat(data, ignore_index=True) if data else empty,
        blocks=tuple(blocks),
    )


def _blocks(
    grid: ScoreGrid,
    degradation: str,
    known: Mapping[str, str],
    couples: Sequence[tuple[str, str]],
    printed: DataFrame,
    plain: Collection[str],
) -> list[Block]:
    found = [_scores(grid, degradation, known, printed, plain)]
    return [*found, _differences(grid, degradation, couples, printed)] if couples else found


def _scores(
    grid: ScoreGrid,
    degradation: str,
    known: Mapping[str, str],
    printed: DataFrame,
    plain: Collection[str],
) -> Block:
    """One row per method; those in `plain` are never bold."""
    header = ["method", "the PSF is", "PSNR of the volume, dB", "SSIM uniform_3d"]
    header += ["reduced chi-square / RMS residual in 1/1000 of full intensity"]
    header += ["published PSNR, dB / SSIM"] if len(printed) else []
    winners = {metric: grid.winner(metric) for metric in COMPARED}
    rows = []
    for method in grid.methods:
        row = [cell(label(grid, method)), cell(known[method])]
        for metric in COMPARED:
            bold = winners[metric] == method and method not in plain
            bold = bold and not sees_truth(grid, method)
            row.append(cell(mean_and_spread(grid, metric, method), bold=[bold]))
        row.append(_fit(grid, method, ""))
        row += [_published(printed, method)] if len(printed) else []
        rows.append(tuple(row))
    tail = [[cell("truth itself"), *[cell("")] * 3, _fit(grid, grid.methods[0], "_truth")]]
    tail[0] += [cell("")] if len(printed) else []
    for method in printed["method"]:
        if method not in grid.methods:
            blank = [cell("")] * 4
            tail.append([cell(f"{method} (published alone)"), *blank, _published(printed, method)])
    title = f"{degradation}: {over(len(grid.complete(LEAD)))}"
    return Block(title, tuple(header), (*rows, *map(tuple, tail)), len(tail))


def _fit(grid: ScoreGrid, method: str, suffix: str) -> Cell:
    """Chi-square, and 1000 times the RMS residual, as means over the samples."""
    chi, rms = (_mean_of(grid, f"{metric}{suffix}", method) for metric in FITS)
    return cell(significant(chi), significant(1000 * rms))


def _mean_of(grid: ScoreGrid, metric: str, method: str) -> float:
    values = [grid.value(metric, sample, method) for sample in grid.samples]
    return sum(values) / len(values) if values else math.nan


def _differences(
    grid: ScoreGrid, degradation: str, couples: Sequence[tuple[str, str]], printed: DataFrame
) -> Block:
    header = ["told minus blind", "PSNR, dB [95 % interval]", "SSIM [95 % interval]"]
    header += ["published PSNR, dB / SSIM"] if len(printed) else []
    rows = []
    for first, second in couples:
        row = [cell(f"{first} minus {second}")]
        for metric, (_, digits) in COMPARED.items():
            row.append(interval(_between(grid, metric, first, second), digits))
        if len(printed):
            texts = [
                fixed(_printed(printed, first, column) - _printed(printed, second, column), digits)
                for column, digits in COMPARED.values()
            ]
            row.append(cell(*texts))
        rows.append(tuple(row))
    return Block(f"{degradation}: what knowing the PSF is worth", tuple(header), tuple(rows))


def _between(grid: ScoreGrid, metric: str, first: str, second: str) -> Interval:
    values = grid.paired(metric)
    return difference(values[first], values[second], seed=grid.seed)


def _printed(printed: DataFrame, method: str, column: str) -> float:
    found = printed[printed["method"] == method]
    return math.nan if found.empty else float(found[column].iloc[0])


def _published(printed: DataFrame, method: str) -> Cell:
    return cell(
        *(fixed(_printed(printed, method, column), digits) for column, digits in COMPARED.values())
    )


def _tidy(
    grid: ScoreGrid,
    degradation: str,
    known: Mapping[str, str],
    couples: Sequence[tuple[str, str]],
    printed: DataFrame,
) -> DataFrame:
    import pandas

    rows: list[dict[str, Any]] = []
    kept = [metric for metric in KEPT if metric in grid.metrics]
    origins = grid.rows.drop_duplicates(["sample", "method"]).set_index(["sample", "method"])
    for method in grid.methods:
        start = {"degradation": degradation, "method": method, "psf": known[method]}
        for sample in grid.samples:
            row = {**start, "sample": sample, "samples": 1}
            row |= {metric: grid.value(metric, sample, method) for metric in kept}
            rows.append(row | {key: origins.loc[(sample, method), key] for key in ORIGINS})
        row = {**start, "sample": AVERAGE, "samples": len(grid.complete(LEAD))}
        row |= {metric: grid.average(metric, method) for metric in kept}
        for metric, (column, _) in COMPARED.items():
            row[f"published_{metric}"] = _printed(printed, method, column)
        rows.append(row)
    for first, second in couples:
        start = {"degradation": degradation, "method": first, "minus": second}
        for sample in grid.complete(LEAD):
            row = {**start, "sample": sample, "samples": 1}
            for metric in COMPARED:
                one, other = (grid.value(metric, sample, method) for method in (first, second))
                row[metric] = one - other
            rows.append(row)
        row = {**start, "sample": AVERAGE, "samples": len(grid.complete(LEAD))}
        for metric, (column, _) in COMPARED.items():
            found = _between(grid, metric, first, second)
            row |= {metric: found.mean, f"{metric}_low": found.low, f"{metric}_high": found.high}
            one, other = (_printed(printed, method, column) for method in (first, second))
            row[f"published_{metric}"] = one - other
        rows.append(row)
    columns = ["degradation", "sample", "method", "minus", "psf", "samples"]
    for metric in KEPT:
        columns += [metric]
        columns += [f"{metric}_low", f"{metric}_high"] if metric in COMPARED else []
    columns += [*(f"published_{metric}" for metric in COMPARED), *ORIGINS]
    return pandas.DataFrame(rows).reindex(columns=columns)
