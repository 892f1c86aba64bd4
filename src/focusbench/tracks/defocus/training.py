"""What the track's predictors of defocus levels learn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from focusbench.errors import InputError
from focusbench.images import read_volume
from focusbench.tracks.defocus.level_series import level_kernels, level_series
from focusbench.training import splits
from focusbench.training.patches import LevelFields
from focusbench.training.splits import Image, Split

TRAINS_ON = "levels"

Files = Mapping[str, Mapping[str, str | Path]]


def training_set(
    trains_on: str,
    seed: int,
    settings: Mapping[str, Any],
    parameters: Mapping[str, Any],
    files: Files | None = None,
) -> LevelFields:
    """Blur fields to all levels (He et al. 2020, 2.1).

    All that is made is held in memory, 2 bytes a pixel and level: 8 MB for a field of 520 x 696
    pixels at 11 levels, which takes 0.07 s of one core; the paper's 381 fields are 3.0 GB in 27 s.

    Parameters
    ----------
    trains_on
        `levels`.
    seed
        Of the patches' places and order, and of a split by image.
    settings
        `optics`, the track's section of that name.
    parameters
        Of the predictor. `split` is read: "field" (if absent), all levels of the fields of
        `truths` are learned from and those of `validation_truths` watched; or "image", the paper's:
        images of all fields, those of `test_truths` too, are shared out alike (`training.splits`).
    files
        Role (as above) -> sample -> path of a field in focus, (Y, X) in counts.

    Returns
    -------
    LevelFields
        Split by field it has no test images: those are of other fields.

    Raises
    ------
    InputError
        An unknown id or split; no fields; a field that is both learned from and watched.
    """
    if trains_on != TRAINS_ON:
        raise InputError(f"unknown training set {trains_on!r}; accepted: {TRAINS_ON}")
    by = parameters.get("split", "field")
    splits.check_kind(by)
    roles = {role: dict(paths) for role, paths in (files or {}).items()}
    learned, watched = roles.get("truths", {}), roles.get("validation_truths", {})
    if not learned:
        raise InputError("training: no fields; at least one to learn from is needed")
    both = sorted(learned.keys() & watched.keys())
    if both:
        raise InputError(
            f"training: {both[0]} is learned from and watched; one of them is accepted"
        )
    levels = range(settings["optics"]["levels"])
    if by == "image":
        used = {**learned, **watched, **roles.get("test_truths", {})}
        split = splits.split(list(used), levels, seed, by="image")
    else:
        used = {**learned, **watched}
        split = Split(_images(learned, levels), _images(watched, levels), ())
    kernels = level_kernels(settings["optics"])
    fields = {
        sample: level_series(read_volume(path, "YX").array, kernels)
        for sample, path in used.items()
    }
    return LevelFields(fields, split, seed, settings["optics"])


def _images(samples: Iterable[str], levels: Iterable[int]) -> tuple[Image, ...]:
    levels = list(levels)
    return tuple(Image(sample, level) for sample in samples for level in levels)
