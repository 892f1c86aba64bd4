"""How the tables of the track compare methods and write numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from focusbench.evaluation.statistics import (
    FEWEST_SAMPLES,
    Interval,
    best_mean,
    clear_winner,
    paired_interval,
)
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import MARK, Cell, cell, fixed
from focusbench.tracks.refocus.metrics import METRICS

if TYPE_CHECKING:
    from pandas import DataFrame

MIDDLE, OTHERS = "_middle", "_others"  # ends of the keys of the plane at 0 um, and of the others
DIGITS = {
    **{"psnr": 2, "ssim": 4, "mse": 2, "mae": 2},
    **{"nuclear_absorbance": 4, "nuclear_iod": 1, "rms_residual": 2},
}


class Scores:
    """Scores of one degradation: for each metric the methods that have it.

    A method that gives one plane has no mean over all of them, which must not keep the others from
    theirs.

    Parameters
    ----------
    rows
        Those of `Results.scores` that are of the degradation.
    samples, methods
        Ids in the order of the table; those without a row are left out.
    seed
        Of the bootstrap.
    """

    def __init__(
        self, rows: DataFrame, samples: Sequence[str], methods: Sequence[str], seed: int
    ) -> None:
        self.whole = ScoreGrid(rows, samples, methods, METRICS, seed)
        self.seed = seed
        self._grids: dict[tuple[str, ...], ScoreGrid] = {tuple(self.whole.methods): self.whole}

    def grid(self, key: str) -> ScoreGrid:
        """Scores of the methods that have the metric of any sample."""
        methods = tuple(m for m in self.whole.methods if self._has(key, m))
        if methods not in self._grids:
            of = self.whole.rows[self.whole.rows["method"].isin(methods)]
            self._grids[methods] = ScoreGrid(of, self.whole.samples, methods, METRICS, self.seed)
        return self._grids[methods]

    def has(self, key: str) -> bool:
        """Whether any method has the metric."""
        return self.whole.has(key)

    def average(self, key: str, method: str) -> float:
        """Mean over the samples that every method which has the metric has it of."""
        grid = self.grid(key)
        return grid.average(key, method) if method in grid.methods else math.nan

    def values(self, key: str, method: str) -> list[float]:
        """Those that `average` is the mean of."""
        grid = self.grid(key)
        return grid.paired(key)[method] if method in grid.methods else []

    def compared(self, key: str) -> dict[str, list[float]]:
        """Method -> values, of methods whose values can be compared.

        A method whose PSNR is infinite was given what it was to find: it is compared with none,
        in no metric of that plane.
        """
        grid = self.grid(key)
        known = self.given(f"psnr{MIDDLE}") if key.endswith(MIDDLE) else set()
        return {
            method: values
            for method, values in grid.paired(key).items()
            if method not in known and values and all(map(math.isfinite, values))
        }

    def given(self, key: str) -> set[str]:
        """Methods with an infinite PSNR, `key`, of any sample."""
        return {
            method
            for method in self.whole.methods
            for sample in self.whole.samples
            if math.isinf(self.whole.value(key, sample, method))
        }

    def winner(self, key: str) -> str | None:
        """The method that may be printed bold."""
        better = METRICS[key].higher_is_better
        return finite_winner(self.compared(key), better, self.seed)

    def best(self, key: str) -> str | None:
        """The method with the best mean; None: nothing says which that is."""
        better, values = METRICS[key].higher_is_better, self.compared(key)
        return best_mean(values, higher_is_better=better) if values and better is not None else None

    def minus_best(self, key: str) -> dict[str, Interval]:
        """Method -> its paired difference to the best mean; the best itself is left out."""
        best, values = self.best(key), self.compared(key)
        return {
            method: difference(own, values[best], self.seed)
            for method, own in values.items()
            if best is not None and method != best
        }

    def _has(self, key: str, method: str) -> bool:
        values = (self.whole.value(key, sample, method) for sample in self.whole.samples)
        return any(not math.isnan(value) for value in values)


def finite_winner(
    values: Mapping[str, Sequence[float]], higher_is_better: bool | None, seed: int
) -> str | None:
    """The method that may be printed bold; those with a value that is not finite do not compete."""
    known = {m: of for m, of in values.items() if len(of) and all(map(math.isfinite, of))}
    if higher_is_better is None:
        return None
    return clear_winner(known, higher_is_better=higher_is_better, seed=seed) if known else None


def base(key: str) -> str:
    """Metric without the end that says of which planes."""
    for end in (MIDDLE, OTHERS):
        key = key.removesuffix(end)
    return key


def number(value: float, key: str) -> str:
    """Write a value of a metric."""
    return fixed(value, DIGITS.get(base(key), 3))


def mean_and_spread(values: Sequence[float], key: str) -> str:
    """Write the mean over the samples, and how far they lie apart."""
    if not values:
        return number(math.nan, key)
    text = number(sum(values) / len(values), key)
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return text
    return f"{text}±{number(statistics.stdev(values), key)}"


def interval(found: Interval, key: str) -> Cell:
    """Write a difference, with its interval where there is one."""
    mean, low, high = (number(value, key) for value in found)
    return cell(mean if math.isnan(found.low) else f"{mean} [{low}, {high}]")


def difference(first: Sequence[float], second: Sequence[float], seed: int) -> Interval:
    """Mean of paired differences; the ends are NaN with too few samples to judge."""
    mean = (sum(first) - sum(second)) / len(first) if len(first) else math.nan
    judged = len(first) >= FEWEST_SAMPLES and all(map(math.isfinite, [*first, *second]))
    return paired_interval(first, second, seed=seed) if judged else Interval(mean, *[math.nan] * 2)


def label(scores: Scores, method: str) -> str:
    """Id of a method with the mark that refers to a note."""
    grid = scores.whole
    repeatable = all(grid.repeatable(sample, method) for sample in grid.samples)
    return f"{method}{'' if repeatable else MARK}"


def over(count: int) -> str:
    """Say what a mean is over."""
    return f"mean ± standard deviation over {count} fields" if count > 1 else "one field"


def listed(ids: Sequence[str], most: int = 6) -> str:
    """Name all, or the first and the last of many."""
    if len(ids) <= most:
        return ", ".join(ids)
    return f"{', '.join(ids[:2])}, ..., {ids[-1]} ({len(ids)})"
