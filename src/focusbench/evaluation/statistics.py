"""Is a difference between methods more than the choice of samples? Paired bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from focusbench.errors import InputError

CONFIDENCE = 0.95
RESAMPLES = 10_000
FEWEST_SAMPLES = 5  # with fewer, no method is called the best


class Interval(NamedTuple):
    """Mean of paired differences and the ends of its confidence interval."""

    mean: float
    low: float
    high: float


def paired_interval(
    first: Sequence[float], second: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Return the mean of `first` - `second` over samples and its 95 % bootstrap interval.

    Samples are drawn anew with replacement, both methods' scores together (paired), and the 2.5th
    and 97.5th percentiles of the mean are taken (the percentile method). With five samples it
    covers less than its nominal 95 %, which is why fewer are never judged at all.

    Parameters
    ----------
    first, second
        Scores of two methods on the same samples, in the same order; finite.
    seed
        Of the draws: the same scores and seed give the same interval.

    Raises
    ------
    InputError
        Unequal lengths, no samples, or a score that is not finite.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or a.size == 0:
        raise InputError(
            f"paired scores of shapes {a.shape} and {b.shape}; two lists of the same samples, with "
            "at least one, are accepted"
        )
    difference = a - b
    if not np.isfinite(difference).all():
        raise InputError("a paired score is NaN or infinite; finite scores are accepted")
    drawn = np.random.default_rng(seed).integers(a.size, size=(resamples, a.size))
    means = difference[drawn].mean(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(difference.mean()), float(low), float(high))


def best_mean(scores: Mapping[str, Sequence[float]], *, higher_is_better: bool = True) -> str:
    """Return the id with the best mean score; of equals, the first."""
    if not scores:
        raise InputError("no method has a score; at least one is accepted")
    sign = 1 if higher_is_better else -1
    means = {name: sign * float(np.mean(values)) for name, values in scores.items()}
    return max(means, key=lambda name: means[name])


def clear_winner(
    scores: Mapping[str, Sequence[float]], *, higher_is_better: bool = True, seed: int = 0
) -> str | None:
    """Return the method that may be printed bold, or None.

    It is the one with the best mean, and only if the 95 % interval of its paired difference to
    every other method excludes 0. All others, not the runner-up alone: a method with a lower
    mean may vary so much over the samples that it cannot be told from the best. As each of
    these tests must be passed, no correction for their number is needed.

    Parameters
    ----------
    scores
        Method -> its scores on the same samples, in the same order.

    Returns
    -------
    str or None
        None also with fewer than five samples, fewer than two methods or an infinite score.
    """
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in scores.items()}
    if len(arrays) < 2 or min(array.size for array in arrays.values()) < FEWEST_SAMPLES:
        return None
    if not all(np.isfinite(array).all() for array in arrays.values()):
        return None
    best = best_mean(scores, higher_is_better=higher_is_better)
    for name, array in arrays.items():
        if name == best:
            continue
        interval = paired_interval(arrays[best], array, seed=seed)
        if interval.low <= 0 <= interval.high:
            return None
    return best
