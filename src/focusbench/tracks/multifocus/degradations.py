"""What the id of a degradation means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from focusbench.errors import InputError
from focusbench.problem import Noise

GREY_LEVEL = 1 / 255  # the authors' code stores observations as 8-bit images


@dataclass(frozen=True)
class Degradation:
    """How an observation departs from the imaging model's noise-free focal stack."""

    offmodel: bool = False  # rendered from voxels of half the size with another aperture grid
    sigma: float = 0.0  # standard deviation of additive Gaussian noise
    quantised: bool = True  # to 8 bits

    @property
    def noise(self) -> Noise:
        """What a method is told of the noise."""
        return Noise(self.sigma, GREY_LEVEL if self.quantised else 0.0)


def parse(degradation: str) -> Degradation:
    """Read an id: `clean`, `float`, `offmodel`, `sigma0.01`, `offmodel_sigma0.01`, ...

    Raises
    ------
    InputError
        The id is none of these.
    """
    pattern = r"(?:clean|(offmodel|float)|(?:(offmodel|float)_)?sigma(0\.[0-9]{1,4}))"
    match = re.fullmatch(pattern, degradation)
    if not match:
        raise InputError(
            f"unknown degradation {degradation!r}; accepted: clean, float, offmodel, sigma0.01, "
            "offmodel_sigma0.01, float_sigma0.01"
        )
    kind = match[1] or match[2]
    return Degradation(kind == "offmodel", float(match[3] or 0), quantised=kind != "float")


def noise_of(degradation: str, settings: Mapping[str, Any]) -> Noise | None:
    """Noise of an observation; None where nothing is known of it."""
    if degradation != "recorded":
        return parse(degradation).noise
    sigma = settings.get("noise_sigma")
    return None if sigma is None else Noise(gaussian_sigma=sigma)
