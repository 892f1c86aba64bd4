"""Ground truth: the object's fluorescence, in [0, 1]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench import data
from focusbench.images import Volume


def truth(sample: str, source: str, settings: Mapping[str, Any]) -> Volume:
    """Prepare the true volume of a sample.

    Parameters
    ----------
    sample, source
        Ids of the sample and of the data source that it comes from.
    settings
        `shape`, `voxel_size` and the source's own section; of a user's own recording, its entry
        under `data`.

    Returns
    -------
    Volume
        Intensity over its maximum, float32 (Z, Y, X) in [0, 1], with the voxel size in um.
    """
    module = data.build(source)
    if hasattr(module, "truth"):
        return module.truth(settings["data"])
    section = {
        "shape": settings["shape"],
        "voxel_size": settings["voxel_size"],
        **settings.get(source, {}),
    }
    return Volume(module.volume(sample, section), "ZYX", tuple(settings["voxel_size"]))
