"""What a method is asked: an observation, the PSF and the noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench.images import Volume
from focusbench.optics.convolution import Convolution
from focusbench.problem import Noise, Problem
from focusbench.tracks.deconvolution import optics, recorded


def problem(
    observed: Volume,
    degradation: str,
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
) -> Problem:
    """State the problem behind an observation.

    The PSF is the nominal one of the track, also where another blurred the observation.

    Parameters
    ----------
    observed
        Intensity (Z, Y, X) with its voxel size.
    degradation
        Its id; `recorded` for a recording of a user's own.
    settings
        `optics`, `boundary`, `max_voxels` (optional); for a recording, what `recorded.kernel`
        reads, and `data` with the path of a `psf`, if there is one.
    about
        Record of the observation: its `noise`.
    """
    return Problem(
        track="deconvolution",
        observed=observed.array,
        axes=observed.axes,
        voxel_size=tuple(observed.voxel_size),
        forward=Convolution(
            nominal_kernel(observed, degradation, settings),
            observed.array.shape,
            settings["boundary"],
            max_voxels=settings.get("max_voxels"),
        ),
        noise=noise_of(about),
    )


def nominal_kernel(observed: Volume, degradation: str, settings: Mapping[str, Any]) -> np.ndarray:
    """PSF that methods are told: float64 of unit sum, (Z, Y, X)."""
    if degradation == "recorded":
        path = (settings.get("data") or {}).get("psf")
        shape = observed.array.shape
        return recorded.kernel(shape, observed.voxel_size, settings, settings["optics"], path)
    return optics.kernel(settings["optics"], observed.voxel_size)


def noise_of(about: Mapping[str, Any]) -> Noise | None:
    """Noise as the observation's record tells it; None where nothing is known of it."""
    told = about.get("noise")
    if told is None:
        return None
    photons = math.inf if told["photons"] is None else told["photons"]
    return Noise(told["gaussian_sigma"], photons=photons, power=told["power"])
