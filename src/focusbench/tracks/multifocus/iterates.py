"""What is measured of single iterates while a restoration runs: the best one, and those that early
stopping would keep.

Apart from `score`: a new metric there must not rerun every restoration.
"""

from __future__ import annotations

import numpy as np

from focusbench.evaluation.psnr import psnr
from focusbench.evaluation.ssim import SSIM_VARIANTS, ssim, ssim_fits
from focusbench.tracks.multifocus.ranges import RANGE_USED, RANGE_WHOLE

SSIM_VARIANT = "paper"


def measure(truth: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
    """Return PSNR and the paper's SSIM under the keys of `metrics.METRICS`.

    Parameters
    ----------
    truth, estimate
        Transmittance per um, (Z, Y, X).

    Returns
    -------
    dict
        Without SSIM where the slices are smaller than its window.
    """
    result = {
        "psnr": psnr(truth, estimate, RANGE_WHOLE),
        "psnr_range0.3": psnr(truth, estimate, RANGE_USED),
    }
    if ssim_fits(truth.shape, SSIM_VARIANT):
        data_range = SSIM_VARIANTS[SSIM_VARIANT].data_range
        result[f"ssim_{SSIM_VARIANT}"] = ssim(truth, estimate, data_range, SSIM_VARIANT)
    return result
