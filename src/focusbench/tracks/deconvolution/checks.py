"""What a configuration must fulfil beyond its schema, looked at before any work starts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from focusbench import methods, tracks
from focusbench.data import fluorescence, microtubules, registry
from focusbench.errors import InputError
from focusbench.optics import tiles

SAME_VOXEL = 0.01
"""Relative difference of voxel sizes that makes no other recording."""


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
    recordings = section["training"]["recordings"]
    _check_recordings(recordings, config)
    grids = [section, *(section.get("studies") or {}).values()]
    used = [sample for grid in grids for sample in grid.get("samples", [])]
    for sample in dict.fromkeys([*used, *recordings["samples"]]):
        if sample in config["data"]["fluorescence"]:
            entry = config["data"]["fluorescence"][sample]
            fluorescence.check(entry, f"config: data.fluorescence.{sample}")
    _check_voxels(recordings["samples"], used, config["data"]["fluorescence"])


def _tested(section: Mapping[str, Any]) -> dict[str, Any]:
    """Samples that are restored, by the key that names them."""
    place = "tracks.deconvolution"
    studies = section.get("studies") or {}
    return {f"{place}.samples": section["samples"]} | {
        f"{place}.studies.{name}.samples": grid["samples"]
        for name, grid in studies.items()
        if "samples" in grid
    }


def _check_recordings(recordings: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """A training on recordings names recordings, and a method that need not be trained itself."""
    place = "config: tracks.deconvolution.training.recordings"
    known = config["data"]["fluorescence"]
    for sample in recordings["samples"]:
        if sample not in known:
            raise InputError(
                f"{place}.samples: {sample!r} is no recording; accepted: ids of data.fluorescence "
                f"({', '.join(known) or 'which has none'})"
            )
    method, entries = recordings["references"], methods.TABLE
    sharpeners = [
        name
        for name, entry in entries.items()
        if entry.track == "deconvolution" and not entry.trivial and entry.trains_on is None
    ]
    if method not in sharpeners:
        raise InputError(
            f"{place}.references: {method!r} is not accepted; accepted: {', '.join(sharpeners)}"
        )


def _check_voxels(
    learned: Sequence[str], restored: Sequence[str], entries: Mapping[str, Any]
) -> None:
    """A network that learned from voxels of one size has nothing to say of another."""
    if not learned:
        return
    size = fluorescence.read(entries[learned[0]]).voxel_size
    for sample in dict.fromkeys([*learned, *restored]):
        other = fluorescence.read(entries[sample]).voxel_size if sample in entries else size
        if not np.allclose(other, size, rtol=SAME_VOXEL, atol=0):
            told, mine = (" x ".join(f"{one:g}" for one in of) for of in (size, other))
            raise InputError(
                f"config: tracks.deconvolution.training.recordings.samples: {learned[0]} has "
                f"voxels of {told} um (z, y, x), {sample} of {mine}; recordings of one voxel size "
                "are accepted, where methods are trained on recordings"
            )


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
            for where, tested in _tested(section).items():
                if sample in tested:
                    raise InputError(
                        f"{place}.{role}: {sample} is restored too ({where}); what is tested must "
                        "not be trained on"
                    )
    degradation = training["degradation"]
    if not re.fullmatch(tracks.TABLE["deconvolution"].degradation, degradation):
        raise InputError(
            f"{place}.degradation: {degradation!r} is unknown; accepted: "
            f"{tracks.TABLE['deconvolution'].degradation_help}"
        )
