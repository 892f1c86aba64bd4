"""What methods and scores are told of an observation: the lens and the noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from focusbench.images import Volume
from focusbench.problem import Noise
from focusbench.tracks.defocus.degradations import RECORDED, parse
from focusbench.tracks.defocus.level_optics import LevelOptics

OWN = ("numerical_aperture", "refractive_index", "wavelength")
"""What a user may tell of the lens of an image of their own, beside its pixel size."""


def nominal_optics(observed: Volume, degradation: str, settings: Mapping[str, Any]) -> LevelOptics:
    """The lens that methods are told.

    Parameters
    ----------
    observed
        A recording's pixels are as large as it says; those of other observations are nominal.
    settings
        `optics`; of a recording, what differs of it (`OWN`).
    """
    if parse(degradation).kind != RECORDED:
        return LevelOptics(settings["optics"])
    own = {key: settings[key] for key in OWN if settings.get(key) is not None}
    pixel = float(observed.voxel_size[-1])
    return LevelOptics({**settings["optics"], **own, "pixel_size": pixel}, grows=True)


def noise_of(about: Mapping[str, Any]) -> Noise | None:
    """Noise as the observation's record tells it; None where nothing is known of it."""
    told = about.get("noise")
    if told is None:
        return None
    photons = math.inf if told["photons"] is None else told["photons"]
    return Noise(**{**told, "photons": photons})
