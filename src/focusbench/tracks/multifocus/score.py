"""Metrics of a restored volume of transmittance, and of how well it explains the focal stack."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.evaluation.consistency import reduced_chi_square, rms
from focusbench.evaluation.metrics import SSIM_VARIANTS, psnr, ssim, ssim_fits
from focusbench.images import Volume
from focusbench.optics.ray_loops import render
from focusbench.optics.ray_paths import Geometry
from focusbench.problem import Noise
from focusbench.tracks.multifocus.degradations import noise_of
from focusbench.tracks.multifocus.geometry import ray_geometry
from focusbench.tracks.multifocus.metrics import METRICS, RANGE_USED, RANGE_WHOLE


def score(
    truth: Volume | None,
    estimate: Volume,
    observed: Volume,
    degradation: str,
    settings: Mapping[str, Any],
    about: Mapping[str, Any] | None = None,
) -> dict[str, float | str | None]:
    """Score a restoration of the benchmark; see `measure`.

    Parameters
    ----------
    degradation
        Id of what was done to the observation: it tells the noise.
    settings
        As for `problem.problem`.
    about
        Record of the observation; not needed in this track.
    """
    return measure(
        None if truth is None else truth.array,
        estimate.array,
        observed.array,
        ray_geometry(observed, settings),
        noise_of(degradation, settings),
    )


def measure(
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
        key = f"ssim_{variant}"
        if key in METRICS and ssim_fits(truth.shape, variant):
            data_range = definition.data_range or RANGE_WHOLE
            result[key] = ssim(truth, estimate, data_range, variant)
    residual = _residual(observed, truth, geometry)
    result["rms_residual_truth"] = rms(residual)
    result["chi_square_truth"] = reduced_chi_square(residual, deviation)
    return result


def _residual(observed: np.ndarray, volume: np.ndarray, geometry: Geometry) -> np.ndarray:
    return np.subtract(observed, render(volume, geometry), dtype=np.float64)


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else "inf"
