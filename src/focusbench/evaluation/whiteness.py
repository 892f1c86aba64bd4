"""Is what an estimate leaves of the data noise, or structure that it failed to explain?"""

from __future__ import annotations

import math

import numpy as np

from focusbench.errors import InputError


def residual_correlation(residual: np.ndarray) -> float | None:
    """Return how far neighbouring pixels of `residual` go together, mean over the two directions.

    The normalised autocorrelation of the planes at a lag of one pixel, of y and of x, each plane's
    mean removed: sum(r[i] r[i + 1]) / sqrt(sum(r[i]^2) sum(r[i + 1]^2)), sums over all planes.
    White noise gives 0 with a standard error of 1 / sqrt(2 n) for n values, less a bias of about
    1 / (pixels of a plane) that the removal of the means leaves; a smooth residual (structure that
    the estimate did not explain) gives nearly 1, one whose neighbours alternate less than 0. It
    needs no noise level, unlike chi-square, and sees smooth structure far below the noise: noise
    plus a smooth part of 4 % of its variance gives 0.04. What is left at edges alternates in part
    and may hide from it: see `spectral_flatness`. Noise that was clipped at full intensity is not
    quite white (0.01 to 0.02 for the true volume, measured with a standard deviation of 0.01).

    Parameters
    ----------
    residual
        (Z, Y, X), observed minus re-rendered estimate, any unit.

    Returns
    -------
    float or None
        In [-1, 1]; None where nothing varies within a plane (a zero residual, single pixels):
        there is no pattern to judge.

    Raises
    ------
    InputError
        Not three axes, no value, or one that is not finite.
    """
    values = _without_means(residual)
    if values is None:
        return None
    found = [
        correlation for axis in (1, 2) if (correlation := _next_along(values, axis)) is not None
    ]
    return float(np.mean(found)) if found else None


def spectral_flatness(residual: np.ndarray) -> float | None:
    """Return the flatness of the residual's spectrum over that of white noise.

    The geometric mean of the power of all frequencies of a plane but 0, over its arithmetic mean,
    planes averaged in the logarithm; times exp(Euler's constant), which makes it 1 for Gaussian
    white noise. Structure of any shape gives less, smooth or not: power that gathers at some
    frequencies. The standard error for white noise is sqrt(2 (pi^2 / 6 - 1) / n) for n values.

    Parameters
    ----------
    residual
        As for `residual_correlation`.

    Returns
    -------
    float or None
        From 0; slightly above 1 by chance. None where nothing varies within a plane.

    Raises
    ------
    InputError
        As `residual_correlation`.

    References
    ----------
    J. D. Johnston: Transform coding of audio signals using perceptual noise criteria. IEEE J. Sel.
    Areas Commun. 6, 314-323 (1988): the ratio of both means as a measure of flatness.
    """
    values = _without_means(residual)
    if values is None:
        return None
    power = np.abs(np.fft.fft2(values)).reshape(len(values), -1)[:, 1:] ** 2
    means = power.mean(axis=1, keepdims=True)
    varies = means[:, 0] > 1e-24 * means.max()  # planes of rounding errors say nothing
    ratio = power[varies] / means[varies]
    logarithm = float(np.log(np.maximum(ratio, 1e-300)).mean())
    return math.exp(logarithm + np.euler_gamma)


def _without_means(residual: np.ndarray) -> np.ndarray | None:
    """Planes minus their means, largest value 1; None where nothing but rounding is left."""
    values = np.asarray(residual, dtype=np.float64)
    if values.ndim != 3 or values.size == 0 or not np.isfinite(values).all():
        raise InputError(
            f"the residual has shape {values.shape}; finite values on (Z, Y, X) are accepted"
        )
    largest = float(np.abs(values).max())
    values = values - values.mean(axis=(1, 2), keepdims=True)
    if float(np.abs(values).max()) <= 1e-12 * largest:  # rounding of the means
        return None
    return values / np.abs(values).max()  # squares of very small values would vanish


def _next_along(values: np.ndarray, axis: int) -> float | None:
    """Cosine between all values but the last along `axis` and all but the first."""
    n = values.shape[axis]
    first, second = np.take(values, range(n - 1), axis), np.take(values, range(1, n), axis)
    norm = math.sqrt(float(np.vdot(first, first)) * float(np.vdot(second, second)))
    return float(np.vdot(first, second)) / norm if norm > 0 else None
