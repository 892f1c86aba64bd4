"""What methods and scores are told of an observation: the PSF and the noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench.images import Volume
from focusbench.problem import Noise
from focusbench.tracks.deconvolution import optics, recorded


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
