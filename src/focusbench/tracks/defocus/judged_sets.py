"""The images that a trained predictor is judged on, in sets.

`held_out`: fields that nothing was learned from, blurred by the model to all levels;
`held_out_poisson`: the same patches with shot noise, 1 count a photon.
`real`, `real_poisson`: likewise of further fields, such as real ones where synthetic ones were
learned from.
`image`: in place of `held_out` for a predictor that learned from a split by image, the images that
were left out; their fields were learned from at other levels (the paper's split, which leaks).
`stack`: planes of real stacks. A plane's level is its distance from the plane in focus in steps of
the levels; what lies beyond the last level counts as the last. No model blurred them.

A predictor that learned from a split by image saw the test fields too: of `real` and `stack` it is
not judged on those. One that learned from a split by field must not know any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from focusbench.data import bbbc006
from focusbench.errors import InputError
from focusbench.images import read_volume
from focusbench.tracks.defocus.level_series import level_kernels, level_series
from focusbench.training import splits
from focusbench.training.splits import Image

SETS = ("held_out", "held_out_poisson", "image", "real", "real_poisson", "stack")
POISSON = "_poisson"


@dataclass(frozen=True)
class JudgedSet:
    """Images that patches are cut out of.

    Attributes
    ----------
    name
        One of `SETS`.
    fields
        Name -> (levels, Y, X), uint16, counts.
    images
        Fields and levels that are judged.
    samples
        Name of a field -> sample.
    planes
        Name of a field -> index of a real stack's plane; without those that a model blurred.
    poisson
        Whether patches get shot noise.
    """

    name: str
    fields: Mapping[str, np.ndarray]
    images: tuple[Image, ...]
    samples: Mapping[str, str]
    planes: Mapping[str, int] = field(default_factory=dict)
    poisson: bool = False


def judged_sets(
    parameters: Mapping[str, Any],
    training: Mapping[str, Any],
    files: Mapping[str, Mapping[str, str | Path]],
    settings: Mapping[str, Any],
) -> Iterator[JudgedSet]:
    """Make the sets, one after the other.

    Parameters
    ----------
    parameters
        Of the predictor; `split` is read.
    training
        What its weights tell of its training: `fields` that were learned from, and `seed`.
    files, settings
        As of `accuracy.judge`.

    Raises
    ------
    InputError
        A field that was learned from by field is held out, judged, or that of a stack.
    """
    by_image = parameters.get("split") == "image"
    learned = set(training.get("fields") or ())
    kernels = level_kernels(settings["optics"])
    levels = range(len(kernels))
    if by_image:
        roles = ("truths", "validation_truths", "test_truths")
        pool = {sample: path for role in roles for sample, path in files.get(role, {}).items()}
        learned |= pool.keys()  # those left out for the test alone are few, and others each seed
        if pool:
            images = splits.split(list(pool), levels, training["seed"], by="image").test
            used = {image.field for image in images}
            fields = _blurred({name: pool[name] for name in pool if name in used}, kernels)
            yield JudgedSet("image", fields, images, {name: name for name in fields})
    for role, name in (("held_out", "held_out"), ("judged", "real")):
        paths = {} if by_image and role == "held_out" else files.get(role) or {}
        paths = _unknown(paths, learned, by_image)
        if not paths:
            continue
        fields = _blurred(paths, kernels)
        images = tuple(Image(sample, level) for sample in fields for level in levels)
        samples = {sample: sample for sample in fields}
        yield JudgedSet(name, fields, images, samples)
        yield JudgedSet(name + POISSON, fields, images, samples, poisson=True)
    stacks = _unknown(settings.get("stacks") or {}, learned, by_image)
    if stacks:
        yield _stacks(stacks, len(kernels), settings["optics"]["step"])


def _unknown(found: Mapping[str, Any], learned: set[str], by_image: bool) -> dict[str, Any]:
    """Leave out the fields that a split by image has shown; refuse them after one by field."""
    known = sorted(learned & found.keys())
    if known and not by_image:
        raise InputError(
            f"accuracy: {known[0]} was learned from; fields that were not are accepted to judge on"
        )
    return {sample: where for sample, where in found.items() if sample not in learned}


def _blurred(paths: Mapping[str, str | Path], kernels: np.ndarray) -> dict[str, np.ndarray]:
    return {
        sample: level_series(read_volume(path, "YX").array, kernels)
        for sample, path in paths.items()
    }


def _stacks(stacks: Mapping[str, Mapping[str, Any]], n_levels: int, step: float) -> JudgedSet:
    fields, images, samples, planes = {}, [], {}, {}
    for sample, where in stacks.items():
        stack = bbbc006.stack(sample, where)
        levels = np.minimum(np.rint(stack.distance / step), n_levels - 1).astype(int)
        for array, plane, level in zip(stack.array, stack.planes, levels, strict=True):
            name = f"{sample}/z{plane:02d}"
            # as if it were the same at every level: nothing is copied, one of them is judged
            fields[name] = np.broadcast_to(array, (n_levels, *array.shape))
            images.append(Image(name, int(level)))
            samples[name], planes[name] = sample, int(plane)
    return JudgedSet("stack", fields, tuple(images), samples, planes)
