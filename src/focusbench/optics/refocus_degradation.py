"""How the refocus track makes its input: half the size, a blur, perhaps JPEG, in whole grey values.

Ma et al. 2021 (IV.A) halve the middle plane by bicubic interpolation, then blur it by a Gaussian of
5 x 5 pixels and standard deviation 3; their public code does so with OpenCV, on uint8. What OpenCV
computes is repeated here in its own whole numbers. Its cubic (a = -0.75) does not smooth before it
shrinks, so that fine detail is folded; the blur's weights are fractions of 256, and its border is
mirrored without repeating the edge. Held against OpenCV 5.0, every blurred value is the same, and
so are all halved ones but 1 in 2000: those that lie half-way between two whole numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from focusbench.errors import InputError

CUBIC = (-192, 1216, 1216, -192)
"""Cubic of a = -0.75 half-way between samples, in 1/2048: -0.09375, 0.59375, 0.59375, -0.09375."""
CUBIC_BITS = 22  # of both axes' weights together
BLUR = (46, 54, 56, 54, 46)
"""Gaussian of standard deviation 3 at -2 .. 2, in 1/256, its rounding carried to the next."""
BLUR_BITS = 16
LEAST_SIDE = 6  # px: half of it can be mirrored
QUALITY = 95
"""What OpenCV takes for JPEG unless told; the authors stored their patches so."""


def degrade(image: np.ndarray) -> np.ndarray:
    """Make a low-resolution input: `half`, then `blur`.

    Parameters
    ----------
    image
        uint8 (..., Y, X, 3), even sides from 6.

    Returns
    -------
    numpy.ndarray
        uint8 (..., Y / 2, X / 2, 3).

    Raises
    ------
    InputError
        Another type or shape.
    """
    return blur(half(image))


def middle(stack: np.ndarray) -> np.ndarray:
    """Middle plane (Y, X, 3) of a stack of an odd number of planes, the focus of the input.

    Raises
    ------
    InputError
        Another type or shape, or an even number of planes.
    """
    _check(stack)
    if stack.ndim != 4 or not len(stack) % 2:
        raise InputError(
            f"focal stack: shape {stack.shape}; an odd number of planes (planes, y, x, 3) is "
            "wanted, of which the middle one is the input"
        )
    return stack[len(stack) // 2]


def half(image: np.ndarray) -> np.ndarray:
    """Shrink to half by OpenCV's bicubic interpolation, without a filter against aliasing.

    Arguments, result and errors are those of `degrade`.
    """
    _check(image)
    if image.shape[-3] % 2 or image.shape[-2] % 2:
        raise InputError(
            f"image: {image.shape[-2]} x {image.shape[-3]} pixels; even sides are wanted, to halve"
        )
    values = image
    for axis in (-3, -2):
        padded = _padded(values, axis, 1, "edge")
        length = values.shape[axis] // 2
        taps = (_every(padded, axis, start, 2, length) for start in range(len(CUBIC)))
        values = sum(weight * tap.astype(np.int32) for weight, tap in zip(CUBIC, taps, strict=True))
    return _rounded(values, CUBIC_BITS)


def blur(image: np.ndarray) -> np.ndarray:
    """Blur by OpenCV's Gaussian of 5 x 5 pixels and standard deviation 3.

    Parameters
    ----------
    image
        uint8 (..., Y, X, 3), sides from 3.

    Returns
    -------
    numpy.ndarray
        uint8, of the same shape.

    Raises
    ------
    InputError
        Another type or shape.
    """
    _check(image, LEAST_SIDE // 2)
    values = image
    for axis in (-3, -2):
        padded = _padded(values, axis, 2, "reflect")
        length = values.shape[axis]
        taps = (_every(padded, axis, start, 1, length) for start in range(len(BLUR)))
        values = sum(weight * tap.astype(np.int32) for weight, tap in zip(BLUR, taps, strict=True))
    return _rounded(values, BLUR_BITS)


def jpeg_round_trip(image: np.ndarray, quality: int = QUALITY) -> np.ndarray:
    """Write and read as JPEG, its colours at half the resolution as OpenCV writes them.

    The authors stored inputs' sources and targets so, and measured on a JPEG of their results.

    Parameters
    ----------
    image
        uint8 (..., Y, X, 3); each image is written on its own.
    quality
        1 to 100.

    Returns
    -------
    numpy.ndarray
        uint8, of the same shape.

    Raises
    ------
    InputError
        Another type, shape or quality.
    """
    import imagecodecs

    _check(image, 1)
    whole = isinstance(quality, int | np.integer) and not isinstance(quality, bool)
    if not whole or not 1 <= quality <= 100:
        raise InputError(f"JPEG: quality is {quality!r}; accepted is a whole number from 1 to 100")
    flat = np.ascontiguousarray(image).reshape(-1, *image.shape[-3:])
    read = [
        imagecodecs.jpeg8_decode(
            imagecodecs.jpeg8_encode(one, level=int(quality), subsampling="420")
        )
        for one in flat
    ]
    return np.stack(read).reshape(image.shape)


def _check(image: Any, least: int = LEAST_SIDE) -> None:
    fits = isinstance(image, np.ndarray) and image.ndim >= 3 and image.size
    if not fits or image.shape[-1] != 3 or image.dtype != np.uint8:
        told = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image)
        raise InputError(f"image: {told}; uint8 of shape (..., y, x, 3) is wanted")
    if min(image.shape[-3:-1]) < least:
        raise InputError(
            f"image: {image.shape[-2]} x {image.shape[-3]} pixels; at least {least} x {least} are "
            "wanted"
        )


def _padded(values: np.ndarray, axis: int, width: int, mode: str) -> np.ndarray:
    widths = [(0, 0)] * values.ndim
    widths[axis] = (width, width)
    return np.pad(values, widths, mode=mode)


def _every(values: np.ndarray, axis: int, start: int, step: int, length: int) -> np.ndarray:
    where = [slice(None)] * values.ndim
    where[axis] = slice(start, start + step * length, step)
    return values[tuple(where)]


def _rounded(values: np.ndarray, bits: int) -> np.ndarray:
    return np.clip((values + (1 << (bits - 1))) >> bits, 0, 255).astype(np.uint8)
