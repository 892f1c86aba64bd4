"""What a configuration must fulfil beyond its schema, looked at before any work starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.data import fluorescence, microtubules
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
    for sample in section["samples"]:
        if sample in config["data"]["fluorescence"]:
            entry = config["data"]["fluorescence"][sample]
            fluorescence.check(entry, f"config: data.fluorescence.{sample}")
