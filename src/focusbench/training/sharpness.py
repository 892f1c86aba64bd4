"""Three numbers that tell how blurred a patch is, as they were used before networks.

Their logarithms are what a linear model sees.
"""

from __future__ import annotations

import numpy as np

FEATURES = ("log_variance", "log_laplacian_energy", "log_autocorrelation_width")

LEAST = 1e-3
"""Counts squared: added to variances, so that an even patch has a logarithm."""


def sharpness(patches: np.ndarray, chunk: int = 256) -> np.ndarray:
    """Features of patches (N, Y, X), in counts: (N, 3), float64, in the order of `FEATURES`.

    Natural logarithms of: the variance; the mean square of the 5-point Laplacian (inner pixels);
    the width of the autocovariance, see `autocorrelation_width`.
    """
    made = [_features(patches[i : i + chunk]) for i in range(0, len(patches), chunk)]
    return np.concatenate(made) if made else np.empty((0, len(FEATURES)))


def autocorrelation_width(patches: np.ndarray) -> np.ndarray:
    """Lag, in pixels, at which the autocovariance falls to half of the variance; (N,), float64.

    The mean of the lags along y and x, each divided by its number of pairs; linear between whole
    lags. Half the shorter side where it stays above, and for patches without any variance.
    """
    patches = np.asarray(patches, np.float64)
    patches = patches - patches.mean(axis=(1, 2), keepdims=True)
    lags = min(patches.shape[1:]) // 2
    curve = sum(_autocovariance(part, lags) for part in (patches, patches.swapaxes(1, 2)))
    below = curve < curve[:, :1] / 2
    found = below.any(axis=1)
    after = np.where(found, below.argmax(axis=1), 1)  # never lag 0, where it is the variance itself
    rows = np.arange(len(curve))
    high, low = curve[rows, after - 1], curve[rows, after]
    drop = np.where(found, high - low, 1)
    return np.where(found, after - 1 + (high - curve[:, 0] / 2) / drop, lags)


def _autocovariance(patches: np.ndarray, lags: int) -> np.ndarray:
    """Mean products at distances 0 to `lags` along the last axis, of patches without mean."""
    length = patches.shape[-1]
    spectrum = np.fft.rfft(patches, n=2 * length, axis=-1)
    products = np.fft.irfft(np.abs(spectrum) ** 2, n=2 * length, axis=-1)[..., : lags + 1]
    return products.mean(axis=-2) / (length - np.arange(lags + 1))


def _features(patches: np.ndarray) -> np.ndarray:
    patches = np.asarray(patches, np.float64)
    middle = patches[:, 1:-1, 1:-1]
    around = (
        patches[:, :-2, 1:-1] + patches[:, 2:, 1:-1] + patches[:, 1:-1, :-2] + patches[:, 1:-1, 2:]
    )
    energy = np.square(around - 4 * middle).mean(axis=(1, 2))
    return np.stack(
        [
            np.log(patches.var(axis=(1, 2)) + LEAST),
            np.log(energy + LEAST),
            np.log(autocorrelation_width(patches)),
        ],
        axis=1,
    )
