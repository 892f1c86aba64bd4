"""Structural similarity in four named variants, in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import correlate1d

from focusbench.errors import InputError

K1, K2 = 0.01, 0.03  # Wang et al. 2004


def _gaussian_weights(window: int) -> np.ndarray:
    offset = np.arange(window) - window // 2
    weights = np.exp(-0.5 * (offset / 1.5) ** 2)
    return weights / weights.sum()


def _uniform_weights(window: int) -> np.ndarray:
    return np.full(window, 1 / window)


@dataclass(frozen=True)
class SsimVariant:
    """One way to compute SSIM.

    `axes` is the number of trailing axes that the window spans; leading ones are averaged over.
    `window` is its width in voxels, odd: 11 is also what a Gaussian of sigma 1.5 cut at 3.5 sigma
    needs.
    `data_range` is set where the range is part of the definition.
    """

    axes: int
    window: int
    gaussian: bool
    sample_covariance: bool
    data_range: float | None
    settings: str


SSIM_VARIANTS: dict[str, SsimVariant] = {
    "wang_3d": SsimVariant(
        3, 11, True, False, None, "3-D Gaussian window, sigma 1.5, 11 voxels wide"
    ),
    "wang_2d": SsimVariant(
        2, 11, True, False, None, "2-D Gaussian window, sigma 1.5, 11 pixels wide, mean over slices"
    ),
    "paper": SsimVariant(
        2,
        11,
        False,
        True,
        2.0,
        "2-D uniform window, 11 pixels wide, sample covariance, range 2, mean over slices",
    ),
    "uniform_3d": SsimVariant(
        3, 7, False, True, None, "3-D uniform window, 7 voxels wide, sample covariance"
    ),
}


def ssim(
    truth: np.ndarray, estimate: np.ndarray, data_range: float, variant: str = "wang_3d"
) -> float:
    """Return the mean structural similarity, computed in float64.

    Parameters
    ----------
    truth, estimate
        Arrays of the same shape, (Z, Y, X); the two-dimensional variants take (Y, X) as well.
    data_range
        Span of values, in the arrays' unit; there is no default. The variant "paper" is defined
        with 2 and accepts nothing else.
    variant
        "wang_3d"
            Settings of Wang et al. 2004 with a window in all three axes: Gaussian of sigma 1.5, 11
            voxels wide, population covariance. Needs 11 planes.
        "wang_2d"
            The same within each z slice, averaged over the slices.
        "paper"
            As Azevedo et al. 2024 computed it (scikit-image's defaults for floats, which take the
            range as 2): uniform window of 11 x 11 pixels within each z slice, sample covariance.
        "uniform_3d"
            scikit-image's defaults for a volume: uniform window of 7 x 7 x 7 voxels, sample
            covariance. Needs 7 planes.

    Returns
    -------
    float
        At most 1. Only windows that lie wholly inside count, as in scikit-image.

    Raises
    ------
    InputError
        Unknown variant, unequal shapes, fewer values along an axis than the window is wide, a range
        that is not accepted, or a value that is not finite.

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli: Image quality assessment: from error
    visibility to structural similarity. IEEE Trans. Image Processing 13, 600-612 (2004), eq. 13.
    """
    if variant not in SSIM_VARIANTS:
        raise InputError(f"unknown SSIM variant {variant!r}; known: {', '.join(SSIM_VARIANTS)}")
    chosen = SSIM_VARIANTS[variant]
    _check_range(data_range, variant, chosen)
    x = np.asarray(truth, dtype=np.float64)
    y = np.asarray(estimate, dtype=np.float64)
    if x.shape != y.shape:
        raise InputError(
            f"truth of shape {x.shape} and estimate of shape {y.shape}; equal shapes are accepted"
        )
    if not ssim_fits(x.shape, variant):
        raise InputError(
            f"SSIM {variant} needs {chosen.axes} or 3 axes and {chosen.window} values along each "
            f"of the last {chosen.axes}; shape {x.shape} is too small"
        )
    weights = (_gaussian_weights if chosen.gaussian else _uniform_weights)(chosen.window)
    mean_x, mean_y = _local_mean(x, weights, chosen.axes), _local_mean(y, weights, chosen.axes)
    count = chosen.window**chosen.axes
    unbiased = count / (count - 1) if chosen.sample_covariance else 1.0
    variance_x = unbiased * (_local_mean(x * x, weights, chosen.axes) - mean_x**2)
    variance_y = unbiased * (_local_mean(y * y, weights, chosen.axes) - mean_y**2)
    covariance = unbiased * (_local_mean(x * y, weights, chosen.axes) - mean_x * mean_y)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    result = float(similarity.mean())
    if not math.isfinite(result):
        raise InputError("truth or estimate holds NaN or infinity; finite values are accepted")
    return result


def ssim_fits(shape: Sequence[int], variant: str) -> bool:
    """Say whether arrays of `shape` are large enough for one window of `variant`."""
    chosen = SSIM_VARIANTS[variant]
    fits = all(n >= chosen.window for n in shape[-chosen.axes :])
    return chosen.axes <= len(shape) <= 3 and fits and 0 not in shape


def _check_range(data_range: float, variant: str, chosen: SsimVariant) -> None:
    if not (math.isfinite(data_range) and data_range > 0):
        raise InputError(f"data_range is {data_range!r}; a positive number is accepted")
    if chosen.data_range is not None and data_range != chosen.data_range:
        raise InputError(
            f"data_range is {data_range!r}; SSIM {variant} is defined with {chosen.data_range:g}"
        )


def _local_mean(array: np.ndarray, weights: np.ndarray, axes: int) -> np.ndarray:
    """Average over the window; windows that leave the array are cut off, so no padding counts."""
    margin = len(weights) // 2
    for axis in range(array.ndim - axes, array.ndim):
        filtered = correlate1d(array, weights, axis=axis)
        inner = [slice(None)] * array.ndim
        inner[axis] = slice(margin, array.shape[axis] - margin)
        array = filtered[tuple(inner)]
    return array
