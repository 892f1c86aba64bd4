"""Light of single nuclei and of what lies among them: outline, thickness, texture.

Lengths are in pixels. A patch is a square float64 array of odd side whose middle pixel is the place
of what it holds.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

WAVES = (2, 3, 4)  # of an outline around the nucleus, beside the ellipse's own
BLUNT = (2.0, 2.35)  # range of exponents of the outline: 2 is an ellipse, more has blunter ends
MOST_BENT = 0.45
DOME = 3.6  # thickness is sqrt(1 - rho^DOME): flat in the middle, round at the rim
GRAIN = 0.86  # px: chromatin is white noise through this Gaussian (the microscope's comes on top)
MARGIN = 3  # px around an outline


class Outline(NamedTuple):
    """A blunt ellipse, waved and bent."""

    major: float  # semi-axes, px
    minor: float
    angle: float  # of the major axis against x
    blunt: float
    waves: np.ndarray  # (3, 2): cosine and sine amplitudes of `WAVES`
    bend: float  # sideways shift at the tips, in minor semi-axes

    @property
    def half_side(self) -> int:
        """Of a patch that holds the outline, whatever its angle."""
        longest = self.major * 1.13 * (1 + float(np.abs(self.waves).sum()))
        return math.ceil(longest + abs(self.bend) * self.minor) + MARGIN


def outline(
    rng: np.random.Generator, area: float, ratio: float, angle: float, roughness: float
) -> Outline:
    """Draw an outline of about `area` px^2, its axes as `ratio`; `roughness`: size of the waves."""
    minor = math.sqrt(area / (math.pi * ratio))
    strength = roughness / np.array(WAVES, dtype=np.float64)[:, None] * 2
    waves = strength * rng.standard_normal((len(WAVES), 2))
    bend = float(np.clip(3 * roughness * rng.standard_normal(), -MOST_BENT, MOST_BENT))
    return Outline(minor * ratio, minor, angle, rng.uniform(*BLUNT), waves, bend)


def radius(shape: Outline) -> np.ndarray:
    """Distance from the centre over that of the outline (below 1 inside), as a patch."""
    places = np.arange(-shape.half_side, shape.half_side + 1, dtype=np.float64)
    y, x = places[:, None], places[None, :]
    cosine, sine = math.cos(shape.angle), math.sin(shape.angle)
    along = (cosine * x + sine * y) / shape.major
    across = (cosine * y - sine * x) / shape.minor
    across = across - shape.bend * (np.minimum(along**2, 1.5) - 0.25)
    turn = np.arctan2(across, along)
    edge = np.ones_like(turn)
    for wave, (even, odd) in zip(WAVES, shape.waves, strict=True):
        edge += even * np.cos(wave * turn) + odd * np.sin(wave * turn)
    power = np.abs(along) ** shape.blunt + np.abs(across) ** shape.blunt
    return power ** (1 / shape.blunt) / np.maximum(edge, 0.4)


def thickness(rho: np.ndarray, minor: float) -> np.ndarray:
    """Thickness over that of the middle, 0 to 1, its rim soft over one pixel."""
    inside = np.clip((1 - rho) * minor + 0.5, 0, 1)
    return inside * np.sqrt(np.clip(1 - np.minimum(rho, 1) ** DOME, 1 / (2 * minor), 1))


def grain(rng: np.random.Generator, side: int, contrast: float) -> np.ndarray:
    """Factor of mean 1 and standard deviation `contrast`: chromatin."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal((side, side)), GRAIN, mode="wrap")
    return np.maximum(1 + contrast * noise / noise.std(), 0.05)


def spots(rng: np.random.Generator, shape: Outline, count: int) -> np.ndarray:
    """Factor with nucleoli, which hold little DNA: round holes of 1.2 to 2.8 px; few are deep.

    A third are bright instead: clumps of chromatin.
    """
    places = np.arange(-shape.half_side, shape.half_side + 1, dtype=np.float64)
    cosine, sine = math.cos(shape.angle), math.sin(shape.angle)
    factor = np.ones((len(places), len(places)))
    for _ in range(count):
        turn, far = rng.uniform(0, 2 * math.pi), 0.7 * math.sqrt(rng.uniform())
        along, across = shape.major * far * math.cos(turn), shape.minor * far * math.sin(turn)
        y, x = sine * along + cosine * across, cosine * along - sine * across
        size, depth = rng.uniform(1.2, 2.8), -0.05 - 0.3 * rng.uniform() ** 2
        if rng.uniform() < 1 / 3:
            depth = 0.1
        distance = (places[:, None] - y) ** 2 + (places[None, :] - x) ** 2
        factor *= 1 + depth * np.exp(-distance / (2 * size**2))
    return factor


def wedge(shape: Outline, slope_y: float, slope_x: float) -> np.ndarray:
    """Factor that rises linearly, by the slopes from the middle over the mean semi-axis."""
    places = np.arange(-shape.half_side, shape.half_side + 1) / math.sqrt(shape.major * shape.minor)
    return np.maximum(1 + slope_y * places[:, None] + slope_x * places[None, :], 0.1)


def blob(along: float, across: float, angle: float) -> np.ndarray:
    """Gaussian of height 1 with these standard deviations, as a patch cut at three of them."""
    half = math.ceil(3 * max(along, across))
    places = np.arange(-half, half + 1, dtype=np.float64)
    y, x = places[:, None], places[None, :]
    cosine, sine = math.cos(angle), math.sin(angle)
    u, v = (cosine * x + sine * y) / along, (cosine * y - sine * x) / across
    return np.exp(-(u**2 + v**2) / 2)


def blurred(patch: np.ndarray, sigma: float) -> np.ndarray:
    """Patch out of focus: wider, with the same sum."""
    from scipy.ndimage import gaussian_filter

    wider = math.ceil(4 * sigma)
    return gaussian_filter(np.pad(patch, wider), sigma, mode="constant") if sigma else patch
