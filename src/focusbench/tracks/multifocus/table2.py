"""The paper's Table 2, reproduced: how well methods stand noise, and what stopping is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.evaluation.statistics import FEWEST_SAMPLES, clear_winner
from focusbench.report.notes import preset_reasons, published_beside
from focusbench.report.results import ORIGINS, Results
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import MARK, Block, Cell, Table, cell, fixed
from focusbench.tracks.multifocus import outcomes
from focusbench.tracks.multifocus.metrics import METRICS
from focusbench.tracks.multifocus.noise import printed_sigma
from focusbench.tracks.multifocus.outcomes import EARLY, FINAL, ORACLE
from focusbench.tracks.multifocus.table1_notes import base_ids, size_reasons
from focusbench.tracks.multifocus.table2_notes import notes

if TYPE_CHECKING:
    from pandas import DataFrame

AVERAGE = published.AVERAGE
COLUMNS = {
    FINAL: "final",
    EARLY: "early stopping",
    ORACLE: "oracle: the best, chosen with the truth",
}
SHOWN = {"psnr": 2, "ssim_paper": 4}  # metric -> decimals
PRINTED = {"psnr": "psnr_db", "ssim_paper": "ssim"}  # our metric -> column of the paper's table


def table2(results: Results, settings: Mapping[str, Any]) -> Table:
    """Mean scores of each method's last, early-stopped and best iterate, at every noise level.

    Reads scores and restoration records.

    Parameters
    ----------
    results
        Of this track.
    settings
        As for `table1`.

    Returns
    -------
    Table
        Its data hold the rows of `outcomes.read`, and for each noise level, method and outcome one
        with sample "average": the mean over the samples that every method with such an outcome has
        a score for, seeds averaged first.
    """
    import pandas

    records = {item: results.record(item) for item in results.items}
    rows = outcomes.read(results, records)
    levels = [_Level(rows, d, results, settings["seed"]) for d in results.degradations]
    levels = [level for level in levels if level.grids]
    averages = pandas.DataFrame([row for level in levels for row in level.averages()])
    data = pandas.concat([rows, averages], ignore_index=True) if levels else rows
    grids = {
        f"{level.degradation}, {COLUMNS[outcome].split(':')[0]}": grid
        for level in levels
        for outcome, grid in level.grids.items()
    }
    printed = [column for level in levels for column in level.printed_columns()]
    ends = ["psnr_minus_best", "psnr_minus_best_low", "psnr_minus_best_high"]
    beside = [f"published_{metric}" for metric in SHOWN]
    order = [c for c in rows if c not in ORIGINS]
    order.insert(order.index("step"), "samples")
    return Table(
        name="table2",
        title="Noise and early stopping (Table 2 of Azevedo et al. 2024)",
        summary=_summary(results, settings, bool(printed)),
        notes=tuple(notes(results, settings, records, rows, grids, bool(printed))),
        data=data.reindex(columns=[*order, *ends, *beside, *ORIGINS]),
        blocks=tuple(block for level in levels for block in level.blocks()),
    )


class _Level:
    """One noise level: a grid of scores for each outcome, and what the paper prints."""

    def __init__(self, rows: DataFrame, degradation: str, results: Results, seed: int) -> None:
        self.degradation, self.seed = degradation, seed
        self.grids: dict[str, ScoreGrid] = {}
        own = rows[rows["degradation"] == degradation]
        for outcome in COLUMNS:
            shown = own[own["outcome"] == outcome]
            grid = ScoreGrid(shown, results.samples, results.methods, METRICS, seed)
            if grid.has("psnr"):
                self.grids[outcome] = grid
        ran = {method for grid in self.grids.values() for method in grid.methods}
        self.methods = [method for method in results.methods if method in ran]
        table = published.values("multifocus_table2")
        self.printed = table[table["noise_sigma"] == printed_sigma(degradation)]

    def printed_value(self, metric: str, outcome: str, method: str) -> float:
        """The paper's mean, beside the outcome that it belongs to; NaN elsewhere."""
        found = self.printed[self.printed["method"] == method]
        belongs = outcome == (ORACLE if method.startswith("dip") else FINAL)
        return math.nan if found.empty or not belongs else float(found[PRINTED[metric]].iloc[0])

    def printed_columns(self) -> list[str]:
        """Outcomes that a published column stands beside."""
        return [
            outcome
            for outcome in self.grids
            if any(not math.isnan(self.printed_value("psnr", outcome, m)) for m in self.methods)
        ]

    def blocks(self) -> list[Block]:
        header, beside = ["method"], self.printed_columns()
        for outcome, grid in self.grids.items():
            count = len(grid.complete("psnr"))
            over = "1 sample" if count == 1 else f"mean of {count}"
            header.append(f"{COLUMNS[outcome]} ({over})")
            header += [f"{outcome}, published"] if outcome in beside else []
        winners = {
            (outcome, metric): _winners(grid, metric)
            for outcome, grid in self.grids.items()
            for metric in SHOWN
        }
        rows = []
        for method in self.methods:
            row = [cell(method)]
            for outcome, grid in self.grids.items():
                bold = [method in winners[outcome, metric] for metric in SHOWN]
                row.append(_mean(grid, method, bold))
                if outcome in beside:
                    values = [self.printed_value(m, outcome, method) for m in SHOWN]
                    row.append(_pair(values))
            rows.append(tuple(row))
        title = f"{self.degradation}: PSNR in dB, range 1 / SSIM, variant paper"
        return [Block(title, tuple(header), tuple(rows)), *self._differences()]

    def _differences(self) -> list[Block]:
        intervals = {outcome: grid.to_best("psnr") for outcome, grid in self.grids.items()}
        if not any(intervals.values()):
            return []
        rows = []
        for method in self.methods:
            row = [cell(method)]
            for outcome, grid in self.grids.items():
                found = intervals[outcome].get(method)
                if found and any(found):  # all 0: the best by another name
                    mean, low, high = (fixed(value, 2) for value in found)
                    row.append(cell(f"{mean} [{low}, {high}]"))
                else:
                    best = method in grid.methods and intervals[outcome]
                    row.append(cell("best mean" if best else fixed(None, 2)))
            rows.append(tuple(row))
        header = ("method", *(COLUMNS[outcome] for outcome in self.grids))
        title = f"{self.degradation}: PSNR minus the best mean of the column, dB [95 % interval]"
        return [Block(title, header, tuple(rows))]

    def averages(self) -> list[dict[str, Any]]:
        """Rows of means for the CSV."""
        rows = []
        for outcome, grid in self.grids.items():
            to_best = grid.to_best("psnr")
            for method in grid.methods:
                own = grid.rows[grid.rows["method"] == method]
                row = {
                    "degradation": self.degradation,
                    "sample": AVERAGE,
                    "method": method,
                    "outcome": outcome,
                    "samples": len(grid.complete("psnr")),
                    "repeatable": bool(own["repeatable"].all()),
                    **{metric: grid.average(metric, method) for metric in grid.metrics},
                    **{
                        f"published_{metric}": self.printed_value(metric, outcome, method)
                        for metric in SHOWN
                    },
                }
                interval = to_best.get(method)
                if interval:
                    row["psnr_minus_best"] = interval.mean
                    row["psnr_minus_best_low"], row["psnr_minus_best_high"] = interval[1:]
                rows.append(row)
        return rows


def _winners(grid: ScoreGrid, metric: str) -> set[str]:
    """Methods that may be printed bold: several where they are one run by two names."""
    groups: dict[tuple[float, ...], list[str]] = {}
    for method, values in grid.paired(metric).items():
        groups.setdefault(tuple(values), []).append(method)
    best = clear_winner({group[0]: values for values, group in groups.items()}, seed=grid.seed)
    return next((set(group) for group in groups.values() if group[0] == best), set())


def _mean(grid: ScoreGrid, method: str, bold: Sequence[bool]) -> Cell:
    if method not in grid.methods:
        return cell(fixed(None, 2))
    texts = [fixed(grid.average(metric, method), digits) for metric, digits in SHOWN.items()]
    spread = _spread(grid, "psnr", method)
    if not math.isnan(spread):
        texts[0] += f"±{fixed(spread, 2)}"
    if not all(grid.repeatable(sample, method) for sample in grid.samples):
        texts[-1] += MARK
    return cell(*texts, bold=bold)


def _spread(grid: ScoreGrid, metric: str, method: str) -> float:
    """Standard deviation, over the seeds, of the mean over the samples; NaN with one seed."""
    own = grid.rows[grid.rows["method"] == method]
    own = own[own["sample"].isin(grid.complete(metric))]
    return float(own.groupby("seed")[metric].mean().std()) if len(own) else math.nan


def _pair(values: Sequence[float]) -> Cell:
    if all(map(math.isnan, values)):
        return cell(fixed(None, 2))
    return cell(*map(fixed, values, SHOWN.values()))


def _summary(results: Results, settings: Mapping[str, Any], beside: bool) -> str:
    theirs = set(published.values("multifocus_table1")["sample"]) - {AVERAGE}
    reasons = [*preset_reasons(settings), *size_reasons(results, settings)]
    own = base_ids(results.samples)
    if set(own) != theirs:
        reasons.append(
            "the paper's samples are not ours, its means are over 13 SciVis volumes and ours over "
            f"{', '.join(own) or 'none'}"
        )
    if not beside:
        reasons.append("Table 2 of the paper is about noise of 0.01 and 0.02")
    return (
        "Means over the samples for each method and noise level: of the last iterate, of the one "
        "that early stopping keeps, and of the best one. "
        + published_beside(
            beside,
            reasons,
            "Reproduced with the paper's settings on its volumes; which part of a volume it cut "
            "out is not said.",
        )
        + ("" if len(own) >= FEWEST_SAMPLES else " Too few samples to judge a difference.")
    )
