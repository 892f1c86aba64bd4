"""Synthetic focal stacks of Papanicolaou-stained cells in liquid-based preparation, in bright field.

TODO
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from focusbench.data import (
    cytology_groups,
    cytology_layout,
    cytology_rendering,
    cytology_slides,
    cytology_small,
    cytology_squamous,
)
from focusbench.data.cytology_brush import Body, Brush
from focusbench.data.cytology_rendering import Optics, Slices
from focusbench.data.cytology_slides import Style
from focusbench.data.cytology_texture import Textures
from focusbench.errors import InputError

RECIPE: Mapping[str, Any] = {  # the keys are explained at `stack`
    "shape": (384, 384),
    "planes": 11,
    "z_step": 2.7,
    "pixel_size": 0.243,
    "numerical_aperture": 0.75,
    "condenser_aperture": 0.55,
    "wavelengths": (0.61, 0.54, 0.46),
    "axial_colour": (0.35, 0.0, -0.5),
    "electrons": 40000,
    "camera_noise": True,
}
SAMPLE = re.compile(r"cytology_s([1-9]\d{0,3})_f([1-9]\d{0,5})")
SLICE = 0.9  # um between slices of matter: about the depth of focus
TILE = 768  # px: larger fields are rendered in parts of at most this size

DRAWN: dict[str, Callable[[Brush, Body], None]] = {
    "superficial": cytology_squamous.draw,
    "intermediate": cytology_squamous.draw,
    "anucleate": cytology_squamous.draw,
    "koilocyte": cytology_squamous.draw,
    "parabasal": cytology_groups.draw_parabasal,
    "metaplastic": cytology_groups.draw_metaplastic,
    "dysplastic": cytology_groups.draw_dysplastic,
    "glandular": cytology_groups.draw_glandular,
    "neutrophil": cytology_small.draw_neutrophil,
    "bacterium": cytology_small.draw_bacterium,
    "debris": cytology_small.draw_debris,
    "mucus": cytology_small.draw_mucus,
}


def stack(sample: str, settings: Mapping[str, Any]) -> np.ndarray:
    """Draw."""
    chosen = {**RECIPE, **settings}
    slide, _ = slide_and_field(sample)
    style = cytology_slides.style(slide)
    rng = np.random.default_rng(zlib.crc32(sample.encode()))
    light = _light(rng, style, chosen)
    return _recorded(rng, light, style, chosen)


def slide_and_field(sample: str) -> tuple[int, int]:
    found = SAMPLE.fullmatch(sample)
    if found is None:
        raise InputError(sample)
    return int(found[1]), int(found[2])


def _light(rng: np.random.Generator, style: Style, chosen: Mapping[str, Any]) -> np.ndarray:
    """Transmitted part of the light, float32 (planes, Y, X, 3)."""
    pixel, shape = chosen["pixel_size"], tuple(chosen["shape"])
    optics = Optics(
        chosen["numerical_aperture"],
        chosen["condenser_aperture"],
        tuple(chosen["wavelengths"]),
        tuple(chosen["axial_colour"]),
        pixel,
    )
    found = cytology_layout.bodies(rng, style, tuple(side * pixel for side in shape))
    textures = Textures(int(rng.integers(2**32)), pixel)
    count = chosen["planes"]
    foci = tuple((plane - (count - 1) / 2) * chosen["z_step"] for plane in range(count))
    light = np.empty((count, *shape, 3), np.float32)
    for top in range(0, shape[0], TILE):
        for left in range(0, shape[1], TILE):
            tile = min(TILE, shape[0] - top), min(TILE, shape[1] - left)
            slices = Slices(tile, pixel, SLICE)
            brush = Brush(slices, style, textures)
            for body in found:
                here = body._replace(y=body.y - top * pixel, x=body.x - left * pixel)
                reach = 8 * body.radius if body.kind in cytology_layout.GROUP else 2 * body.radius
                if slices.touched(here.y / pixel, here.x / pixel, reach / pixel):
                    DRAWN[body.kind](brush, here)
            rows, columns = slice(top, top + tile[0]), slice(left, left + tile[1])
            light[:, rows, columns] = cytology_rendering.planes(slices, optics, foci)
    return light


def _recorded(
    rng: np.random.Generator, light: np.ndarray, style: Style, chosen: Mapping[str, Any]
) -> np.ndarray:
    grey = light * style.background.astype(np.float32)
    if chosen["camera_noise"]:
        white = 255.0 / chosen["electrons"]
        noise = rng.standard_normal(grey.shape, dtype=np.float32)
        grey += noise * np.sqrt(grey * np.float32(white) + np.float32(0.25))
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)
