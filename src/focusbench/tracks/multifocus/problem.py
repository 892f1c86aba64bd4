"""What a method is asked: an observation, the imaging model and the noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focusbench.images import Volume
from focusbench.optics.rays import RayForward
from focusbench.problem import Problem
from focusbench.tracks.multifocus.degradations import noise_of, parse, withheld
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
        Its id; `recorded` for a stack of one's own. Of one with a part (`recorded_heldout`, ...)
        the model repeats the planes that are withheld as the observation has them, or has half of
        the rays.
    settings
        `numerical_aperture`, `aperture_grid`; `noise_sigma`, if known, for a recorded stack.
    about
        Record of the observation; the id alone tells all of it in this track.
    """
    wanted = parse(degradation)
    kept = tuple(withheld(wanted.part, len(observed.array)))
    geometry = ray_geometry(observed, settings, wanted.half)
    return Problem(
        track="multifocus",
        observed=observed.array,
        axes=observed.axes,
        voxel_size=tuple(observed.voxel_size),
        forward=RayForward(geometry, kept, observed.array if kept else None),
        noise=noise_of(degradation, settings),
    )
