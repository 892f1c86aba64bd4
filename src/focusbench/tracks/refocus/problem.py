"""What methods are told: the image, and the grid of the stack that is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.images import Volume
from focusbench.problem import Noise, Problem


def problem(
    observed: Volume, degradation: str, settings: Mapping[str, Any], about: Mapping[str, Any]
) -> Problem:
    """State the problem of an observation.

    Parameters
    ----------
    observed
        The image, uint8 (1, y, x, 3).
    degradation, settings
        Not looked at: a method is not told how the image was made.
    about
        Record of the observation: `planes` and `scale` of the stack that is wanted.

    Returns
    -------
    Problem
        Its `estimates` are the shape of the whole stack, and that of the image's own plane alone.
    """
    _, y, x, colours = observed.array.shape
    scale = about["scale"]
    plane = (scale * y, scale * x, colours)
    voxel = observed.voxel_size
    finer = None if voxel is None else (voxel[0], *(size / scale for size in voxel[1:]))
    return Problem(
        "refocus",
        observed.array,
        "ZYXC",
        voxel,
        noise=Noise(quantisation_step=1.0),
        estimates=((about["planes"], *plane), (1, *plane)),
        estimate_voxel_size=finer,
    )
