"""What the track's learners train on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.data.ellipsoids import EllipsoidPairs
from focusbench.errors import InputError
from focusbench.problem import TrainingSet


def training_set(
    trains_on: str, seed: int, settings: Mapping[str, Any], parameters: Mapping[str, Any]
) -> TrainingSet:
    """Build a training set by id.

    `ellipsoids` (the only one): pairs of noisy and clean volumes of `settings` size x size x
    slices, as many as the method's parameter `samples` says, else 1,000 (Azevedo et al. 2024). No
    test volume is among them; the phantom `ellipsoids`, though drawn apart, follows their recipe,
    and tables say so.
    """
    if trains_on != "ellipsoids":
        raise InputError(f"unknown training set {trains_on!r}; accepted: ellipsoids")
    return EllipsoidPairs(
        settings["size"], settings["slices"], parameters.get("samples", 1000), seed
    )
