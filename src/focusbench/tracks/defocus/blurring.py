"""What a microscope would record of a field without noise, computed with NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import fft

from focusbench.optics.kernels import centre
from focusbench.optics.level_maps import level_weights
from focusbench.tracks.defocus.degradations import EVEN
from focusbench.tracks.defocus.level_optics import LevelOptics
from focusbench.tracks.defocus.true_levels import level_map

OFFSET = 100.0
"""Counts without light of BBBC006's camera, and of the synthetic fields."""


def seen_at(field: np.ndarray, levels: Mapping[str, Any], optics: LevelOptics) -> np.ndarray:
    """Blur a field by the kernels of a lens at its levels.

    Parameters
    ----------
    field
        (Y, X), counts.
    levels
        As `true_levels.level_map` takes them. One level everywhere is blurred by its own kernel,
        whole or not; where levels vary, kernels between whole levels are mixed from the two.
    optics
        Of the light.
    """
    if levels["kind"] == EVEN:
        return blur(field, optics.at(levels["level"])[None], None)
    return blur(field, optics.psfs, level_map(levels, field.shape))


def blur(
    field: np.ndarray, psfs: np.ndarray, levels: np.ndarray | None, offset: float = OFFSET
) -> np.ndarray:
    """Blur a field whose defocus varies; beyond its edges is its image in a mirror.

    The same as `optics.field_blur.blur` (its boundary "symmetric"), in float64: jobs that only
    observe or score need not load torch.

    Parameters
    ----------
    field
        (Y, X), counts.
    psfs
        (L, y, x), levels 0 to L - 1, each of sum 1.
    levels
        (Y, X), 0 to L - 1; None: there is one kernel, and it is that of all pixels.
    offset
        Counts without light, which are not blurred.

    Returns
    -------
    numpy.ndarray
        float64 (Y, X), not below the offset unless the field is.
    """
    light = np.asarray(field, dtype=np.float64) - offset
    weights = np.ones((1, *light.shape)) if levels is None else level_weights(levels, len(psfs))
    if levels is None and not np.delete(psfs[0], np.argmax(psfs[0])).any():
        return light + offset  # a single pixel: to the last bit
    back = centre(psfs.shape[1:])
    front = [side - 1 - middle for side, middle in zip(psfs.shape[1:], back, strict=True)]
    # a pixel sees as far before it as the kernel's end lies behind its centre
    frame = list(zip(front, back, strict=True))
    wide = np.pad(light, frame, mode="symmetric")
    sizes = [fft.next_fast_len(side, real=True) for side in wide.shape]
    total = np.zeros((sizes[0], sizes[1] // 2 + 1), complex)
    for kernel, weight in zip(psfs, weights, strict=True):
        if weight.any():
            share = wide * np.pad(weight, frame, mode="symmetric")
            total += fft.rfft2(share, sizes) * fft.rfft2(kernel, sizes)
    # what a periodic transform wraps around lands in the mirror's frame, which is cut off
    seen = fft.irfft2(total, sizes)
    place = tuple(
        slice(side - 1, side - 1 + length)
        for side, length in zip(psfs.shape[1:], light.shape, strict=True)
    )
    seen = seen[place]
    if light.min() >= 0:
        np.maximum(seen, 0, out=seen)  # rounding of the transforms
    return seen + offset
