"""What the track's learners train on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from focusbench.data import cytology_names
from focusbench.errors import InputError
from focusbench.images import read_volume
from focusbench.tracks.refocus.watched import watched
from focusbench.training.focal_fields import FocalFields

SCALES = {"lowres": 2, "highres": 1}

SAME_VOXEL = 1e-3
"""Relative difference of voxels that is put down to rounding."""

Files = Mapping[str, Mapping[str, str | Path]]


def training_set(
    trains_on: str,
    seed: int,
    settings: Mapping[str, Any],
    parameters: Mapping[str, Any],
    files: Files | None = None,
) -> FocalFields:
    """Read the stacks of a training set, and make the inputs.

    All is held in memory: 19 MB for 11 planes of 768 x 768 pixels. The crops of the paper, 15,000
    of that size, are cut when they are asked for.

    Parameters
    ----------
    trains_on
        `lowres`: inputs are the middle planes at half the size, blurred; `highres`: the middle
        planes.
    seed
        Not read: crops follow from the run's.
    settings
        `slides`: sample -> slide, of one's own fields; those of `cytology` tell theirs, and others
        are slides of their own.
    parameters
        Of the method; not read.
    files
        `truths` and `validation_truths`: paths of the stacks by sample. The middle of the first of
        the latter, if there is one, is watched.

    Raises
    ------
    InputError
        An unknown id; no fields; stacks of unequal planes or voxels, or that `FocalFields` refuses;
        a slide that is learned from and watched.
    """
    if trains_on not in SCALES:
        raise InputError(f"unknown training set {trains_on!r}; accepted: {', '.join(SCALES)}")
    roles = {role: dict(paths) for role, paths in (files or {}).items()}
    learned, chosen_on = roles.get("truths", {}), roles.get("validation_truths", {})
    if not learned:
        raise InputError("training: no fields; at least one to learn from is needed")
    slides = {sample: _slide(sample, settings) for sample in (*learned, *chosen_on)}
    both = {slides[one] for one in learned} & {slides[one] for one in chosen_on}
    if both:
        raise InputError(
            f"training: slide {sorted(both)[0]} is learned from and watched; one of them is "
            "accepted"
        )
    used = {**learned, **dict(list(chosen_on.items())[:1])}
    volumes = {sample: read_volume(path, "ZYXC") for sample, path in used.items()}
    first, size = next((sample, volume.voxel_size) for sample, volume in volumes.items())
    for sample, volume in volumes.items():
        if not _alike(volume.voxel_size, size):
            raise InputError(
                f"training: {sample} has voxels of {_um(volume.voxel_size)}, {first} of "
                f"{_um(size)}; stacks of one voxel size are accepted"
            )
    return FocalFields(
        {sample: volumes[sample].array for sample in learned},
        scale=SCALES[trains_on],
        slides=slides,
        validation=watched(volumes[next(iter(chosen_on))].array) if chosen_on else None,
        z_step=None if size is None else size[0],
        pixel_size=None if size is None else size[2],
    )


def _slide(sample: str, settings: Mapping[str, Any]) -> str:
    known = (settings.get("slides") or {}).get(sample)
    if known is not None:
        return str(known)
    try:
        return f"cytology_s{cytology_names.parse(sample)[0]}"
    except InputError:
        return sample


def _alike(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.allclose(one, other, rtol=SAME_VOXEL, atol=0)


def _um(size: tuple[float, ...] | None) -> str:
    if size is None:
        return "unknown size"
    return f"{' x '.join(f'{length:g}' for length in size)} um (z, y, x)"
