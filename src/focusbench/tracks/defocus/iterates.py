"""What is measured of single estimates while a restoration runs, such as those at wrong levels.

Apart from `score`: a new metric there must not rerun every restoration.
"""

from __future__ import annotations

import numpy as np

from focusbench.evaluation.psnr import psnr
from focusbench.evaluation.ssim import ssim, ssim_fits

RANGE = 65535.0
"""Of a 16-bit image: the paper's."""
SSIM_VARIANT = "wang_2d"


def measure(truth: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
    """Return PSNR and SSIM under the keys of `metrics.METRICS`.

    Parameters
    ----------
    truth, estimate
        Counts, (Y, X).

    Returns
    -------
    dict
        Without what cannot be computed: the truth's own range where it shows nothing, SSIM where
        the field is smaller than its window.
    """
    result = {"psnr_65535": psnr(truth, estimate, RANGE)}
    own = float(np.max(truth)) - float(np.min(truth))
    if own > 0:
        result["psnr_own"] = psnr(truth, estimate, own)
    if ssim_fits(np.shape(truth), SSIM_VARIANT):
        result["ssim_65535"] = ssim(truth, estimate, RANGE, SSIM_VARIANT)
    return result
