"""Does an estimate explain the data? What the re-rendered estimate leaves unexplained."""

from __future__ import annotations

import math

import numpy as np

from focusbench.errors import InputError


def rms(residual: np.ndarray) -> float:
    """Return the root mean square of `residual`, in its unit, computed in float64.

    Raises
    ------
    InputError
        No value, or one that is not finite.
    """
    mean_square = float(np.mean(np.square(residual, dtype=np.float64))) if residual.size else 0.0
    if residual.size == 0 or not math.isfinite(mean_square):
        raise InputError("the residual is empty or holds NaN or infinity; finite values accepted")
    return math.sqrt(mean_square)


def reduced_chi_square(residual: np.ndarray, standard_deviation: float | None) -> float | None:
    """Return the mean squared residual over the noise variance.

    Near 1 where the estimate explains the data as well as the noise allows; far above 1 where it
    shows things that the data do not; far below 1 where it follows the noise. Degrees of freedom
    are not subtracted: a focal stack has as many values as the volume behind it.

    Parameters
    ----------
    residual
        Observed minus re-rendered estimate, any shape.
    standard_deviation
        Of the noise, in the residual's unit.

    Returns
    -------
    float or None
        None where the noise is unknown (None) or absent (0): compare `rms` instead.

    Raises
    ------
    InputError
        A negative or not finite standard deviation, or a residual that `rms` refuses.
    """
    if standard_deviation is None:
        return None
    if not (math.isfinite(standard_deviation) and standard_deviation >= 0):
        raise InputError(f"standard deviation {standard_deviation!r}; 0 or more is accepted")
    size = rms(residual)
    return None if standard_deviation == 0 else (size / standard_deviation) ** 2
