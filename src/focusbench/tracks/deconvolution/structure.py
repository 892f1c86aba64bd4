"""Metrics of structure: how fine is what agrees with the truth, and are filaments found?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from focusbench.data import microtubules
from focusbench.errors import InputError
from focusbench.evaluation.filaments import filament_score
from focusbench.evaluation.fourier_shell import (
    LEAST,
    ShellCorrelation,
    fourier_shell_correlation,
    resolution,
)
from focusbench.tracks.deconvolution.metrics import FSC_THRESHOLD

GENERATED = "microtubules"  # the source that knows its centre lines


def centre_lines(
    settings: Mapping[str, Any], shape: Sequence[int]
) -> tuple[np.ndarray, ...] | None:
    """Return the true centre lines of a sample, where its source knows them.

    Parameters
    ----------
    settings
        `source` and `sample`, ids of the data source and of the sample in it; of the source
        "microtubules" `shape`, `voxel_size` and `microtubules`, as for `truth.truth`.
    shape
        Of the volume that is scored, (Z, Y, X).

    Returns
    -------
    tuple of numpy.ndarray or None
        See `microtubules.centre_lines`; None for another source, or where the keys are missing.

    Raises
    ------
    InputError
        The sample was drawn in another shape than that of the volume.
    """
    wanted = ("sample", "shape", "voxel_size", GENERATED)
    if settings.get("source") != GENERATED or any(key not in settings for key in wanted):
        return None
    if tuple(settings["shape"]) != tuple(shape):
        raise InputError(
            f"sample {settings['sample']} of shape {tuple(settings['shape'])} for a volume of "
            f"shape {tuple(shape)}; equal shapes (Z, Y, X) are accepted"
        )
    section = {key: settings[key] for key in ("shape", "voxel_size")} | settings[GENERATED]
    return tuple(microtubules.centre_lines(settings["sample"], section))


def shared_periods(
    truth: np.ndarray, estimate: np.ndarray, voxel_size: tuple[float, float, float]
) -> dict[str, float | str | None]:
    """Return `fsc_lateral` and `fsc_axial`; see `period` and `metrics.METRICS`.

    Parameters
    ----------
    truth, estimate
        (Z, Y, X), of the same shape.
    voxel_size
        (z, y, x), um.
    """
    result: dict[str, float | str | None] = dict.fromkeys(("fsc_lateral", "fsc_axial"))
    if truth.min() < truth.max():  # with a truth that shows nothing, nothing can agree
        for direction in ("lateral", "axial"):
            shells = fourier_shell_correlation(truth, estimate, voxel_size, direction=direction)
            result[f"fsc_{direction}"] = period(shells)
    return result


def period(shells: ShellCorrelation) -> float | str | None:
    """Return the finest period (um) that is shared, as JSON.

    Returns
    -------
    float, str or None
        The period at which the correlation first falls below a half; where it never does, that of
        the last shell that counts, and the truth is met at least to there. "inf" where already the
        first shell lies below: nothing is shared. None where no shell counts.
    """
    value = resolution(shells, FSC_THRESHOLD)
    if value is None:
        return 1 / float(shells.frequency[shells.coefficients >= LEAST][-1])
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else "inf"


def filaments(
    estimate: np.ndarray, lines: Sequence[np.ndarray], voxel_size: tuple[float, float, float]
) -> dict[str, float | None]:
    """Return `filament_f1`, `filament_precision` and `filament_recall`; see `filament_score`."""
    score = filament_score(estimate, lines, voxel_size)
    return {f"filament_{key}": getattr(score, key) for key in ("f1", "precision", "recall")}
