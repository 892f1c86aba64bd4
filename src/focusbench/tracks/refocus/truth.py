"""Ground truth: a field recorded plane by plane through focus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench import data
from focusbench.images import Volume

BBBC006 = "bbbc006"


def truth(sample: str, source: str, settings: Mapping[str, Any]) -> Volume:
    """Prepare the focal stack of a sample.

    Parameters
    ----------
    sample, source
        Ids of the sample and of the data source that it comes from.
    settings
        `cytology`, of which BBBC006 takes the number of `planes`; where files lie, or the entry of
        a user's own stack, under `data`.

    Returns
    -------
    Volume
        uint8 (planes, Y, X, 3), red, green, blue, from the lowest focus to the highest; voxel size
        (z, y, x) in um.

    Raises
    ------
    InputError
        What the source refuses.
    """
    if source == BBBC006:
        from focusbench.data import bbbc006_planes

        wanted = {"planes": settings["cytology"]["planes"]}
        stack = bbbc006_planes.planes(sample, settings["data"], wanted)
        pixel, step = bbbc006_planes.PIXEL_SIZE, bbbc006_planes.Z_STEP
        return Volume(stack, "ZYXC", (step, pixel, pixel))
    module = data.build(source)
    if hasattr(module, "read"):
        entry = settings["data"]
        stack, told = module.read(entry), entry
    else:
        told = {**module.RECIPE, **settings[source]}
        stack = module.stack(sample, settings[source])
    pixel, step = float(told["pixel_size"]), float(told["z_step"])
    return Volume(stack, "ZYXC", (step, pixel, pixel))
