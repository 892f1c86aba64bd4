"""What a configuration must fulfil beyond its schema, looked at before any work starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from focusbench import tracks
from focusbench.data import fluorescence, microtubules, registry
from focusbench.errors import InputError
from focusbench.optics import tiles


def check(config: Mapping[str, Any]) -> None:
    """Check the track's section and the recordings of a user's own that it names.

    Raises
    ------
    InputError
        A numerical aperture not below the index, a PSF larger than the volume, negative, all zero
        or not finite, voxel sizes that do not match.
    """
    section = config["tracks"]["deconvolution"]
    place = "config: tracks.deconvolution.optics"
    fluorescence.check_lens(section["optics"], f"{place}.numerical_aperture")
    fluorescence.check_size(section["optics"]["shape"], section["shape"], f"{place}.shape")
    sizes = {key: section[key] for key in ("shape", "voxel_size")}
    microtubules.check({**sizes, **section["microtubules"]})
    tiles.plan(
        section["shape"],
        section["optics"]["shape"],
        section["boundary"] == "circular",
        section["max_voxels"],
    )
    _check_training(section)
    for sample in section["samples"]:
        if sample in config["data"]["fluorescence"]:
            entry = config["data"]["fluorescence"][sample]
            fluorescence.check(entry, f"config: data.fluorescence.{sample}")


def _check_training(section: Mapping[str, Any]) -> None:
    """Training, validation and test are of different specimens."""
    place, training = "config: tracks.deconvolution.training", section["training"]
    known = registry.names("deconvolution")
    for role in ("samples", "validation"):
        for sample in training[role]:
            if sample not in known:
                raise InputError(
                    f"{place}.{role}: unknown sample {sample!r}; accepted: {', '.join(known)}"
                )
    for role, others in (("samples", "validation"), ("validation", "samples")):
        for sample in training[role]:
            if sample in training[others]:
                raise InputError(f"{place}.{role}: {sample} is in {others} too; accepted: in one")
            if sample in section["samples"]:
                raise InputError(
                    f"{place}.{role}: {sample} is restored too (tracks.deconvolution.samples); "
                    "what is tested must not be trained on"
                )
    degradation = training["degradation"]
    if not re.fullmatch(tracks.TABLE["deconvolution"].degradation, degradation):
        raise InputError(
            f"{place}.degradation: {degradation!r} is unknown; accepted: "
            f"{tracks.TABLE['deconvolution'].degradation_help}"
        )
