"""How the tables of the track show its metrics."""

from focusbench.evaluation.metric import Metric
from focusbench.tracks.defocus import metrics

OFF = "nuclei_off"
METRICS: dict[str, Metric] = {
    **metrics.METRICS,
    OFF: Metric(
        "nuclei off",
        "",
        "how far the count is from that of the field in focus, whichever way: counts that are too "
        "high here and too low there do not cancel in it",
        False,
    ),
}
SHOWN = (  # in the order of the columns
    *("psnr_65535", "psnr_own", "psnr_gain", "ssim_65535", "ssim_own", "seam_excess"),
    *("nuclei", OFF, "chi_square"),
)
DIGITS = {
    **{"psnr_65535": 2, "psnr_own": 2, "psnr_gain": 2, "ssim_65535": 4, "ssim_own": 4},
    **{"seam_excess": 1, "nuclei": 1, OFF: 1, "chi_square": 2, "rms_residual": 2},
}
PERCENT = ("seam_excess",)  # shares that are shown in %


def heading(key: str) -> str:
    """Label of a column, with its unit."""
    unit = "%" if key in PERCENT else METRICS[key].unit
    return f"{METRICS[key].label}{f', {unit}' if unit else ''}"


def definition(key: str, *, recorded: bool = False) -> str:
    """What a reader must know of a column; of recordings also what was fitted to their truth."""
    text = METRICS[key].settings
    return f"{METRICS[key].label}: {text if recorded else text.partition('; of a recording,')[0]}."


def scale(key: str) -> float:
    """Factor from a score file's values to those shown."""
    return 100.0 if key in PERCENT else 1.0
