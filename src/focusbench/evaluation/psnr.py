"""Peak signal-to-noise ratio. Alone in its file: a run's trace needs it, and no other metric."""

import math

import numpy as np

from focusbench.errors import InputError


def psnr(truth: np.ndarray, estimate: np.ndarray, data_range: float) -> float:
    """Return 10 log10(data_range^2 / mean squared error), computed in float64.

    Parameters
    ----------
    truth, estimate
        Arrays of the same shape, any number of axes.
    data_range
        What counts as the peak, in the arrays' unit. There is no default: transmittance in
        [0.7, 1] scored with range 1 gains 10.46 dB over range 0.3.

    Returns
    -------
    float
        In dB; infinite where both arrays are equal.

    Raises
    ------
    InputError
        Unequal or empty shapes, a range that is not positive, or a value that is not finite.
    """
    if not (math.isfinite(data_range) and data_range > 0):
        raise InputError(f"data_range is {data_range!r}; a positive number is accepted")
    mean_square = mean_squared_error(truth, estimate)
    return math.inf if mean_square == 0 else 10 * math.log10(data_range**2 / mean_square)


def mean_squared_error(truth: np.ndarray, estimate: np.ndarray) -> float:
    """Return the mean squared difference in float64.

    Raises
    ------
    InputError
        Unequal or empty shapes, or a value that is not finite.
    """
    truth, estimate = np.asarray(truth), np.asarray(estimate)
    if truth.shape != estimate.shape or truth.size == 0:
        raise InputError(
            f"truth of shape {truth.shape} and estimate of shape {estimate.shape}; "
            "equal shapes with at least one value are accepted"
        )
    difference = np.subtract(truth, estimate, dtype=np.float64)
    result = float(np.mean(np.square(difference, out=difference)))
    if not math.isfinite(result):
        raise InputError("truth or estimate holds NaN or infinity; finite values are accepted")
    return result
