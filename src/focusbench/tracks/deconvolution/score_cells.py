"""How the tables of the track show scores: labels, means and spreads, intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from focusbench.evaluation.statistics import FEWEST_SAMPLES, Interval, paired_interval
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import MARK, Cell, cell, fixed
from focusbench.tracks.deconvolution.metrics import METRICS

RECORDED = "recorded"
FITTED_MARK = "‡"
FIT = ("gain", "offset")
DIGITS = {"dB": 2, "": 4}  # by unit


def sees_truth(grid: ScoreGrid, method: str) -> bool:
    """Whether more was fitted to the truth than a recording's unit asks for."""
    rows = grid.rows[grid.rows["method"] == method].reindex(columns=["degradation", *FIT])
    gain, offset = rows["gain"].fillna(1), rows["offset"].fillna(0)
    return bool(((offset != 0) | ((rows["degradation"] != RECORDED) & (gain != 1))).any())


def label(grid: ScoreGrid, method: str) -> str:
    """Id of a method with the marks that refer to notes."""
    repeatable = all(grid.repeatable(sample, method) for sample in grid.samples)
    fitted = FITTED_MARK if sees_truth(grid, method) else ""
    return f"{method}{fitted}{'' if repeatable else MARK}"


def mean_and_spread(
    grid: ScoreGrid, metric: str, method: str, digits: int | None = None, scale: float = 1
) -> str:
    """Write the mean over the samples, and how far they lie apart."""
    values = [scale * value for value in grid.paired(metric)[method]]
    if digits is None:
        digits = DIGITS[METRICS[metric].unit]
    text = fixed(scale * grid.average(metric, method), digits)
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return text
    return f"{text}±{fixed(statistics.stdev(values), digits)}"


def difference(first: Sequence[float], second: Sequence[float], seed: int) -> Interval:
    """Mean of paired differences; the ends are NaN with too few samples to judge."""
    mean = (sum(first) - sum(second)) / len(first) if len(first) else math.nan
    judged = len(first) >= FEWEST_SAMPLES and all(map(math.isfinite, [*first, *second]))
    return paired_interval(first, second, seed=seed) if judged else Interval(mean, *[math.nan] * 2)


def interval(found: Interval, digits: int) -> Cell:
    """Write a difference, with its interval where there is one."""
    mean, low, high = (fixed(value, digits) for value in found)
    return cell(mean if math.isnan(found.low) else f"{mean} [{low}, {high}]")


def over(count: int) -> str:
    """Say what a mean is over."""
    return f"mean ± standard deviation over {count} samples" if count > 1 else "one sample"
