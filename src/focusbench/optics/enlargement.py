"""Enlarging to twice the size by OpenCV's bicubic interpolation: the way back from `half`.

Pixels are areas, as where the refocus track's input is shrunk (`refocus_degradation.half`): pixel i
of the result lies at (i + 0.5) / 2 - 0.5 of the input, a quarter of a pixel from one of its pixels.
There, OpenCV's cubic (a = -0.75) has weights that are whole multiples of 1/256; it is what Ma et
al. 2021 use, also to shrink. Beyond the border the last pixel is repeated.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from focusbench.errors import InputError

CUBIC = (-9, 67, 225, -27)
"""Weights of four pixels in a row in 1/256, a quarter of a pixel before the third of them."""
BITS = 16  # of both axes' weights together


def enlarged(image: np.ndarray) -> np.ndarray:
    """Enlarge to twice the size, in whole grey values.

    Parameters
    ----------
    image
        uint8 (..., Y, X, colours).

    Returns
    -------
    numpy.ndarray
        uint8 (..., 2 Y, 2 X, colours); what lies outside of 0 to 255 is cut off.

    Raises
    ------
    InputError
        Another type, fewer axes, or no pixel.
    """
    values = _sums(image)
    return np.clip((values + (1 << (BITS - 1))) >> BITS, 0, 255).astype(np.uint8)


def enlarged_unrounded(image: np.ndarray) -> np.ndarray:
    """Enlarge to twice the size; float32, neither rounded to grey values nor cut off at 0 and 255.

    Arguments, shape and errors are those of `enlarged`.
    """
    return np.ldexp(_sums(image).astype(np.float32), -BITS)


def _sums(image: Any) -> np.ndarray:
    """Both axes enlarged, int32, times 2 to the power of `BITS`."""
    fits = isinstance(image, np.ndarray) and image.dtype == np.uint8
    if not fits or image.ndim < 3 or not image.size:
        told = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image)
        raise InputError(f"image: {told}; uint8 of shape (..., y, x, colours) is wanted")
    values = image.astype(np.int32)
    for axis in (image.ndim - 3, image.ndim - 2):
        values = _doubled(values, axis)
    return values


def _doubled(values: np.ndarray, axis: int) -> np.ndarray:
    length = values.shape[axis]
    padded = np.pad(values, [(2, 2) if i == axis else (0, 0) for i in range(values.ndim)], "edge")
    taps = [padded[_part(axis, start, start + length)] for start in range(5)]
    before = sum(weight * tap for weight, tap in zip(CUBIC, taps[:4], strict=True))
    behind = sum(weight * tap for weight, tap in zip(CUBIC, taps[:0:-1], strict=True))
    pairs = np.stack([before, behind], axis + 1)  # a quarter of a pixel before each, and behind
    return pairs.reshape(*values.shape[:axis], 2 * length, *values.shape[axis + 1 :])


def _part(axis: int, start: int, stop: int) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, slice(start, stop))
