"""Metrics of a restored volume of transmittance, and of how well it explains the focal stack."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.evaluation.consistency import reduced_chi_square, rms
from focusbench.evaluation.metrics import SSIM_VARIANTS, psnr, ssim, ssim_fits
from focusbench.evaluation.whiteness import residual_correlation, spectral_flatness
from focusbench.images import Volume
from focusbench.optics.ray_loops import render
from focusbench.optics.ray_paths import Geometry
from focusbench.problem import Noise
from focusbench.tracks.multifocus.degradations import noise_of, parse
from focusbench.tracks.multifocus.degradations import withheld as withheld_planes
from focusbench.tracks.multifocus.geometry import ray_geometry
from focusbench.tracks.multifocus.metrics import HELD_OUT, METRICS
from focusbench.tracks.multifocus.ranges import RANGE_USED, RANGE_WHOLE


def score(
    truth: Volume | None,
    estimate: Volume,
    observed: Volume,
    degradation: str,
    settings: Mapping[str, Any],
    about: Mapping[str, Any] | None = None,
    base: Volume | None = None,
) -> dict[str, float | str | None]:
    """Score a restoration of the benchmark; see `measure`.

    Parameters
    ----------
    degradation
        Id of what was done to the observation: it tells the noise, the planes that were withheld
        and the rays of the model.
    settings
        As for `problem.problem`.
    about
        Record of the observation; not needed in this track.
    base
        Observation of the id without its part; read for `heldout` alone, where without it there is
        no error of the withheld planes.
    """
    wanted = parse(degradation)
    held_out = wanted.part == "heldout"
    result = measure(
        None if truth is None else truth.array,
        estimate.array,
        observed.array,
        ray_geometry(observed, settings, wanted.half),
        noise_of(degradation, settings),
        withheld_planes(wanted.part, len(observed.array)),
        base.array if held_out and base is not None else None,
    )
    if held_out:
        for key in HELD_OUT:
            result.setdefault(key)
    return result


def measure(
    truth: np.ndarray | None,
    estimate: np.ndarray,
    observed: np.ndarray,
    geometry: Geometry,
    noise: Noise | None,
    withheld: Sequence[int] = (),
    recorded: np.ndarray | None = None,
) -> dict[str, float | str | None]:
    """Return the metrics of `METRICS` as JSON values; those of `HELD_OUT` only with `recorded`.

    Parameters
    ----------
    truth
        Transmittance per um, (Z, Y, X); None where none is known.
    estimate
        Transmittance per um in (0, 1], (Z, Y, X).
    observed
        Focal stack that the estimate was made from, intensities in [0, 1], (L, Y, X).
    geometry
        Of the model that the methods use as well.
    noise
        Of the observation; None where unknown.
    withheld
        Planes of `observed`, counted from 0, that were not recorded but filled: residuals leave
        them out.
    recorded
        What was recorded on all planes, (L, Y, X), to hold the estimate, and the filling, against.

    Returns
    -------
    dict
        None stands for what cannot be computed: no truth, no noise to compare with, a volume too
        small for a window of 11, or a residual without a pattern. JSON knows no infinity: the PSNR
        of an exact estimate is the string "inf".

    Raises
    ------
    InputError
        Shapes that do not fit together, or values that are not finite.
    """
    for name, array in (("estimate", estimate), ("recorded stack", recorded)):
        if array is not None and observed.shape != array.shape:
            raise InputError(
                f"{name} of shape {array.shape} for a focal stack of shape {observed.shape}; "
                "equal shapes are accepted"
            )
    deviation = None if noise is None else noise.standard_deviation
    given = np.setdiff1d(np.arange(len(observed)), withheld)
    result: dict[str, float | str | None] = {key: None for key in METRICS if key not in HELD_OUT}
    light = render(estimate, geometry)
    residual = np.subtract(observed, light, dtype=np.float64)[given]
    result["rms_residual"] = rms(residual)
    result["chi_square"] = reduced_chi_square(residual, deviation)
    result["residual_correlation"] = residual_correlation(residual)
    result["residual_flatness"] = spectral_flatness(residual)
    if recorded is not None and len(withheld):
        hidden = recorded[withheld].astype(np.float64)
        result["held_out_rms"] = rms(light[withheld] - hidden)
        result["held_out_rms_interpolated"] = rms(observed[withheld] - hidden)
    if truth is None:
        return result
    result["psnr"] = _finite(psnr(truth, estimate, RANGE_WHOLE))
    result["psnr_range0.3"] = _finite(psnr(truth, estimate, RANGE_USED))
    for variant, definition in SSIM_VARIANTS.items():
        key = f"ssim_{variant}"
        if key in METRICS and ssim_fits(truth.shape, variant):
            data_range = definition.data_range or RANGE_WHOLE
            result[key] = ssim(truth, estimate, data_range, variant)
    residual = np.subtract(observed, render(truth, geometry), dtype=np.float64)[given]
    result["rms_residual_truth"] = rms(residual)
    result["chi_square_truth"] = reduced_chi_square(residual, deviation)
    return result


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else "inf"
