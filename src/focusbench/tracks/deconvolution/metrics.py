"""The track's metrics: their keys in score files, and what a reader must know of each."""

from focusbench.evaluation.metric import Metric
from focusbench.evaluation.metrics import SSIM_VARIANTS

RANGE = 1.0  # the truth's maximum
MARGIN = 15  # voxels between the interior and every face: half of a PSF of 31

_INSIDE = f"{MARGIN} voxels in from every face"

METRICS: dict[str, Metric] = {
    "psnr_volume": Metric(
        "PSNR of the volume", "dB", "one mean squared error over all voxels, data range 1", True
    ),
    "psnr_mean_xy_slices": Metric(
        "mean PSNR of the XY slices",
        "dB",
        "one PSNR, data range 1, for each XY slice in which the truth shows anything, then their "
        "mean",
        True,
    ),
    "ssim_uniform_3d": Metric(
        "SSIM uniform_3d", "", f"{SSIM_VARIANTS['uniform_3d'].settings}, range 1", True
    ),
    "ssim_wang_3d": Metric(
        "SSIM wang_3d", "", f"{SSIM_VARIANTS['wang_3d'].settings}, range 1", True
    ),
    "psnr_volume_interior": Metric("PSNR of the interior", "dB", f"range 1, {_INSIDE}", True),
    "ssim_uniform_3d_interior": Metric(
        "SSIM uniform_3d of the interior", "", f"range 1, {_INSIDE}", True
    ),
    "gain": Metric("gain", "", "factor that the estimate was scaled by before scoring", None),
    "offset": Metric("offset", "", "what was added to the estimate after scaling", None),
    "rms_residual": Metric(
        "RMS residual", "of the unit of intensity", "observed minus re-blurred estimate", False
    ),
    "chi_square": Metric(
        "reduced chi-square", "", "mean squared residual over the expected power of the noise", None
    ),
    "rms_residual_truth": Metric(
        "RMS residual of the truth",
        "of the unit of intensity",
        "observed minus re-blurred truth",
        None,
    ),
    "chi_square_truth": Metric(
        "reduced chi-square of the truth",
        "",
        "what a perfect estimate would reach: 1 up to the draw of the noise, above 1 where the "
        "model is wrong",
        None,
    ),
}
