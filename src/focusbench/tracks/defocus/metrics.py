"""The track's metrics: their keys in score files, and what a reader must know of each."""

from focusbench.evaluation.metric import Metric
from focusbench.evaluation.metrics import SSIM_VARIANTS
from focusbench.evaluation.nuclei_count import SETTINGS as COUNTED

_SSIM = SSIM_VARIANTS["wang_2d"].settings.removesuffix(", mean over slices")
_FIT = (
    "; of a recording, whose unit is not its truth's, after the factor and offset that fit it to "
    "the truth best"
)
_REBLURRED = (
    "estimate blurred again by the nominal lens at the true levels; none where no level is known"
)

METRICS: dict[str, Metric] = {
    "psnr_65535": Metric(
        "PSNR, range 65535", "dB", f"range 65535, the paper's; all pixels{_FIT}", True
    ),
    "psnr_own": Metric(
        "PSNR, own range", "dB", f"range: largest less smallest count of the truth{_FIT}", True
    ),
    "psnr_gain": Metric(
        "PSNR gain", "dB", f"PSNR of the estimate less that of the observation{_FIT}", True
    ),
    "ssim_65535": Metric(
        "SSIM, range 65535",
        "",
        f"{_SSIM}, range 65535, beside which counts of some hundreds are small: near 1 for "
        f"whatever is not far off{_FIT}",
        True,
    ),
    "ssim_own": Metric("SSIM, own range", "", f"{_SSIM}, range as of the PSNR{_FIT}", True),
    "ssim_ratio": Metric(
        "SSIM ratio",
        "",
        f"SSIM of the estimate over that of the observation, range 65535{_FIT}",
        True,
    ),
    "seam_excess": Metric(
        "seam excess",
        "",
        "change from pixel to pixel across the borders of patches side by side, over that in the 8 "
        "pairs beside them, over the same ratio of the truth (of the observation where there is no "
        "truth), less 1: 0 without seams, up to chance",
        None,
    ),
    "nuclei": Metric("nuclei", "", f"counted in the estimate: {COUNTED}", None),
    "nuclei_observed": Metric("nuclei observed", "", "the same in the observation", None),
    "nuclei_truth": Metric("nuclei of the truth", "", "the same in the field in focus", None),
    "rms_residual": Metric("RMS residual", "counts", f"observed minus {_REBLURRED}", False),
    "chi_square": Metric(
        "reduced chi-square",
        "",
        f"mean of squared residual over variance, which is the expected count under shot noise, "
        f"that of rounding (1/12) without; {_REBLURRED}",
        None,
    ),
}
