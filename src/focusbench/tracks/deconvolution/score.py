"""Metrics of a deconvolved volume, and of how well it explains the recording."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.evaluation.consistency import reduced_chi_square, rms
from focusbench.evaluation.metrics import psnr, ssim, ssim_fits
from focusbench.images import Volume
from focusbench.problem import Noise
from focusbench.tracks.deconvolution.blurring import blur
from focusbench.tracks.deconvolution.metrics import MARGIN, METRICS, RANGE
from focusbench.tracks.deconvolution.nominal import noise_of, nominal_kernel
from focusbench.tracks.deconvolution.structure import centre_lines, filaments, shared_periods

FITS = (None, "gain", "affine")


def score(
    truth: Volume | None,
    estimate: Volume,
    observed: Volume,
    degradation: str,
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
) -> dict[str, float | str | None]:
    """Score a restoration of the benchmark; see `measure`.

    Parameters
    ----------
    degradation
        Id of what was done to the observation. A recording's unit of intensity is not its
        truth's, so one gain is fitted to every estimate of it.
    settings
        As for `problem.problem`; `fit`, where the method's own is wider; what
        `structure.centre_lines` reads, without which no filaments are scored.
    about
        Record of the observation: its `noise`.
    """
    recorded = degradation == "recorded"
    return measure(
        None if truth is None else truth.array,
        estimate.array,
        observed.array,
        nominal_kernel(observed, degradation, settings),
        settings["boundary"],
        noise_of(about),
        settings.get("fit") or ("gain" if recorded else None),
        same_unit=not recorded,
        max_voxels=settings.get("max_voxels"),
        voxel_size=observed.voxel_size,
        lines=None if truth is None else centre_lines(settings, truth.array.shape),
    )


def measure(
    truth: np.ndarray | None,
    estimate: np.ndarray,
    observed: np.ndarray,
    kernel: np.ndarray,
    boundary: str,
    noise: Noise | None,
    fit: str | None = None,
    *,
    same_unit: bool = True,
    max_voxels: int | None = None,
    voxel_size: tuple[float, float, float] | None = None,
    lines: Sequence[np.ndarray] | None = None,
) -> dict[str, float | str | None]:
    """Return every metric of `METRICS` as JSON values.

    Parameters
    ----------
    truth
        Intensities in [0, 1], (Z, Y, X); None where none is known.
    estimate
        Intensities of the same shape, in the unit of `observed`.
    observed
        What the estimate was made from, (Z, Y, X).
    kernel
        Nominal PSF, which the methods use as well, unit sum, (z, y, x).
    boundary
        "linear" or "circular", see `optics.convolution`.
    noise
        Of the observation; None where unknown.
    fit
        What is fitted to the truth by least squares before the estimate is compared with it:
        nothing (None), a factor ("gain"), or a factor and an offset ("affine"). The fit sees the
        truth and so belongs to an oracle, or to a recording whose unit of intensity is not the
        truth's. Data consistency is that of the estimate as it is.
    same_unit
        Whether truth and observation have one unit of intensity. If not, the re-blurred truth is
        scaled to the observation by least squares before its residual is taken.
    max_voxels
        Bound on the voxels of one transform, see `optics.convolution`.
    voxel_size
        (z, y, x), um; without it no metric in um and none of filaments.
    lines
        True centre lines of filaments, see `filaments.filament_score`; None where unknown.

    Returns
    -------
    dict
        None stands for what cannot be computed: no truth, no noise to compare with, a truth
        that shows nothing, no voxel size, no centre lines, or a volume too small for an interior,
        a window or a shell. JSON knows no infinity: the PSNR of an exact estimate is the string
        "inf", and so is the period of one that shares nothing with the truth.

    Raises
    ------
    InputError
        Shapes that do not fit together, an unknown fit, or values that are not finite.
    """
    if fit not in FITS:
        raise InputError(f"fit is {fit!r}; accepted: None, 'gain', 'affine'")
    if observed.shape != estimate.shape or observed.ndim != 3:
        raise InputError(
            f"estimate of shape {estimate.shape} for an observation of shape {observed.shape}; "
            "equal shapes (Z, Y, X) are accepted"
        )
    if truth is not None and truth.shape != estimate.shape:
        raise InputError(
            f"truth of shape {truth.shape} and estimate of shape {estimate.shape}; "
            "equal shapes are accepted"
        )
    power = None if noise is None else noise.standard_deviation
    result: dict[str, float | str | None] = dict.fromkeys(METRICS)
    seen = np.asarray(observed, dtype=np.float64)
    residual = seen - blur(estimate, kernel, boundary, max_voxels)
    result["rms_residual"] = rms(residual)
    result["chi_square"] = reduced_chi_square(residual, power)
    if truth is None:
        return result
    expected = blur(truth, kernel, boundary, max_voxels)
    if not same_unit:
        expected *= _gain(expected, seen)
    residual = seen - expected
    result["rms_residual_truth"] = rms(residual)
    result["chi_square_truth"] = reduced_chi_square(residual, power)
    gain, offset = fitted(truth, estimate, fit)
    result["gain"], result["offset"] = gain, offset
    compared = gain * np.asarray(estimate, dtype=np.float64) + offset
    exact = np.asarray(truth, dtype=np.float64)
    result |= _quality(exact, compared)
    if voxel_size is not None:
        result |= shared_periods(exact, compared, voxel_size)
        if lines is not None:
            result |= filaments(compared, lines, voxel_size)
    return result


def fitted(truth: np.ndarray, estimate: np.ndarray, fit: str | None) -> tuple[float, float]:
    """Return the gain and offset that bring the estimate closest to the truth.

    An estimate that shows nothing cannot be scaled: its gain is 1.
    """
    x, y = np.asarray(estimate, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if fit is None:
        return 1.0, 0.0
    if fit == "gain":
        return _gain(x, y), 0.0
    gain = _gain(x - x.mean(), y - y.mean())
    return gain, float(y.mean() - gain * x.mean())


def _gain(source: np.ndarray, target: np.ndarray) -> float:
    energy = float(np.vdot(source, source))
    return float(np.vdot(source, target)) / energy if energy > 0 else 1.0


def _quality(truth: np.ndarray, estimate: np.ndarray) -> dict[str, float | str | None]:
    result: dict[str, float | str | None] = {
        "psnr_volume": _json(psnr(truth, estimate, RANGE)),
        "psnr_mean_xy_slices": _mean_of_slices(truth, estimate),
    }
    for variant in ("uniform_3d", "wang_3d"):
        result[f"ssim_{variant}"] = _ssim(truth, estimate, variant)
    inside = tuple(slice(MARGIN, n - MARGIN) for n in truth.shape)
    if all(n > 2 * MARGIN for n in truth.shape):
        result["psnr_volume_interior"] = _json(psnr(truth[inside], estimate[inside], RANGE))
        result["ssim_uniform_3d_interior"] = _ssim(truth[inside], estimate[inside], "uniform_3d")
    return result


def _mean_of_slices(truth: np.ndarray, estimate: np.ndarray) -> float | str | None:
    # an empty slice says nothing, and an estimate of 0 would make its PSNR, so the mean, infinite
    shown = [i for i, image in enumerate(truth) if image.max() > image.min()]
    if not shown:
        return None
    values = [psnr(truth[i], estimate[i], RANGE) for i in shown]
    return _json(sum(values) / len(values))


def _ssim(truth: np.ndarray, estimate: np.ndarray, variant: str) -> float | None:
    return ssim(truth, estimate, RANGE, variant) if ssim_fits(truth.shape, variant) else None


def _json(value: float) -> float | str:
    return value if math.isfinite(value) else "inf"
