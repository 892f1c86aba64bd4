"""What the track's learners train on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.evaluation.psnr import psnr
from focusbench.images import read_volume
from focusbench.tracks.deconvolution.metrics import RANGE
from focusbench.tracks.deconvolution.nominal import nominal_kernel
from focusbench.training.volumes import PairedVolumes, UnpairedVolumes

KINDS = {"pairs": PairedVolumes, "unpaired": UnpairedVolumes}

WATCHED = 128
"""Voxels along each axis, at most, of the middle of a validation volume that is watched."""

Files = Mapping[str, Mapping[str, Any]]


def training_set(
    trains_on: str,
    seed: int,
    settings: Mapping[str, Any],
    parameters: Mapping[str, Any],
    files: Files | None = None,
) -> PairedVolumes | UnpairedVolumes:
    """Read a training set.

    Parameters
    ----------
    trains_on
        `pairs`: crops of observations beside the same crops of their truths (the supervised
        methods). `unpaired`: crops of either, and no way to ask for a pair.
    seed
        Of the crops.
    settings
        `training.degradation`, the id of the observations' degradation, and what
        `nominal.nominal_kernel` reads.
    parameters
        The method's own; not read.
    files
        `truths` and `observations`: paths of the volumes by sample. `validation_truths` and
        `validation_observations`: likewise, may be empty; the first is watched.

    Raises
    ------
    InputError
        An unknown id; no files; volumes that do not fit together.
    """
    if trains_on not in KINDS:
        raise InputError(f"unknown training set {trains_on!r}; accepted: {', '.join(KINDS)}")
    if not files or not files.get("observations") or not files.get("truths"):
        raise InputError("training: no observations or no truths; volumes to learn from are needed")
    observations = {name: read_volume(path) for name, path in files["observations"].items()}
    truths = {name: read_volume(path) for name, path in files["truths"].items()}
    first = next(iter(observations.values()))
    # the PSF that every method is told, whatever blurred the observations
    degradation = settings["training"]["degradation"]
    validation = _middle(files.get("validation_observations"))
    reference = _middle(files.get("validation_truths"))
    score = None
    if validation is not None and reference is not None:
        if validation.shape != reference.shape:
            raise InputError(
                f"training: the validation observation has shape {validation.shape}, its truth "
                f"{reference.shape} (middles of at most {WATCHED} voxels); equal ones are accepted"
            )
        score = partial(psnr, reference, data_range=RANGE)
    return KINDS[trains_on](
        {name: volume.array for name, volume in observations.items()},
        {name: volume.array for name, volume in truths.items()},
        seed,
        kernel=partial(nominal_kernel, first, degradation, settings),
        validation=validation if score is not None else None,
        score=score,
    )


def _middle(paths: Mapping[str, Any] | None) -> np.ndarray | None:
    """Middle part of the first volume, float32; None: there is none."""
    if not paths:
        return None
    array = np.asarray(read_volume(next(iter(paths.values()))).array, np.float32)
    starts = [max(0, (side - WATCHED) // 2) for side in array.shape]
    return array[tuple(slice(start, start + WATCHED) for start in starts)]
