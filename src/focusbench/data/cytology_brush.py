"""What all drawn bodies share: a place among the others, stains, textures, and soft edges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from focusbench.data.cytology_rendering import Slices
from focusbench.data.cytology_slides import Style
from focusbench.data.cytology_texture import Textures

LAYER = 0.9  # um: about the depth of focus


class Body(NamedTuple):
    """Something that lies on a slide; it is drawn from its own seed, whatever else is drawn."""

    kind: str
    y: float  # um from the field's first pixel
    x: float
    z: float  # um
    radius: float  # um
    seed: int


class Brush(NamedTuple):
    """Where bodies are drawn, and with what."""

    slices: Slices
    style: Style
    textures: Textures

    @property
    def pixel(self) -> float:
        """Its side, um."""
        return self.slices.pixel_size

    def places(self, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """Places (y, x) in um of a square patch that holds `reach` um around its middle."""
        half = math.ceil(reach / self.pixel)
        places = (np.arange(-half, half + 1) * self.pixel).astype(np.float32)
        return places[:, None], places[None, :]

    def lay(
        self,
        y: float,
        x: float,
        amounts: Mapping[str, np.ndarray],
        depth: np.ndarray | float,
        phase: np.ndarray | float = 0.0,
    ) -> None:
        """Lay stained matter: amounts (h, w) of the stains, phase (h, w) in rad, at y, x um."""
        first = next(iter(amounts.values()))
        patch = np.zeros((4, *first.shape), np.float32)
        for name, amount in amounts.items():
            for colour, strength in enumerate(self.style.stains[name]):
                patch[colour] += np.float32(strength) * amount
        patch[3] = phase * np.float32(self.style.refraction)
        self.slices.add(y / self.pixel, x / self.pixel, patch, depth)

    def lay_thick(
        self,
        y: float,
        x: float,
        amounts: Mapping[str, np.ndarray],
        depth: float,
        thickness: float,
        phase: np.ndarray | float = 0.0,
    ) -> None:
        """Lay matter that is spread evenly over a thickness, um."""
        count = layers(thickness)
        parts = {name: amount / np.float32(count) for name, amount in amounts.items()}
        for index in range(count):
            offset = thickness * ((index + 0.5) / count - 0.5)
            self.lay(y, x, parts, depth + offset, np.asarray(phase) / count)


def layers(thickness: float) -> int:
    """In how many thin sheets a body of a thickness (um) is drawn, however it is then sliced."""
    return max(1, round(thickness / LAYER))


def soft(inside: np.ndarray, width: float) -> np.ndarray:
    """Rise smoothly from 0 to 1 over `width` (um) around a distance of 0."""
    t = np.clip(inside * np.float32(1 / width) + np.float32(0.5), 0, 1)
    return t * t * (3 - 2 * t)
