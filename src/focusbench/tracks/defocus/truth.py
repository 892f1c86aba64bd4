"""Ground truth: a field in focus, in the counts of its camera."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench import data
from focusbench.images import Volume


def truth(sample: str, source: str, settings: Mapping[str, Any]) -> Volume:
    """Prepare the field of a sample.

    Parameters
    ----------
    sample, source
        Ids of the sample and of the data source that it comes from.
    settings
        `pixel_size`, um; what the source is to draw, under its id (`nuclei`);
        where its files lie, or the entry of a user's own image, under `data`.

    Returns
    -------
    Volume
        Whole counts, float32 (Y, X) from 0 to 65535, and the pixel size (y, x) in um.

    Raises
    ------
    InputError
        What the source refuses.
    """
    module = data.build(source)
    if hasattr(module, "truth"):
        return module.truth(settings["data"])
    told = {**(settings.get(source) or {}), **(settings.get("data") or {})}
    pixel = float(settings["pixel_size"])
    return Volume(np.asarray(module.field(sample, told), np.float32), "YX", (pixel, pixel))
