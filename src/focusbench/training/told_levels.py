"""What the restorers of fields read of a problem: the lens, and the levels that a predictor told.

The levels of a problem are those of the patches of the triangular grid (`extras["levels"]`, (R, C),
`patch_grid.BACKGROUND` for background), `extras["patch"]` is the side of its patches in pixels. An
oracle also gives `extras["level_map"]`, the true level of each pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.parameters import check_positive_or_0
from focusbench.problem import Problem
from focusbench.solvers.patch_grid import BACKGROUND, PATCH, PatchGrid
from focusbench.training.level_map import levels_on

TOLD_ON = "triangular"


def grid_of(problem: Problem, window: str) -> PatchGrid:
    """Patches of the problem's field.

    Raises
    ------
    InputError
        A field that is smaller than a patch.
    """
    size = int(problem.extras.get("patch", PATCH))
    return PatchGrid(tuple(problem.observed.shape), size, window)


def told_levels(problem: Problem, method: str, window: str) -> np.ndarray:
    """Levels of the patches in a window, int64 (R, C).

    Raises
    ------
    InputError
        Nobody told them, or not those of this field's patches.
    """
    levels = problem.extras.get("levels")
    if levels is None:
        raise InputError(
            f"{method}: the levels of the patches are not known; accepted: a `predictor` that "
            "tells them, or a number as `level`"
        )
    return levels_on(grid_of(problem, TOLD_ON), levels, window)


def shifted(levels: np.ndarray, error: int, n_levels: int) -> np.ndarray:
    """Levels that are wrong by `error`, kept within the series; background stays background."""
    return np.where(levels == BACKGROUND, BACKGROUND, np.clip(levels + error, 0, n_levels - 1))


def lens_of(problem: Problem, method: str) -> Any:
    """Lens of a problem: `psfs` (L, y, x) of the series, `in_focus` (y, x), `at(level)`.

    Raises
    ------
    InputError
        It is not known.
    """
    if problem.forward is None:
        raise InputError(f"{method}: the lens is not known; a problem that states it is needed")
    return problem.forward


def error_name(error: int) -> str:
    """Name of the estimate with levels wrong by `error`: "level+1"."""
    return f"level{error:+d}"


def check_level(method: Any) -> None:
    """Check the fields `predictor`, `level` and `level_errors` of a method.

    Raises
    ------
    InputError
        A predictor that is no id, a level below 0, errors that are no whole numbers, 0 or there
        twice, or errors of a level that no predictor told.
    """
    check_predictor(method)
    if method.level is not None:
        check_positive_or_0("level", method.level)
    errors = method.level_errors
    fine = isinstance(errors, Sequence) and not isinstance(errors, str)
    fine = fine and all(
        isinstance(one, Real) and not isinstance(one, bool) and one == int(one) and one != 0
        for one in errors
    )
    if not fine or len(set(errors)) < len(errors):
        raise InputError(
            f"level_errors is {errors!r}; a list of different whole numbers other than 0 is "
            "accepted"
        )
    if errors and method.level is not None:
        raise InputError(
            f"level_errors is {errors!r} and level {method.level!r}; errors are those of levels "
            "that are told: level null is accepted with them"
        )


def check_predictor(method: Any) -> None:
    """Check the field `predictor` of a method; InputError if it is no id."""
    value = method.predictor
    if value is not None and not (isinstance(value, str) and value):
        raise InputError(f"predictor is {value!r}; the id of a predictor, oracle or null accepted")
