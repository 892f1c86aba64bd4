"""Wiener deconvolution whose regularisation follows from the noise level.

With transforms Y of the observation and K of the PSF, the estimate's is

    X = conj(K) Y / (|K|^2 + alpha)

the minimum of |k * x - y|^2 + alpha |x|^2 (Tikhonov and Arsenin 1977; Wiener's filter for an object
and a noise that are white, alpha the ratio of their powers). alpha follows from the discrepancy
principle (Morozov 1966): the mean squared residual, (alpha / (|K|^2 + alpha))^2 |Y|^2 averaged over
the frequencies, is made equal to the power of the noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from focusbench.errors import InputError
from focusbench.optics.fft_sizes import good_size
from focusbench.optics.kernels import check_kernel
from focusbench.optics.linear_operator import check_boundary
from focusbench.optics.spectra import kernel_spectrum
from focusbench.parameters import check_positive, check_positive_or_0
from focusbench.solvers.observation import nonnegative

# Of the power of the noise over that of the object. Less regularisation than the first would
# amplify the rounding of float32; more than the second leaves nothing of the object.
SMALLEST, LARGEST = 1e-9, 1e3


@dataclass(frozen=True)
class Result:
    """What `wiener` gives back.

    `residual` is the mean squared residual of the filter before values below 0 were clipped, over
    the observation's voxels: what leaks beyond them (linear boundary) counts too.
    """

    estimate: np.ndarray
    regularisation: float
    residual: float


def wiener(
    observed: np.ndarray,
    psf: np.ndarray,
    *,
    noise_power: float | None = None,
    regularisation: float | None = None,
    boundary: str = "linear",
    device: str = "cpu",
) -> Result:
    """Deconvolve an image or a volume with one linear filter.

    Parameters
    ----------
    observed
        (Y, X) or (Z, Y, X), any unit, background subtracted; values below 0 count as 0. float64 is
        computed in float64, all else in float32.
    psf
        Kernel, see `optics.kernels.check_kernel`.
    noise_power
        Expected mean squared departure of the observation from the noise-free image; fixes alpha,
        within 1e-9 to 1e3.
    regularisation
        alpha itself, above 0, instead of `noise_power`.
    boundary
        "circular"; or "linear": nothing outside the volume, which is padded with zeros so that its
        faces do not meet. Light that was blurred across a face is then missing, and the estimate
        is less sure within half a kernel of it.
    device
        "cpu" or "cuda".

    Returns
    -------
    Result
        With the estimate clipped at 0.

    Raises
    ------
    InputError
        A PSF that is none, an observation that is not finite or without light, or not exactly one
        of `noise_power` and `regularisation`, 0 or more and above 0.
    """
    if (noise_power is None) == (regularisation is None):
        raise InputError("wiener: one of noise_power and regularisation is needed, not both")
    if noise_power is not None:
        check_positive_or_0("noise_power", noise_power)
    if regularisation is not None:
        check_positive("regularisation", regularisation)
    check_boundary(boundary)
    wide = np.asarray(observed).dtype == np.float64
    data = nonnegative(observed, None, torch.float64 if wide else torch.float32, device)
    kernel = check_kernel(psf, data.shape)
    sizes = tuple(data.shape)
    if boundary == "linear":
        sizes = tuple(good_size(n + k - 1) for n, k in zip(sizes, kernel.shape, strict=True))
    transfer = kernel_spectrum(kernel, sizes, data.device, data.dtype)
    passed = transfer.abs().square_()
    spectrum = torch.fft.rfftn(data, s=sizes)
    energy = spectrum.abs().square_()
    _count_twice(energy, sizes[-1])
    energy /= math.prod(sizes) * data.numel()  # its sum is now the mean square of the observation
    alpha = regularisation
    if alpha is None:
        alpha = discrepancy(energy, passed, noise_power)
    residual = _residual(energy, passed, alpha)
    del energy
    spectrum *= transfer.conj_physical_()
    spectrum /= passed.add_(alpha)
    estimate = torch.fft.irfftn(spectrum, s=sizes)[tuple(slice(n) for n in data.shape)]
    return Result(estimate.clamp(min=0).cpu().numpy(), alpha, residual)


def discrepancy(energy: Tensor, passed: Tensor, noise_power: float) -> float:
    """Find the alpha that leaves a mean squared residual of `noise_power`.

    Parameters
    ----------
    energy
        |Y|^2 at each frequency, scaled so that its sum is the observation's mean square.
    passed
        |K|^2 there.
    noise_power
        Wanted residual.

    Returns
    -------
    float
        Within 1e-9 to 1e3: the nearest end where no alpha in there will do.
    """

    def excess(log_alpha: float) -> float:
        return math.sqrt(_residual(energy, passed, math.exp(log_alpha))) - math.sqrt(noise_power)

    low, high = math.log(SMALLEST), math.log(LARGEST)
    if excess(low) >= 0:
        return SMALLEST
    if excess(high) <= 0:
        return LARGEST
    return math.exp(brentq(excess, low, high, xtol=1e-11, rtol=1e-11))


def _residual(energy: Tensor, passed: Tensor, alpha: float) -> float:
    share = (passed + alpha).reciprocal_().mul_(alpha).square_().mul_(energy)
    return share.sum(dtype=torch.float64).item()


def _count_twice(energy: Tensor, length: int) -> None:
    """Double the columns of a half spectrum that stand for two frequencies, in place."""
    energy[..., 1 : (length + 1) // 2] *= 2
