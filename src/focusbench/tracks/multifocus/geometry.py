"""Ray geometry of a volume or focal stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.images import Volume
from focusbench.optics.ray_paths import Geometry


def ray_geometry(volume: Volume, settings: Mapping[str, Any], half: str | None = None) -> Geometry:
    """Geometry that methods and scores assume, also where an observation departs from it.

    Slices and steps (um) come from the volume, `numerical_aperture` and `aperture_grid` from
    `settings`; `half` ("odd" or "even") leaves half of the rays.
    """
    z_step, _, pixel_size = volume.voxel_size
    return Geometry(
        numerical_aperture=settings["numerical_aperture"],
        n_slices=volume.array.shape[0],
        z_step=z_step,
        pixel_size=pixel_size,
        aperture_grid=settings["aperture_grid"],
        half=half,
    )
