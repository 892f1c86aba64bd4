"""Nuclei of cells on a cytology slide: outline, membrane, chromatin, nucleoli."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from focusbench.data import nuclear_shapes
from focusbench.data.cytology_brush import Brush, layers

MEMBRANE = 0.30  # um
DARK = 2.3  # amount of haematoxylin beyond which no nucleus is stained


class Look(NamedTuple):
    """Of what a kind of nucleus looks like, least and most."""

    radius: tuple[float, float]  # um
    ratio: tuple[float, float]  # of the axes
    amount: tuple[float, float]  # of haematoxylin
    texture: float  # standard deviation of the chromatin over its mean
    membrane: float  # amount over that of the middle
    roughness: float  # of the outline
    thickness: float  # um


LOOKS = {
    # 35 um^2 in intermediate cells, shrunk and dark in superficial ones, 50 um^2 in parabasal ones
    "intermediate": Look((3.1, 3.8), (1.05, 1.4), (0.48, 0.80), 0.20, 0.38, 0.025, 1.8),
    "pyknotic": Look((1.9, 2.6), (1.0, 1.35), (1.25, 2.0), 0.08, 0.05, 0.045, 1.8),
    "parabasal": Look((3.4, 4.2), (1.05, 1.35), (0.62, 0.95), 0.22, 0.32, 0.03, 2.7),
    "glandular": Look((3.0, 3.8), (1.05, 1.5), (0.60, 0.95), 0.26, 0.35, 0.03, 2.7),
    "koilocytic": Look((4.2, 5.6), (1.05, 1.6), (0.80, 1.35), 0.20, 0.15, 0.08, 2.7),
    "dysplastic": Look((4.0, 5.6), (1.05, 1.7), (0.95, 1.6), 0.30, 0.30, 0.085, 3.6),
}


def draw(
    rng: np.random.Generator, brush: Brush, kind: str, y: float, x: float, z: float, scale: float
) -> float:
    """Draw a nucleus of a kind of `LOOKS` at y, x, z (um), `scale` times as large; its radius."""
    look = LOOKS[kind]
    radius = rng.uniform(*look.radius) * scale
    ratio = rng.uniform(*look.ratio)
    amount = rng.uniform(*look.amount) * brush.style.nuclei
    lay(rng, brush, y, x, z, radius, ratio, amount, look)
    return radius


def lay(
    rng: np.random.Generator,
    brush: Brush,
    y: float,
    x: float,
    z: float,
    radius: float,
    ratio: float,
    amount: float,
    look: Look,
) -> None:
    """Draw a nucleus of a radius (um), a ratio of its axes and an amount of haematoxylin."""
    px = 1 / brush.pixel
    area = math.pi * (radius * px) ** 2
    shape = nuclear_shapes.outline(rng, area, ratio, rng.uniform(0, math.pi), look.roughness)
    rho = nuclear_shapes.radius(shape).astype(np.float32)
    minor = shape.minor * brush.pixel
    jag = brush.textures.piece(rng, "jag", rho.shape)
    inward = (1 - rho) * minor + 0.05 * jag  # um from the outline
    body = nuclear_shapes.thickness(np.maximum(1 - inward / minor, 0), shape.minor)
    membrane = np.exp(-(((inward - MEMBRANE / 2) / MEMBRANE) ** 2))
    uneven = brush.textures.piece(rng, "warp", rho.shape)
    holes = _nucleoli(rng, brush, shape, look)
    count = layers(look.thickness)
    shared = brush.textures.piece(rng, "chromatin", rho.shape)
    for index in range(count):
        own = brush.textures.piece(rng, "chromatin", rho.shape)
        grain = 1 + look.texture * (0.75 * shared + 0.9 * own + 0.35 * uneven)
        matter = body * np.maximum(grain, 0.15) * holes
        matter += look.membrane * membrane * np.maximum(1 + 0.35 * uneven + 0.3 * own, 0)
        haematoxylin = np.minimum(amount * matter, DARK).astype(np.float32) / count
        offset = look.thickness * ((index + 0.5) / count - 0.5)
        phase = (0.10 * body + 0.06 * membrane) / count
        brush.lay(y, x, {"haematoxylin": haematoxylin}, z + offset, phase)


def _nucleoli(
    rng: np.random.Generator, brush: Brush, shape: nuclear_shapes.Outline, look: Look
) -> np.ndarray:
    """Factor on the chromatin: paler holes around a dot; few nuclei have one that shows."""
    factor = np.ones((2 * shape.half_side + 1,) * 2, np.float32)
    if look.texture < 0.15:
        return factor
    places = np.arange(-shape.half_side, shape.half_side + 1, dtype=np.float32) * brush.pixel
    for _ in range(rng.poisson(1.2)):
        turn, far = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.55) * shape.minor * brush.pixel
        distance = np.hypot(
            places[:, None] - far * math.sin(turn), places[None, :] - far * math.cos(turn)
        )
        size = rng.uniform(0.35, 0.8)
        factor *= 1 - rng.uniform(0.1, 0.4) * np.exp(-((distance / size) ** 2))
        factor *= 1 + rng.uniform(0.0, 0.5) * np.exp(-((distance / (0.55 * size)) ** 2))
    return factor
