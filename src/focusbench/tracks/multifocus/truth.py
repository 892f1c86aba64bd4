"""Ground truth: a prepared density as transmittance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench import data
from focusbench.images import Volume

DENSEST = 0.7  # transmittance per um of the densest voxel: light must reach the sensor (4.1)


def truth(sample: str, source: str, settings: Mapping[str, Any]) -> Volume:
    """Prepare the true volume of a sample.

    Parameters
    ----------
    sample, source
        Ids of the sample and of the data source that it comes from.
    settings
        `size`, `slices`, `antialias`, `depth`, `geometry`, `data` (the source's own settings).

    Returns
    -------
    Volume
        Transmittance per um of path, float32 (Z, Y, X) in [0.7, 1]: empty space 1, the densest
        voxel of the whole source volume 0.7 (Azevedo et al. 2024, section 4.1).
    """
    return Volume(transmittance(sample, source, settings), "ZYX", voxel_size(settings))


def transmittance(
    sample: str, source: str, settings: Mapping[str, Any], refine: int = 1
) -> np.ndarray:
    """Sample a source on the track's grid, each voxel split into `refine`^3; see `truth`."""
    density = data.build(source).density(
        sample,
        settings["size"],
        settings["slices"],
        refine=refine,
        antialias=settings["antialias"],
        depth=settings["depth"],
        settings=settings["data"],
    )
    return (1 - (1 - DENSEST) * density).astype(np.float32)


def voxel_size(settings: Mapping[str, Any]) -> tuple[float, float, float]:
    """Voxel size (z, y, x), um."""
    geometry = settings["geometry"]
    return geometry["z_step"], geometry["pixel_size"], geometry["pixel_size"]
