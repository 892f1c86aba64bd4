"""How the tables of the track write numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from focusbench.evaluation.statistics import FEWEST_SAMPLES, Interval, paired_interval
from focusbench.report.tables import Cell, cell, fixed


def percent(value: float, spread: float = math.nan) -> str:
    """Write a share (0 to 1) in %, with its standard deviation over seeds where there is one."""
    text = fixed(100 * value, 1)
    return text if math.isnan(spread) else f"{text}±{fixed(100 * spread, 1)}"


def interval(found: Interval, digits: int, scale: float = 1, *, bold: bool = True) -> Cell:
    """Write a difference, and its interval where there is one; bold where that excludes 0.

    `bold`: whether it may be.
    """
    mean, low, high = (fixed(scale * value, digits) for value in found)
    if math.isnan(found.low):
        return cell(mean)
    return cell(f"{mean} [{low}, {high}]", bold=[bold and (found.low > 0 or found.high < 0)])


def difference(first: Sequence[float], second: Sequence[float], seed: int) -> Interval:
    """Mean of paired differences; the ends are NaN with too few samples to judge."""
    mean = (sum(first) - sum(second)) / len(first) if len(first) else math.nan
    judged = len(first) >= FEWEST_SAMPLES and all(map(math.isfinite, [*first, *second]))
    return paired_interval(first, second, seed=seed) if judged else Interval(mean, *[math.nan] * 2)


def listed(ids: Sequence[str], most: int = 6) -> str:
    """Name all, or the first and the last of many."""
    if len(ids) <= most:
        return ", ".join(ids)
    return f"{', '.join(ids[:2])}, ..., {ids[-1]} ({len(ids)})"
