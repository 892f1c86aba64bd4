"""Metrics of a refocused stack, of its planes, and of how well it explains the input."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.evaluation.colour_metrics import KEYS, plane_scores
from focusbench.evaluation.consistency import rms
from focusbench.evaluation.nuclear_absorbance import errors, nuclei
from focusbench.images import Volume
from focusbench.optics.refocus_degradation import degrade, jpeg_round_trip
from focusbench.tracks.refocus.metrics import METRICS, OF_A_PLANE

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
        Focal stack, uint8 (planes, Y, X, 3), an odd number of planes; None where none is known.
    estimate
        uint8, of the truth's shape; or one plane (1, Y, X, 3), which is compared with the middle
        one: where the input was taken from another plane, methods are not told.
    observed
        The input, uint8 (1, y, x, 3).
    degradation, settings
        Not looked at: `about` tells what was done.
    about
        Record of the observation: `planes`, `scale` (pixels of the truth along one of the input; 2:
        it was halved and blurred), `input_plane`, and `jpeg`. With JPEG the truth goes through it
        twice and the estimate once before anything is measured, as the authors' did: they stored
        patches, and later the results beside them.

    Returns
    -------
    dict
        None stands for what cannot be computed: no truth, one plane alone, a plane that is smaller
        than SSIM's window, no nuclei, no voxel size to find nuclei with. JSON knows no infinity:
        the PSNR of an exact plane, and a mean that holds it, is "inf". `rms_residual` is taken of
        the nominal degradation, which an off-model input was not made by. `details` has `planes`:
        by plane of the estimate its `z` (um from the middle; None: not known), and each metric of a
        plane; and `nuclei`, how many were found (None: not looked for).

    Raises
    ------
    InputError
        Arrays of another type, or shapes that do not fit together.
    """
    found, seen = estimate.array, observed.array
    _check(found, seen, None if truth is None else truth.array, about)
    if about["jpeg"]:
        found = jpeg_round_trip(found)
    result: dict[str, Any] = dict.fromkeys(METRICS)
    plane = found[about["input_plane"] if len(found) > 1 else 0]
    expected = degrade(plane) if about["scale"] == 2 else plane
    result["rms_residual"] = rms(np.subtract(seen[0], expected, dtype=np.float64))
    if truth is None:
        return result
    exact, middle = truth.array, len(truth.array) // 2
    if len(found) == 1:
        exact = exact[middle : middle + 1]
        middle = 0
    if about["jpeg"]:
        exact = jpeg_round_trip(jpeg_round_trip(exact))
    planes, count = _planes(exact, found, middle, truth.voxel_size)
    for key in OF_A_PLANE:
        values = planes[key]
        result[f"{key}_middle"] = values[middle]
        if about["planes"] == len(found):
            result[key] = _mean(values)
            result[f"{key}_others"] = _mean(values[:middle] + values[middle + 1 :])
    details = {key: [_json(value) for value in values] for key, values in planes.items()}
    return {
        **{key: _json(value) for key, value in result.items()},
        "details": {"planes": details, "nuclei": count},
    }


def _check(
    found: np.ndarray, seen: np.ndarray, truth: np.ndarray | None, about: Mapping[str, Any]
) -> None:
    arrays = {"estimate": found, "input": seen, **({} if truth is None else {"truth": truth})}
    for name, array in arrays.items():
        if array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] != 3 or not array.size:
            raise InputError(
                f"{name}: {array.dtype} {array.shape}; uint8 of shape (planes, y, x, 3) is accepted"
            )
    planes, scale = about["planes"], about["scale"]
    whole = (planes, *(scale * side for side in seen.shape[1:3]), 3)
    single = (1, *whole[1:])
    if len(seen) != 1 or found.shape not in (whole, single) or planes % 2 == 0:
        raise InputError(
            f"estimate of shape {found.shape} for an input of {seen.shape} and {planes} planes; "
            f"{whole} and {single} are accepted, an odd number of planes"
        )
    if truth is not None and truth.shape != whole:
        raise InputError(f"truth of shape {truth.shape}; {whole} is accepted")


def _planes(
    truth: np.ndarray,
    found: np.ndarray,
    middle: int,
    voxel_size: Sequence[float] | None,
) -> tuple[dict[str, list[float | None]], int | None]:
    """Metrics of each plane, and how many nuclei were looked at."""
    result: dict[str, list[float | None]] = {key: [] for key in ("z", *OF_A_PLANE)}
    labels = None if voxel_size is None else nuclei(truth[middle], voxel_size[-1])
    for index, (exact, one) in enumerate(zip(truth, found, strict=True)):
        z = None if voxel_size is None else (index - middle) * voxel_size[0]
        absorbance, integrated = (None, None) if labels is None else errors(exact, one, labels)
        values = plane_scores(exact, one)
        result["z"].append(z)
        for key in KEYS:
            result[key].append(values[key])
        result["nuclear_absorbance"].append(absorbance)
        result["nuclear_iod"].append(integrated)
    return result, None if labels is None else int(labels.max())


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _json(value: float | None) -> Value:
    return value if value is None or math.isfinite(value) else str(value)
