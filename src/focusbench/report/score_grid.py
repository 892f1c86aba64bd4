"""Scores of one degradation, samples by methods: means, spreads, and who is certainly best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from focusbench.evaluation.metric import Metric
from focusbench.evaluation.statistics import (
    FEWEST_SAMPLES,
    Interval,
    best_mean,
    clear_winner,
    paired_interval,
)

if TYPE_CHECKING:
    from pandas import DataFrame


class ScoreGrid:
    """Scores of one degradation.

    Parameters
    ----------
    rows
        Those of `Results.scores` that are of the degradation.
    samples, methods
        Ids in the order of the table; those without a row are left out.
    metrics
        The track's metrics by key; those without a column are left out.
    seed
        Of the bootstrap.
    """

    def __init__(
        self,
        rows: DataFrame,
        samples: Sequence[str],
        methods: Sequence[str],
        metrics: Mapping[str, Metric],
        seed: int,
    ) -> None:
        self.rows, self.seed, self._metrics = rows, seed, metrics
        with_rows = set(rows["method"]), set(rows["sample"])
        self.methods = [method for method in methods if method in with_rows[0]]
        self.samples = [sample for sample in samples if sample in with_rows[1]]
        self.metrics = [key for key in metrics if key in rows]
        by_item = rows.groupby(["sample", "method"], sort=False)
        # over seeds; metric -> (sample, method) -> value
        self._mean = _columns(by_item[self.metrics].mean())
        self._spread = _columns(by_item[self.metrics].std())
        self._repeatable = by_item["repeatable"].all().to_dict()

    def value(self, metric: str, sample: str, method: str) -> float:
        """Mean over seeds; NaN where there is none."""
        return self._mean.get(metric, {}).get((sample, method), math.nan)

    def spread(self, metric: str, sample: str, method: str) -> float:
        """Standard deviation over seeds; NaN with fewer than two."""
        return self._spread.get(metric, {}).get((sample, method), math.nan)

    def repeatable(self, sample: str, method: str) -> bool:
        """Whether no time budget ended a run."""
        return self._repeatable.get((sample, method), True)

    def has(self, metric: str) -> bool:
        """Whether anything has a value."""
        return any(not math.isnan(value) for value in self._mean.get(metric, {}).values())

    def complete(self, metric: str) -> list[str]:
        """Samples that every method has a value for: only these can be averaged and compared."""
        return [
            s
            for s in self.samples
            if all(not math.isnan(self.value(metric, s, m)) for m in self.methods)
        ]

    def lacking(self, metrics: Sequence[str]) -> dict[str, list[str]]:
        """Method -> samples without a value of one of `metrics` that another method has there."""
        found: dict[str, list[str]] = {}
        for sample in self.samples:
            missing = {
                key: [m for m in self.methods if math.isnan(self.value(key, sample, m))]
                for key in metrics
            }
            without = {
                m for names in missing.values() if len(names) < len(self.methods) for m in names
            }
            for method in self.methods:
                if method in without:
                    found.setdefault(method, []).append(sample)
        return found

    def paired(self, metric: str) -> dict[str, list[float]]:
        """Method -> values on the samples that are complete."""
        samples = self.complete(metric)
        return {m: [self.value(metric, s, m) for s in samples] for m in self.methods}

    def average(self, metric: str, method: str) -> float:
        """Mean over the samples that are complete."""
        values = self.paired(metric)[method]
        return sum(values) / len(values) if values else math.nan

    def winner(self, metric: str) -> str | None:
        """The method that may be printed bold."""
        better = self._metrics[metric].higher_is_better
        if better is None or not self.has(metric):
            return None
        return clear_winner(self.paired(metric), higher_is_better=better, seed=self.seed)

    def to_best(self, metric: str) -> dict[str, Interval]:
        """Method -> interval of its paired difference to the best mean; empty if not judged."""
        scores = self.paired(metric)
        values = [value for column in scores.values() for value in column]
        enough = len(self.complete(metric)) >= FEWEST_SAMPLES and len(self.methods) > 1
        if not enough or not all(map(math.isfinite, values)):
            return {}
        best = best_mean(scores)
        return {
            method: paired_interval(column, scores[best], seed=self.seed)
            for method, column in scores.items()
            if method != best
        }


def _columns(table: DataFrame) -> dict[str, dict[tuple[str, str], float]]:
    """Column -> index -> value; pandas' own `to_dict` builds the index anew for each column."""
    index = list(table.index)
    return {column: dict(zip(index, table[column].tolist(), strict=True)) for column in table}
