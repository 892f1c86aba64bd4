"""What a method is asked: an observation, the imaging model and the noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.images import Volume
from focusbench.optics.rays import RayForward
from focusbench.problem import Problem
from focusbench.tracks.multifocus.degradations import noise_of
from focusbench.tracks.multifocus.geometry import ray_geometry


def problem(
    observed: Volume,
    degradation: str,
    settings: Mapping[str, Any],
    about: Mapping[str, Any] | None = None,
) -> Problem:
    """State the problem behind an observation.

    Parameters
    ----------
    observed
        Intensity over that of empty field, (focus, Y, X) in [0, 1], with its voxel size.
    degradation
        Its id; `recorded` for a stack of one's own.
    settings
        `numerical_aperture`, `aperture_grid`; `noise_sigma`, if known, for a recorded stack.
    about
        Record of the observation; the id alone tells all of it in this track.
    """
    return Problem(
        track="multifocus",
        observed=observed.array,
        axes=observed.axes,
        voxel_size=tuple(observed.voxel_size),
        forward=RayForward(ray_geometry(observed, settings)),
        noise=noise_of(degradation, settings),
    )
