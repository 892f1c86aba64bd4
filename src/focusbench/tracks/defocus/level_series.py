"""A field at every defocus level, in counts: what predictors learn from and are judged on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from focusbench.errors import InputError
from focusbench.optics.defocus_psf import level_psfs
from focusbench.optics.fft_sizes import good_size

LARGEST = 65535
"""Counts of a 16-bit camera."""


def level_kernels(optics: Mapping[str, Any]) -> np.ndarray:
    """Kernels of all levels, float64 (levels, y, x); that of level 0 is a single pixel.

    `optics` is the track's section of that name: `levels`, how many, and what
    `optics.defocus_psf.level_psfs` takes.
    """
    lens = {key: value for key, value in optics.items() if key != "levels"}
    return level_psfs(range(optics["levels"]), **lens, in_focus="untouched")


def level_series(field: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Blur a field to every level; uint16 (levels, Y, X), whole counts.

    What `optics.field_blur.blur` gives for each level everywhere, rounded; all levels share one
    transform of the field, which is continued as in a mirror. Level 0 is the field as it is.

    Parameters
    ----------
    field
        (Y, X), counts from 0 to 65535.
    kernels
        (levels, y, x), odd sides, as of `level_kernels`.

    Raises
    ------
    InputError
        Values that are no counts, or not two axes.
    """
    values = np.asarray(field, np.float32)
    if values.ndim != 2 or not (values.min() >= 0 and values.max() <= LARGEST + 0.5):
        raise InputError(
            f"field: shape {values.shape}, values from {values.min():g} to {values.max():g}; two "
            f"axes (y, x) and counts from 0 to {LARGEST} are accepted"
        )
    made = np.empty((len(kernels), *values.shape), np.uint16)
    made[0] = np.rint(values)
    reach = [side // 2 for side in kernels.shape[1:]]
    wide = torch.from_numpy(np.pad(values, [(n, n) for n in reach], mode="symmetric"))
    sizes = [good_size(side) for side in wide.shape]
    spectrum = torch.fft.rfft2(wide, s=sizes)
    inside = tuple(
        slice(2 * n, 2 * n + side) for n, side in zip(reach, values.shape, strict=True)
    )  # the kernel's origin is its middle: what is seen moves on by as much
    for level in range(1, len(kernels)):
        kernel = torch.fft.rfft2(torch.from_numpy(kernels[level].astype(np.float32)), s=sizes)
        seen = torch.fft.irfft2(spectrum * kernel, s=sizes)[inside]
        made[level] = seen.round_().clamp_(0, LARGEST).numpy()
    return made
