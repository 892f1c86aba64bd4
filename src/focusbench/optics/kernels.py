"""Point spread functions as blur kernels: what is accepted, and where their centre lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from focusbench.errors import InputError


def centre(shape: Sequence[int]) -> tuple[int, ...]:
    """Index of a kernel's origin: (n - 1) // 2 along each axis, the middle where n is odd.

    A convolution with a kernel that is 1 there and 0 elsewhere changes nothing.
    """
    return tuple((length - 1) // 2 for length in shape)


def check_kernel(
    kernel: Any, shape: Sequence[int] | None = None, name: str = "PSF"
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Check a blur kernel and scale it to unit sum.

    Parameters
    ----------
    kernel
        (Y, X) or (Z, Y, X) real array, not negative, of any unit.
    shape
        Shape of the image or volume that it is to blur; None: not known yet.
    name
        What the message of an error calls the kernel, such as a file's name.

    Returns
    -------
    ndarray
        The kernel, float64, contiguous, a copy, with sum 1.

    Raises
    ------
    InputError
        If it is no real array of 2 or 3 axes, or not of as many as `shape`, if it is empty, has
        values that are not finite or negative, is zero everywhere, or is longer than `shape` along
        an axis.
    """
    array = np.asarray(kernel)
    if array.dtype.kind not in "fiu":
        raise InputError(f"{name}: values of type {array.dtype}; real numbers are accepted")
    if shape is not None and array.ndim != len(shape):
        raise InputError(
            f"{name}: {array.ndim} axes {array.shape}; as many as the image are needed: "
            f"{len(shape)} {tuple(shape)}"
        )
    if array.ndim not in (2, 3):
        raise InputError(f"{name}: {array.ndim} axes {array.shape}; 2 (y, x) or 3 (z, y, x) needed")
    if array.size == 0:
        raise InputError(f"{name}: empty, shape {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{name}: NaN or infinite values; finite values are needed")
    if (array < 0).any():
        raise InputError(f"{name}: negative values (least {array.min():g}); none may be below 0")
    if not array.any():
        raise InputError(f"{name}: zero everywhere; it must have a positive sum")
    if shape is not None and any(k > n for k, n in zip(array.shape, shape, strict=True)):
        raise InputError(
            f"{name}: shape {array.shape} is larger than the image, {tuple(shape)}; crop it so "
            "that no axis is longer than the image's"
        )
    values = np.array(array, dtype=np.float64, order="C")
    values /= values.max()  # so that neither huge nor denormal values spoil the sum
    return values / values.sum()
