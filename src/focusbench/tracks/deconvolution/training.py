"""What the track's learners train on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.evaluation.psnr import psnr
from focusbench.images import Volume, read_volume
from focusbench.tracks.deconvolution.checks import SAME_VOXEL
from focusbench.tracks.deconvolution.metrics import RANGE
from focusbench.tracks.deconvolution.nominal import nominal_kernel
from focusbench.training.volumes import PairedVolumes, UnpairedVolumes

KINDS = {"pairs": PairedVolumes, "unpaired": UnpairedVolumes}

WATCHED = 128
"""Voxels along each axis, at most, of the middle of a validation volume that is watched."""

LEAST_BLOCK = 16
"""Voxels: below, crops hardly differ."""

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
        `degradation`, the id of the observations' degradation, and what `nominal.nominal_kernel`
        reads. Of `recorded` ones also `blocks`: every recording is cut into so many by so many
        blocks along y and x, which count as volumes of their own, so that even one recording can be
        learned from without pairs.
    parameters
        The method's own; not read.
    files
        `truths` and `observations`: paths of the volumes by sample. `validation_truths` and
        `validation_observations`: likewise, may be empty; the first is watched. Of recordings the
        estimates of another method stand for truths.

    Raises
    ------
    InputError
        An unknown id; no files; volumes that do not fit together; recordings whose voxels differ,
        or that are smaller than their blocks.
    """
    if trains_on not in KINDS:
        raise InputError(f"unknown training set {trains_on!r}; accepted: {', '.join(KINDS)}")
    if not files or not files.get("observations") or not files.get("truths"):
        raise InputError("training: no observations or no truths; volumes to learn from are needed")
    observations = {name: read_volume(path) for name, path in files["observations"].items()}
    truths = {name: read_volume(path) for name, path in files["truths"].items()}
    first = next(iter(observations.values()))
    # the PSF that every method is told, whatever blurred the observations
    degradation = settings["degradation"]
    blocks = 1
    if degradation == "recorded":
        blocks = settings["blocks"]
        _check_recordings(observations, blocks)
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
        _blocks(observations, blocks),
        _blocks(truths, blocks),
        seed,
        kernel=partial(nominal_kernel, first, degradation, settings),
        validation=validation if score is not None else None,
        score=score,
    )


def _blocks(volumes: Mapping[str, Volume], count: int) -> dict[str, np.ndarray]:
    """Cut volumes (Z, Y, X) into count x count blocks along y and x, named by their place."""
    if count == 1:
        return {name: volume.array for name, volume in volumes.items()}
    return {
        f"{name}/{i}{j}": block
        for name, volume in volumes.items()
        for i, row in enumerate(np.array_split(volume.array, count, axis=1))
        for j, block in enumerate(np.array_split(row, count, axis=2))
    }


def _check_recordings(recordings: Mapping[str, Volume], blocks: int) -> None:
    sizes = {name: tuple(volume.voxel_size) for name, volume in recordings.items()}
    first, size = next(iter(sizes.items()))
    for name, other in sizes.items():
        if not np.allclose(other, size, rtol=SAME_VOXEL, atol=0):
            raise InputError(
                f"training: {name} has voxels of {_um(other)}, {first} of {_um(size)}; recordings "
                "of one voxel size are accepted"
            )
        shape = recordings[name].array.shape
        if min(shape[1:]) // blocks < LEAST_BLOCK:
            raise InputError(
                f"training: {name} of {shape[1]} x {shape[2]} voxels (y, x) cut into {blocks} x "
                f"{blocks} blocks; blocks of at least {LEAST_BLOCK} voxels a side are accepted"
            )


def _um(size: tuple[float, ...]) -> str:
    return f"{' x '.join(f'{one:g}' for one in size)} um (z, y, x)"


def _middle(paths: Mapping[str, Any] | None) -> np.ndarray | None:
    """Middle part of the first volume, float32; None: there is none."""
    if not paths:
        return None
    array = np.asarray(read_volume(next(iter(paths.values()))).array, np.float32)
    starts = [max(0, (side - WATCHED) // 2) for side in array.shape]
    return array[tuple(slice(start, start + WATCHED) for start in starts)]
