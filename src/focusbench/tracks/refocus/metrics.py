"""The track's metrics: their keys in score files, and what a reader must know of each.

Each is there three times: over all planes, of the middle plane (`_middle`: that of 0 um), and over
all planes but the middle (`_others`). An estimate of one plane has those of the middle alone.
"""

from focusbench.evaluation.colour_metrics import SSIM_SETTINGS
from focusbench.evaluation.metric import Metric
from focusbench.evaluation.nuclear_absorbance import SETTINGS as NUCLEI

GROUPS = {
    "": ("", "mean over all planes"),
    "_middle": (", 0 um", "the middle plane alone, 0 um"),
    "_others": (", others", "mean over all planes but the middle"),
}
"""Suffix of the key: what is added to the label, and to the definition."""

OF_A_PLANE = {
    "psnr": Metric(
        "PSNR", "dB", "RGB, uint8, range 255, all colours together, a plane at a time", True
    ),
    "ssim": Metric("SSIM", "", f"RGB, uint8, {SSIM_SETTINGS}, a plane at a time", True),
    "mse": Metric("MSE", "squared grey values", "RGB, uint8, 0 to 65025, a plane at a time", False),
    "mae": Metric("MAE", "grey values", "RGB, uint8, 0 to 255, a plane at a time", False),
    "nuclear_absorbance": Metric(
        "nuclear absorbance error",
        "absorbance",
        "mean absolute error of -log10(max(I, 0.5) / I0) over the pixels of nuclei and the three "
        f"colours, 0 to 2.7; {NUCLEI}",
        False,
    ),
    "nuclear_iod": Metric(
        "nuclear IOD error",
        "%",
        "mean over the nuclei of |integrated absorbance of the estimate over the truth's, less 1|, "
        f"0 or more; {NUCLEI}",
        False,
    ),
}
"""Keys without their suffix, in the order of tables."""

METRICS: dict[str, Metric] = {
    **{
        f"{key}{suffix}": Metric(
            f"{metric.label}{label}",
            metric.unit,
            f"{metric.settings}; {which}",
            metric.higher_is_better,
        )
        for key, metric in OF_A_PLANE.items()
        for suffix, (label, which) in GROUPS.items()
    },
    "rms_residual": Metric(
        "RMS residual",
        "grey values",
        "observed minus what the nominal degradation makes of the estimate's plane that it shows, "
        "0 to 255; of an estimate of one plane, of that plane",
        False,
    ),
}
