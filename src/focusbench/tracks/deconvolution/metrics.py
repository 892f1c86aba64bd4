"""The track's metrics: their keys in score files, and what a reader must know of each."""

from focusbench.evaluation.filaments import TOLERANCE
from focusbench.evaluation.fourier_shell import CONE
from focusbench.evaluation.metric import Metric
from focusbench.evaluation.metrics import SSIM_VARIANTS

RANGE = 1.0  # the truth's maximum
MARGIN = 15  # voxels between the interior and every face: half of a PSF of 31
FSC_THRESHOLD = 0.5  # of a correlation with a truth without noise

_INSIDE = f"{MARGIN} voxels in from every face"
_FSC = (
    "period at which the Fourier shell correlation of truth and estimate first falls below "
    f"{FSC_THRESHOLD:g}, shells within {CONE:g} degrees of the "
)
_FSC_ENDS = (
    "; where it never does, the period of the finest shell, so that the truth is met at least to "
    "there, and infinite where not even the coarsest is met; blind to gain and offset"
)
_SKELETON = (
    "what lies above the level halfway between the median and the brightness of the n-th brightest "
    "voxel, n as many as the centre lines cross, thinned to curves of one voxel"
)
_NEAR = (
    f"within {TOLERANCE:g} sides of the smallest voxel (or one of the largest, if that is more) of"
)

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
    "fsc_lateral": Metric("lateral FSC period", "µm", f"{_FSC}kx-ky plane{_FSC_ENDS}", False),
    "fsc_axial": Metric("axial FSC period", "µm", f"{_FSC}kz axis{_FSC_ENDS}", False),
    "filament_f1": Metric(
        "filament F1",
        "",
        "harmonic mean of filament precision and recall, 0 where nothing is traced; blind to gain "
        "and offset",
        True,
    ),
    "filament_precision": Metric(
        "filament precision",
        "",
        f"share of the estimate's skeleton {_NEAR} a true centre line; skeleton: {_SKELETON}",
        True,
    ),
    "filament_recall": Metric(
        "filament recall",
        "",
        f"share of the length of the true centre lines {_NEAR} the estimate's skeleton",
        True,
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
