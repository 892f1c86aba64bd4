"""A denoiser without learned weights: thresholded Haar coefficients, averaged over all shifts.

Cycle spinning (Coifman and Donoho 1995): a volume is denoised on every shift of an orthonormal
basis and the results are averaged. Here the basis is the product of three one-dimensional Haar
bases of `levels` levels, so that a coefficient compares neighbouring boxes of up to 2^levels voxels
a side, flat ones and rods included. The average over all 8^levels shifts needs no loop over them:
it is an undecimated transform, computed axis by axis.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

AXES = (-3, -2, -1)


def analyse(volume: Tensor, levels: int) -> Tensor:
    """Coefficients for all shifts of a volume that is periodic: (Z, Y, X) to (B, Z, Y, X).

    B = (levels + 1)^3; each coefficient is that of an orthonormal basis. The last band is the mean
    of 2^levels cubed voxels, times the root of their number. `synthesise` gives the volume back,
    and is the adjoint over 8^levels.
    """
    bands = volume[None]
    for axis in AXES:
        coarse, parts = bands, []
        for level in range(levels):
            shifted = coarse.roll(-(2**level), axis)
            parts.append((coarse - shifted) / math.sqrt(2))
            coarse = (coarse + shifted) / math.sqrt(2)
        bands = torch.cat([*parts, coarse])
    return bands


def synthesise(bands: Tensor, levels: int) -> Tensor:
    """Average over all shifts of the inverse transforms: (B, Z, Y, X) to (Z, Y, X)."""
    for axis in reversed(AXES):
        *parts, coarse = bands.chunk(levels + 1)
        for level, detail in reversed(list(enumerate(parts))):
            ahead, behind = coarse + detail, coarse - detail
            coarse = ahead.add_(behind.roll(2**level, axis)).div_(2 * math.sqrt(2))
        bands = coarse
    return bands[0]


def denoise(volume: Tensor, sigma: float, levels: int = 2, threshold: float = 3.0) -> Tensor:
    """Set coefficients to 0 that white noise explains.

    Parameters
    ----------
    volume
        (Z, Y, X), any size; beyond its border its outermost values go on.
    sigma
        Standard deviation of the noise to remove, in the volume's unit; 0 changes nothing.
    levels
        The largest boxes are 2^levels voxels wide.
    threshold
        Coefficients of at most this many sigma become 0, larger ones stay (hard threshold). Means
        over the largest boxes are kept always.

    Returns
    -------
    Tensor
        As `volume`.
    """
    margin = 2**levels - 1  # every box that holds a voxel of the volume lies within
    padded = functional.pad(volume[None, None], (margin,) * 6, mode="replicate")[0, 0]
    bands = analyse(padded, levels)
    details = bands[:-1]
    details.masked_fill_(details.abs() <= threshold * sigma, 0.0)
    inner = slice(margin, -margin)
    return synthesise(bands, levels)[inner, inner, inner].contiguous()
