"""The track's metrics: their keys in score files, and what a reader must know of each."""

import math

from focusbench.evaluation.metric import Metric
from focusbench.evaluation.metrics import SSIM_VARIANTS
from focusbench.tracks.multifocus.ranges import RANGE_USED, RANGE_WHOLE

LOSS_OF_RANGE = 20 * math.log10(RANGE_WHOLE / RANGE_USED)  # 10.46 dB, for every volume

METRICS: dict[str, Metric] = {
    "psnr": Metric("PSNR, range 1", "dB", "data range 1", True),
    "psnr_range0.3": Metric(
        "PSNR, range 0.3", "dB", f"data range 0.3, which is {LOSS_OF_RANGE:.2f} dB lower", True
    ),
    "ssim_wang_3d": Metric(
        "SSIM wang_3d", "", f"{SSIM_VARIANTS['wang_3d'].settings}, range 1", True
    ),
    "ssim_wang_2d": Metric(
        "SSIM wang_2d", "", f"{SSIM_VARIANTS['wang_2d'].settings}, range 1", True
    ),
    "ssim_paper": Metric("SSIM paper", "", SSIM_VARIANTS["paper"].settings, True),
    "rms_residual": Metric(
        "RMS residual",
        "of full intensity",
        "observed minus re-rendered estimate, on the planes that were given",
        False,
    ),
    "chi_square": Metric(
        "reduced chi-square", "", "mean squared residual over the variance of the noise", None
    ),
    "residual_correlation": Metric(
        "residual correlation",
        "",
        "of neighbouring pixels of the residual, each plane's mean removed: 0 for white noise, "
        "near 1 for smooth structure that the estimate does not explain",
        None,
    ),
    "residual_flatness": Metric(
        "residual flatness",
        "",
        "geometric over arithmetic mean of the residual's power spectrum, over that of white "
        "noise: 1 for white noise, less for structure of any shape",
        None,
    ),
    "rms_residual_truth": Metric(
        "RMS residual of the truth", "of full intensity", "observed minus re-rendered truth", None
    ),
    "chi_square_truth": Metric(
        "reduced chi-square of the truth",
        "",
        "what a perfect estimate would reach: below 1 where noise was clipped or nothing absorbs, "
        "above 1 where the model is wrong",
        None,
    ),
    "held_out_rms": Metric(
        "RMS on withheld planes",
        "of full intensity",
        "re-rendered estimate minus what was recorded there, noise included",
        False,
    ),
    "held_out_rms_interpolated": Metric(
        "RMS on withheld planes, interpolated",
        "of full intensity",
        "the same for linear interpolation between the given planes: what a reader gets for "
        "nothing",
        None,
    ),
}
HELD_OUT = ("held_out_rms", "held_out_rms_interpolated")  # only where planes were held out
