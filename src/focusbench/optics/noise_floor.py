"""Noise power of a recording, from the spatial frequencies that its optics cannot pass.

What lies there did not come through the lens. The cosine transform is used (even continuation
beyond the faces), as it has no jumps at the faces that would leak into those frequencies, and
weighs all voxels equally, which shot noise needs. Its squared coefficients have the noise power as
their mean, whatever the noise looks like voxel by voxel; what still leaks lies in few of them, so
their median is taken: 0.4549 of the mean for normal coefficients, which sums over many voxels are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import fft
from scipy.special import gammaincinv

from focusbench.errors import InputError
from focusbench.optics.kernels import check_kernel

PASSED = (3e-3, 1e-2, 3e-2)  # |OTF| over OTF(0), from which light is taken to pass; first that fits
NEEDED = (200, 0.01)  # frequencies below it: so many, and this share of all
BLOCK = 256  # voxels along an axis that are transformed together: bounds the memory
ROWS = 32  # planes of the transfer function that are computed together, likewise
MEDIAN = 2 * float(gammaincinv(0.5, 0.5))  # of a chi-square variable with one degree of freedom


def estimate_power(observed: np.ndarray, kernel: np.ndarray) -> float:
    """Estimate the noise power of a recording whose noise is not known.

    Parameters
    ----------
    observed
        Recording, (Z, Y, X) or (Y, X), any unit. Larger ones are looked at in blocks of at most
        256 voxels along an axis, and the mean over the blocks is taken.
    kernel
        PSF on the same grid, of any scale; not larger than the recording. How it was convolved at
        the borders does not matter.

    Returns
    -------
    float
        Mean squared departure from the noise-free image, in the recording's unit squared. The
        share of it that is smooth is not seen: an offset, or the mean by which clipping at 0
        brightens the background (on sparse filaments 2 to 8 % of the power at 5 to 20 dB where
        half of it is clipped Gaussian noise, 5 to 17 % where all is). Light from outside the field
        and hot pixels count as noise only as far as they reach the median.

    Raises
    ------
    InputError
        A PSF that `check_kernel` refuses, values that are not finite or not real, or a PSF that
        passes nearly all frequencies which the voxels resolve: then noise and object look alike.
    """
    observed = np.asarray(observed)
    kernel = check_kernel(kernel, observed.shape)
    if observed.dtype.kind not in "fiu" or not np.isfinite(observed).all():
        raise InputError("recording holds NaN, infinite or no real values; finite ones are needed")
    counts = [math.ceil(n / BLOCK) for n in observed.shape]
    block = tuple(n // count for n, count in zip(observed.shape, counts, strict=True))
    stopped = _stopped(kernel, block)
    powers = []
    for values in _blocks(observed, counts, block):
        coefficients = fft.dctn(values, norm="ortho", overwrite_x=True)[stopped]
        powers.append(float(np.median(np.square(coefficients, out=coefficients))) / MEDIAN)
    return float(np.mean(powers))


def _blocks(
    observed: np.ndarray, counts: Sequence[int], block: tuple[int, ...]
) -> Iterator[np.ndarray]:
    """Blocks of equal shape side by side, float64; less than one row a block is left over."""
    for place in np.ndindex(*counts):
        cut = tuple(slice(i * n, (i + 1) * n) for i, n in zip(place, block, strict=True))
        yield observed[cut].astype(np.float64)


def _stopped(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Cosine coefficients of a block to which no light contributes, as a mask."""
    transfer = _transfer(kernel, shape)
    needed = max(NEEDED[0], NEEDED[1] * transfer.size)
    for limit in PASSED:
        mask = transfer < limit
        if np.count_nonzero(mask) >= needed:
            return mask
    raise InputError(
        f"PSF: passes all but {np.count_nonzero(mask) / mask.size:.2%} of the frequencies that "
        "the voxels resolve, so that noise cannot be told from the object; a PSF sampled more "
        f"finely, with at least {NEEDED[1]:.0%} of them stopped, or a known noise is needed"
    )


def _transfer(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """|OTF| at the frequencies j / (2 n) of the cosine transform; the largest over their signs."""
    waves = [
        np.exp(-1j * np.pi / n * np.outer(np.arange(n), np.arange(k))).astype(np.complex64)
        for n, k in zip(shape, kernel.shape, strict=True)
    ]
    transfer = np.zeros(shape, np.float32)
    # the signs of all frequencies together do not matter: the kernel is real
    for flipped in itertools.product((False, True), repeat=kernel.ndim - 1):
        spectrum = kernel.astype(np.complex64)
        for axis, flip in enumerate(flipped, start=1):
            wave = waves[axis].conj() if flip else waves[axis]
            spectrum = np.moveaxis(np.tensordot(spectrum, wave, (axis, 1)), -1, axis)
        spectrum = np.ascontiguousarray(spectrum).reshape(len(spectrum), -1)
        for start in range(0, len(transfer), ROWS):
            rows = transfer[start : start + ROWS]
            passed = np.abs(waves[0][start : start + ROWS] @ spectrum)
            np.maximum(rows, passed.reshape(rows.shape), out=rows)
    return transfer
