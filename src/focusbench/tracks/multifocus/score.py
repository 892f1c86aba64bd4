"""Metrics of a restored volume of transmittance, and of how well it explains the focal stack."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from focusbench.errors import InputError
from focusbench.evaluation.consistency import reduced_chi_square, rms
from focusbench.evaluation.metrics import SSIM_VARIANTS, psnr, ssim, ssim_fits

if TYPE_CHECKING:
    from focusbench.optics.rays import Geometry
    from focusbench.problem import Noise

# One transmittance is scored with two ranges, as empty space is 1.0 and the densest voxel 0.7:
# the whole scale, as the paper has it, and the span that the volumes really use.
RANGE_WHOLE, RANGE_USED = 1.0, 0.3
LOSS_OF_RANGE = 20 * math.log10(RANGE_WHOLE / RANGE_USED)  # 10.46 dB, for every volume


@dataclass(frozen=True)
class Metric:
    """What a reader of a table must know of a column."""

    label: str
    unit: str  # "" for a pure number
    settings: str
    higher_is_better: bool | None  # None: neither end of the scale is good


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
        "RMS residual", "of full intensity", "observed minus re-rendered estimate", False
    ),
    "chi_square": Metric(
        "reduced chi-square", "", "mean squared residual over the variance of the noise", None
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
}


def score(
    truth: np.ndarray | None,
    estimate: np.ndarray,
    observed: np.ndarray,
    geometry: Geometry,
    noise: Noise | None,
) -> dict[str, float | str | None]:
    """Return every metric of `METRICS` as JSON values.

    Parameters
    ----------
    truth
        Transmittance per um, (Z, Y, X); None where none is known.
    estimate
        Transmittance per um in (0, 1], (Z, Y, X).
    observed
        Focal stack that the estimate was made from, intensities in [0, 1], (L, Y, X).
    geometry
        Of the nominal model, which the methods use as well.
    noise
        Of the observation; None where unknown.

    Returns
    -------
    dict
        None stands for what cannot be computed: no truth, no noise to compare with, or a volume
        too small for a window of 11. JSON knows no infinity: the PSNR of an exact estimate is the
        string "inf".

    Raises
    ------
    InputError
        Shapes that do not fit together, or values that are not finite.
    """
    if observed.shape != estimate.shape:
        raise InputError(
            f"estimate of shape {estimate.shape} for a focal stack of shape {observed.shape}; "
            "equal shapes are accepted"
        )
    deviation = None if noise is None else noise.standard_deviation
    result: dict[str, float | str | None] = dict.fromkeys(METRICS)
    residual = _residual(observed, estimate, geometry)
    result["rms_residual"] = rms(residual)
    result["chi_square"] = reduced_chi_square(residual, deviation)
    if truth is None:
        return result
    result["psnr"] = _finite(psnr(truth, estimate, RANGE_WHOLE))
    result["psnr_range0.3"] = _finite(psnr(truth, estimate, RANGE_USED))
    for variant, definition in SSIM_VARIANTS.items():
        if ssim_fits(truth.shape, variant):
            data_range = definition.data_range or RANGE_WHOLE
            result[f"ssim_{variant}"] = ssim(truth, estimate, data_range, variant)
    residual = _residual(observed, truth, geometry)
    result["rms_residual_truth"] = rms(residual)
    result["chi_square_truth"] = reduced_chi_square(residual, deviation)
    return result


def _residual(observed: np.ndarray, volume: np.ndarray, geometry: Geometry) -> np.ndarray:
    from focusbench.optics.rays import render

    return np.subtract(observed, render(volume, geometry), dtype=np.float64)


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else "inf"
