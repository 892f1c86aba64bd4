"""Image-quality metrics, in float64: `psnr`, and `ssim` in four named variants.

Each has a file of its own: a restoration that measures its iterates depends on no other metric.
"""

from focusbench.evaluation.psnr import mean_squared_error, psnr
from focusbench.evaluation.ssim import SSIM_VARIANTS, SsimVariant, ssim, ssim_fits

__all__ = ["SSIM_VARIANTS", "SsimVariant", "mean_squared_error", "psnr", "ssim", "ssim_fits"]
