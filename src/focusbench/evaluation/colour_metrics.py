"""PSNR, SSIM, MSE and MAE of colour planes, as Ma et al. 2021 compute them with `tf.image`.

Of grey values 0 to 255, on uint8, with range 255, a plane at a time: a stack's figure is the mean
of its planes' (a mean of PSNRs, which is not the PSNR of the mean error). PSNR, MSE and MAE take
all three colours together; SSIM is that of each colour, then their mean, with the settings of Wang
et al. 2004 (`evaluation.ssim`, "wang_2d"): 11 x 11 windows of a Gaussian of standard deviation 1.5,
wholly inside, k of 0.01 and 0.03, population covariance. `tf.image.ssim` is defined alike, but
computes in float32.
"""

from __future__ import annotations

import numpy as np

from focusbench.errors import InputError
from focusbench.evaluation.metrics import SSIM_VARIANTS, mean_squared_error, psnr, ssim, ssim_fits

RANGE = 255.0
SSIM_VARIANT = "wang_2d"
SSIM_SETTINGS = (
    f"{SSIM_VARIANTS[SSIM_VARIANT].settings.removesuffix(', mean over slices')}, range 255, "
    "mean over red, green and blue"
)
KEYS = ("psnr", "ssim", "mse", "mae")


def plane_scores(truth: np.ndarray, estimate: np.ndarray) -> dict[str, float | None]:
    """Compare a plane with the true one.

    Parameters
    ----------
    truth, estimate
        uint8 (Y, X, 3), the same shape.

    Returns
    -------
    dict
        `psnr` in dB, infinite where both are equal; `ssim`, at most 1, None where the plane is
        smaller than its window of 11 x 11; `mse`, 0 to 65025 grey values squared; `mae`, 0 to 255
        grey values.

    Raises
    ------
    InputError
        Another type, or shapes that differ.
    """
    for name, plane in (("truth", truth), ("estimate", estimate)):
        fits = isinstance(plane, np.ndarray) and plane.ndim == 3 and plane.size
        if not fits or plane.shape[-1] != 3 or plane.dtype != np.uint8:
            told = f"{plane.dtype} {plane.shape}" if isinstance(plane, np.ndarray) else type(plane)
            raise InputError(f"{name}: {told}; a plane of uint8 of shape (y, x, 3) is accepted")
    if truth.shape != estimate.shape:
        raise InputError(
            f"truth of shape {truth.shape} and estimate of shape {estimate.shape}; "
            "equal shapes are accepted"
        )
    colours = [np.moveaxis(plane, -1, 0) for plane in (truth, estimate)]
    fits = ssim_fits(colours[0].shape, SSIM_VARIANT)
    return {
        "psnr": psnr(truth, estimate, RANGE),
        "ssim": ssim(*colours, RANGE, SSIM_VARIANT) if fits else None,
        "mse": mean_squared_error(truth, estimate),
        "mae": float(np.abs(np.subtract(truth, estimate, dtype=np.int16)).mean()),
    }
