"""Metrics of a restored field, of its patches, and of how well it explains the observation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.evaluation.consistency import rms
from focusbench.evaluation.metrics import psnr, ssim, ssim_fits
from focusbench.evaluation.nuclei_count import count
from focusbench.evaluation.seams import seam_excess
from focusbench.images import Volume
from focusbench.problem import Noise
from focusbench.solvers.patch_grid import PatchGrid
from focusbench.tracks.defocus.blurring import seen_at
from focusbench.tracks.defocus.degradations import RECORDED, parse
from focusbench.tracks.defocus.iterates import RANGE, SSIM_VARIANT
from focusbench.tracks.defocus.metrics import METRICS
from focusbench.tracks.defocus.nominal import noise_of, nominal_optics
from focusbench.tracks.defocus.true_levels import patch_levels

LEAST_COUNT = 1.0
"""Least variance of shot noise: an estimate may say that nothing was to be seen at a pixel."""

Value = float | str | None


def score(
    truth: Volume | None,
    estimate: Volume,
    observed: Volume,
    degradation: str,
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Return every metric of `METRICS` as JSON values, and `details`.

    Parameters
    ----------
    truth
        Counts (Y, X) in focus; None where none is known. That of a recording has a unit of its own:
        a factor and an offset are fitted to it by least squares, of the estimate and of the
        observation alike, before either is compared with it.
    estimate, observed
        Counts, of the same shape.
    degradation
        Id of what was done to the observation.
    settings
        `optics`, `patch` (px); of a recording, what differs of the lens.
    about
        Record of the observation: its `levels` and `noise`.

    Returns
    -------
    dict
        None stands for what cannot be computed: no truth, or one that shows nothing; no level; a
        field of a single patch. JSON knows no infinity: the PSNR of an exact estimate is "inf", and
        the gain over an exact observation "-inf" (0 if the estimate is exact too). `details` has
        `patches`: of each whole patch side by side the first pixel (`y`, `x`), the true `level`
        (rounded; -1 for background; None where unknown), `psnr` and `ssim` (range 65535),
        `ssim_own` (the whole truth's range), and those of the observation.

    Raises
    ------
    InputError
        Shapes that do not fit together, or values that are not finite.
    """
    found, seen = (np.asarray(image.array, np.float64) for image in (estimate, observed))
    _check(found, seen, None if truth is None else truth.array)
    result: dict[str, Any] = dict.fromkeys(METRICS)
    pixel = observed.voxel_size[-1]
    result |= {"nuclei": count(found, pixel), "nuclei_observed": count(seen, pixel)}
    if about.get("levels") is not None:
        optics = nominal_optics(observed, degradation, settings)
        expected = seen_at(found, about["levels"], optics)
        result["rms_residual"] = rms(seen - expected)
        result["chi_square"] = chi_square(seen - expected, expected, noise_of(about))
    grid = PatchGrid(found.shape, settings["patch"])
    exact = seen if truth is None else np.asarray(truth.array, np.float64)
    result["seam_excess"] = _seams(found, exact, grid)
    if truth is None:
        return result
    result["nuclei_truth"] = count(exact, pixel)
    if parse(degradation).kind == RECORDED:
        found, seen = (fitted(exact, image) for image in (found, seen))
    details = _patches(exact, found, seen, grid, about.get("levels"))
    return {**result, **_quality(exact, found, seen), "details": {"patches": details}}


def chi_square(residual: np.ndarray, expected: np.ndarray, noise: Noise | None) -> float | None:
    """Mean of squared residual over the noise's variance; None without noise, or if unknown.

    Parameters
    ----------
    residual
        Observed less `expected`, counts.
    expected
        Counts that the estimate explains: with shot noise their variance, 1 at least.
    noise
        Of the observation.
    """
    if noise is None:
        return None
    variance = noise.gaussian_sigma**2 + noise.quantisation_step**2 / 12
    if math.isfinite(noise.photons):
        variance = variance + np.maximum(expected, LEAST_COUNT) / noise.photons
    elif not variance:
        return None
    return float(np.mean(np.square(residual) / variance))


def fitted(truth: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Scale an image and add to it, so that it comes closest to the truth."""
    light, target = image - image.mean(), truth - truth.mean()
    energy = float(np.vdot(light, light))
    gain = float(np.vdot(light, target)) / energy if energy > 0 else 1.0
    return gain * light + truth.mean()


def _check(found: np.ndarray, seen: np.ndarray, truth: np.ndarray | None) -> None:
    shapes = [found.shape, seen.shape, *([] if truth is None else [truth.shape])]
    if found.ndim != 2 or len(set(shapes)) > 1:
        raise InputError(
            f"estimate of shape {shapes[0]}, observation of {shapes[1]}"
            + (f", truth of {shapes[2]}" if truth is not None else "")
            + "; equal shapes (Y, X) are accepted"
        )
    if not np.isfinite(found).all():
        raise InputError("the estimate holds NaN or infinity; finite values are accepted")


def _quality(truth: np.ndarray, found: np.ndarray, seen: np.ndarray) -> dict[str, Value]:
    own = float(truth.max() - truth.min())
    result: dict[str, Value] = {"psnr_65535": _json(psnr(truth, found, RANGE))}
    result["psnr_gain"] = _gain(psnr(truth, found, RANGE), psnr(truth, seen, RANGE))
    if own > 0:
        result["psnr_own"] = _json(psnr(truth, found, own))
    if ssim_fits(truth.shape, SSIM_VARIANT):
        result["ssim_65535"] = ssim(truth, found, RANGE, SSIM_VARIANT)
        result["ssim_ratio"] = result["ssim_65535"] / ssim(truth, seen, RANGE, SSIM_VARIANT)
        if own > 0:
            result["ssim_own"] = ssim(truth, found, own, SSIM_VARIANT)
    return result


def _patches(
    truth: np.ndarray,
    found: np.ndarray,
    seen: np.ndarray,
    grid: PatchGrid,
    levels: Mapping[str, Any] | None,
) -> dict[str, list[Any]]:
    """Of patches that lie side by side in full: those moved back at the far edges are left out."""
    true = None if levels is None else patch_levels(levels, grid)
    own = float(truth.max() - truth.min())  # of the whole field, as of its metrics
    keys = ("y", "x", "level", "psnr", "psnr_observed", "ssim", "ssim_observed")
    keys += ("ssim_own", "ssim_own_observed")
    result: dict[str, list[Any]] = {key: [] for key in keys}
    room = ssim_fits((grid.size, grid.size), SSIM_VARIANT)
    for row, y in enumerate(grid.starts[0].tolist()):
        for column, x in enumerate(grid.starts[1].tolist()):
            if y % grid.size or x % grid.size:
                continue
            place = (slice(y, y + grid.size), slice(x, x + grid.size))
            exact = truth[place]
            values = [y, x, None if true is None else int(true[row, column])]
            values += [_json(psnr(exact, image[place], RANGE)) for image in (found, seen)]
            values += [
                ssim(exact, image[place], span, SSIM_VARIANT) if room and span > 0 else None
                for span in (RANGE, own)
                for image in (found, seen)
            ]
            for key, value in zip(keys, values, strict=True):
                result[key].append(value)
    return result


def _seams(found: np.ndarray, reference: np.ndarray, grid: PatchGrid) -> float | None:
    if not any(len(lines) for lines in grid.borders):
        return None
    try:
        return seam_excess(found, reference, grid)
    except InputError:  # one of the two shows nothing: there is no ratio
        return None


def _gain(found: float, seen: float) -> float | str:
    return 0.0 if found == seen else _json(found - seen)


def _json(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
