"""How much power an image has at which frequency, whatever the direction."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from focusbench.errors import InputError

LEAST_SIDE = 8  # px


class RadialSpectrum(NamedTuple):
    """Power by frequency."""

    frequency: np.ndarray  # (n,) middle of the ring, cycles per um
    power: np.ndarray  # (..., n) mean of the power in the ring, grey values squared times um^2


def radial_spectrum(image: Any, pixel_size: float) -> RadialSpectrum:
    """Average the power of grey images over rings of frequency.

    The mean of an image is taken off, weighted by the window, which is a Hann window along both
    axes: a transform takes an image as periodic, and the step from one edge to the opposite one
    would show as power at high frequencies. Power is density: white noise of variance s^2 gives
    s^2 pixel_size^2 at all frequencies, whatever the size of the image, so that images of other
    sizes and pixels compare; its integral over the plane of frequencies is the variance.

    Parameters
    ----------
    image
        Grey values (..., Y, X), 8 px or more along Y and X; leading axes are kept.
    pixel_size
        um.

    Returns
    -------
    RadialSpectrum
        Rings as wide as the frequency step of the longer side, from one step to the frequency of
        Nyquist, 1 / (2 pixel_size). Without frequency 0, and without the corners beyond Nyquist.

    Raises
    ------
    InputError
        Another shape, values that are not finite, or a pixel size that is not positive.
    """
    values = np.asarray(image, np.float64)
    if values.ndim < 2 or min(values.shape[-2:]) < LEAST_SIDE or not values.size:
        raise InputError(
            f"spectrum: shape {values.shape}; {LEAST_SIDE} x {LEAST_SIDE} px or more are accepted"
        )
    if not np.isfinite(values).all():
        raise InputError("spectrum: the image holds NaN or infinity; finite values are accepted")
    if not (math.isfinite(pixel_size) and pixel_size > 0):
        raise InputError(f"spectrum: pixel_size is {pixel_size!r}; um, above 0, are accepted")
    shape = values.shape[-2:]
    window = np.outer(*(_hann(length) for length in shape))
    mean = (values * window).sum((-2, -1), keepdims=True) / window.sum()
    transform = np.fft.rfft2((values - mean) * window)
    density = np.square(np.abs(transform)) * (pixel_size**2 / np.square(window).sum())
    ring, weight, count = _rings(shape)
    kept = (ring >= 1) & (ring <= count)
    index, weight = ring[kept], weight[kept]
    totals = np.bincount(index, weight, minlength=count + 1)[1:]
    flat = density[..., kept].reshape(-1, index.size)
    sums = [np.bincount(index, weight * one, minlength=count + 1)[1:] for one in flat]
    power = np.reshape(sums, (*values.shape[:-2], count)) / totals
    return RadialSpectrum(np.arange(1, count + 1) / (max(shape) * pixel_size), power)


def _hann(length: int) -> np.ndarray:
    """Periodic, moved by half a pixel: symmetric, and nowhere 0."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)


def _rings(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, int]:
    """Number of each coefficient's ring, how many coefficients it stands for, and the last ring."""
    longest = max(shape)
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :]
    ring = np.rint(np.hypot(fy, fx) * longest).astype(np.int64)
    # a real transform leaves out the conjugates of its inner columns
    weight = np.full(ring.shape, 2.0)
    weight[:, 0] = 1
    if shape[1] % 2 == 0:
        weight[:, -1] = 1
    return ring, weight, longest // 2
