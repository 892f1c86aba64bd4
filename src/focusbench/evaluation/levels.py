"""How well defocus levels are told: He et al. 2020, Tables 1 and 2, Figs. 3, 5 and 6, and more.

Levels are whole numbers from 0, or `BG` (-1) for a patch that shows nothing. `bg` is a class like
any other for accuracy, precision, recall, F1 and the confusion matrix. It has no depth: for
`within_one`, `bg` is right for `bg` alone, and the mean absolute error is that of patches which
have a level in truth and in prediction. Those that have it in one only are counted beside it
(`missed`, `invented`), so that no predictor gains unseen by calling doubtful patches `bg`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from focusbench.errors import InputError
from focusbench.training.level_map import BG, class_of


class LevelScores(NamedTuple):
    """Scores of predicted levels; shares are from 0 to 1, None where there is nothing to judge.

    Attributes
    ----------
    patches
        How many were judged.
    accuracy, within_one
        Share of all patches with the right level (or `bg`), and with one at most a level off.
    mae_um
        Mean |predicted - true| depth of patches with a level in both, um.
    precision, recall, f1
        Macro: means over the classes that occur in truth or prediction, 0 where undefined. F1 is
        the mean of the classes' F1, not that of the two means.
    missed
        Share of the patches with a true level that were called `bg`.
    invented
        Share of the patches of true `bg` that were given a level.
    """

    patches: int
    accuracy: float
    within_one: float
    mae_um: float | None
    precision: float
    recall: float
    f1: float
    missed: float | None
    invented: float | None


def score(
    truth: np.ndarray, predicted: np.ndarray, n_levels: int = 11, step_um: float = 2.0
) -> LevelScores:
    """Judge predicted levels.

    Parameters
    ----------
    truth, predicted
        (N,), levels or `BG`.
    n_levels
        Levels 0 to `n_levels` - 1 are accepted.
    step_um
        Distance of neighbouring levels.

    Raises
    ------
    InputError
        Lengths that differ, no patch, or what is no level.
    """
    table = confusion(truth, predicted, n_levels)
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    deep, given = truth != BG, predicted != BG
    both = deep & given
    off = np.abs(truth - predicted)
    near = (both & (off <= 1)) | (~deep & ~given)
    precision, recall, f1 = _macro(table)
    return LevelScores(
        patches=truth.size,
        accuracy=float(np.mean(truth == predicted)),
        within_one=float(near.mean()),
        mae_um=_mean(step_um * off[both]),
        precision=precision,
        recall=recall,
        f1=f1,
        missed=_mean(~given[deep]),
        invented=_mean(given[~deep]),
    )


def confusion(truth: np.ndarray, predicted: np.ndarray, n_levels: int = 11) -> np.ndarray:
    """Count patches by true (row) and predicted class (column), `bg` last; int64.

    Raises
    ------
    InputError
        As `score`.
    """
    rows, columns = _checked(truth, predicted, n_levels)
    table = np.zeros((n_levels + 1, n_levels + 1), np.int64)
    np.add.at(table, (class_of(rows, n_levels), class_of(columns, n_levels)), 1)
    return table


def cumulative_match(
    truth: np.ndarray, probabilities: np.ndarray, n_levels: int = 11
) -> np.ndarray:
    """Share of patches whose true class is among the k most probable ones, for k = 1, 2, ...

    Parameters
    ----------
    truth
        (N,), levels or `BG`.
    probabilities
        (N, classes): levels in order, then `bg` where the predictor knows it; a true `bg` is never
        met where it does not. Of equally probable classes the first comes first.

    Returns
    -------
    numpy.ndarray
        (classes,), from 0 to 1.

    Raises
    ------
    InputError
        Shapes that do not fit together, or no patch.
    """
    truth, given = np.asarray(truth), np.asarray(probabilities)
    fits = given.ndim == 2 and truth.shape == given.shape[:1] and truth.size > 0
    if not fits or given.shape[1] not in (n_levels, n_levels + 1):
        raise InputError(
            f"cumulative match: truth of shape {truth.shape}, probabilities of {given.shape}; (N,) "
            f"and (N, {n_levels} or {n_levels + 1}), of at least one patch, are accepted"
        )
    ranked = np.argsort(-given, axis=1, kind="stable")
    return np.cumsum((ranked == class_of(truth, n_levels)[:, None]).mean(axis=0))


def _macro(table: np.ndarray) -> tuple[float, float, float]:
    """Macro precision, recall and F1 of a confusion matrix."""
    right = np.diag(table).astype(np.float64)
    true, given = table.sum(axis=1), table.sum(axis=0)
    occurs = true + given > 0
    precision = _ratio(right, given)
    recall = _ratio(right, true)
    f1 = _ratio(2 * right, true + given)  # 2 P R / (P + R)
    return tuple(float(values[occurs].mean()) for values in (precision, recall, f1))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None


def _checked(
    truth: np.ndarray, predicted: np.ndarray, n_levels: int
) -> tuple[np.ndarray, np.ndarray]:
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.ndim != 1 or truth.shape != predicted.shape or truth.size == 0:
        raise InputError(
            f"levels: truth of shape {truth.shape}, predictions of {predicted.shape}; two lists of "
            "the same patches, at least one, are accepted"
        )
    for kind, values in (("true", truth), ("predicted", predicted)):
        wrong = ~np.isin(values, np.arange(-1, n_levels))
        if wrong.any():
            raise InputError(
                f"levels: a {kind} level is {values[wrong][0]}; 0 to {n_levels - 1}, or {BG} for "
                "bg, are accepted"
            )
    return truth.astype(np.int64), predicted.astype(np.int64)
