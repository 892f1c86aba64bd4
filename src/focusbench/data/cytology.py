"""Synthetic bright-field focal stacks of Papanicolaou-stained cells, liquid-based preparation.

A slide has a stain, a density and a mix of cells of its own (`cytology_slides`), so that slides
that were not trained on differ as real ones do. On a field lie (`cytology_layout`) flat polygonal
cells, folded and aslant (`cytology_squamous`), rounder ones and groups (`cytology_groups`), each
with its kind's nucleus (`cytology_nuclei`), and neutrophils, bacteria, debris, mucus
(`cytology_small`), at depths of their own. What they absorb and refract is rendered per colour and
plane by partly coherent light (`cytology_rendering`); a camera adds its noise.

Where the focus lies above or below a cell shows in its colour fringes and its edges (axial colour,
refraction): without these, up and down would look alike, and no method could tell them apart.

Sizes of cells and nuclei are textbook values (intermediate nucleus 35 um^2, parabasal 50 um^2 in a
cell of 320 to 700 um^2), shrunk a little as liquid-based preparations are; light, lens and steps
are those of Ma et al. 2021 (IV.A), the condenser and the colours are chosen. No real slide was at
hand: nothing is calibrated, pictures were judged by eye. `benchmarks/cytology.py` prints what can
be counted; on three fields of 768 x 768 pixels of each of six slides, mean (least to most):

    plane, um                    -13.5  -8.1  -5.4  -2.7   0.0   2.7   5.4   8.1  13.5
    slope of the power spectrum   -4.9  -5.2  -4.6  -3.7  -3.5  -3.9  -4.7  -5.0  -4.6
    blocks sharpest there, %         0     1     4    27    48    17     3     1     0
    middle plane against it, dB   23.1  25.9  28.1  31.2     -  31.3  27.9  25.7  23.0
    enlarged input, dB            24.2  28.0  31.1  33.4  34.6  34.4  30.9  27.7  24.2

    middle plane: background 51 % (43 to 62) at 241, 240, 238; cyan 22 % (12 to 35) at 185, 208,
    215; pink 13 % (5 to 27) at 223, 190, 203; orange 7 % (0 to 11) at 232, 188, 152; nuclei and
    what is as dark 7 % (4 to 13) at 95, 117, 148

In focus the slope is a little steeper than that of images of sharp edges, -3, for half of the cells
are not in focus. Far planes are harder here than in the paper, where 38.2 dB were reached at
-13.5 um and 40.3 dB at 13.5 um by the same network as 38.6 dB at 0: its real planes change less
with focus than these. Halving the distance of the slices of matter changes a plane by up to 1
grey value (root mean square); the noise is 1.3 on the background.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from focusbench.data import (
    cytology_groups,
    cytology_layout,
    cytology_names,
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
SLICE = 0.9  # um between slices of matter: about the depth of focus
READING = 0.5  # grey values: standard deviation of the camera's reading
LEAST_SIDE, LARGEST_SIDE = 32, 8192  # px
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


class Scene(NamedTuple):
    """A field and what it was made of."""

    stack: np.ndarray  # uint8 (planes, Y, X, 3)
    clean: np.ndarray  # float32 (planes, Y, X, 3), grey values without noise and rounding
    bodies: list[Body]  # all that was drawn, also around the field
    style: Style


def stack(sample: str, settings: Mapping[str, Any]) -> np.ndarray:
    """Draw a field's focal stack.

    Parameters
    ----------
    sample
        `cytology_s{slide}_f{field}`: every id has a field of its own, whatever else is drawn; those
        of one slide have its stain, cells and density in common. `cytology_names.SPLIT` tells which
        slides are for what.
    settings
        What is missing is as in `RECIPE`.

        `shape`
            Pixels (y, x), each from 32 to 8192. Memory grows by 33 bytes a pixel; the rest is
            rendered in parts. A smaller field is another one, not a part.
        `planes`
            Focal planes, odd; the middle one is in the middle of the slide's matter, more or less.
        `z_step`
            From plane to plane, um of the objective's travel.
        `pixel_size`
            um.
        `numerical_aperture`
            Of the objective, dry: below 1.
        `condenser_aperture`
            Of the illumination. As large as the objective's, light is incoherent, and matter that
            only refracts is not seen.
        `wavelengths`
            Of the camera's red, green and blue, um.
        `axial_colour`
            By how much the lens focuses red, green and blue higher than told, um.
        `electrons`
            That a pixel of grey value 255 holds: photon noise.
        `camera_noise`
            False: neither photon nor reading noise; grey values are still whole numbers.

    Returns
    -------
    numpy.ndarray
        uint8 (planes, Y, X, 3), from the lowest focus to the highest.

    Raises
    ------
    InputError
        Another id, or a setting that is not of the accepted kind.
    """
    return _draw(sample, settings, keep=False).stack


def draw(sample: str, settings: Mapping[str, Any]) -> Scene:
    """Draw a field, as `stack`; with it, its light before the camera, and what lies on it."""
    return _draw(sample, settings, keep=True)


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that are not of the accepted kind (InputError); see `stack`."""
    chosen = {**RECIPE, **settings}
    shape, planes = chosen["shape"], chosen["planes"]
    sides = f"two whole numbers from {LEAST_SIDE} to {LARGEST_SIDE}, (y, x)"
    colours = "three numbers, of red, green and blue"
    accepted = {
        "shape": (
            _several(shape, 2)
            and all(_whole(side) and LEAST_SIDE <= side <= LARGEST_SIDE for side in shape),
            sides,
        ),
        "planes": (_whole(planes) and 1 <= planes <= 99 and planes % 2 == 1, "odd, from 1 to 99"),
        "z_step": (_number(chosen["z_step"], 0.01, 20), "um from 0.01 to 20"),
        "pixel_size": (_number(chosen["pixel_size"], 0.05, 1), "um from 0.05 to 1"),
        "numerical_aperture": (_number(chosen["numerical_aperture"], 0.1, 0.95), "0.1 to 0.95"),
        "condenser_aperture": (_number(chosen["condenser_aperture"], 0.02, 1), "0.02 to 1"),
        "wavelengths": (
            _several(chosen["wavelengths"], 3)
            and all(_number(one, 0.3, 1) for one in chosen["wavelengths"]),
            f"{colours}, um from 0.3 to 1",
        ),
        "axial_colour": (
            _several(chosen["axial_colour"], 3)
            and all(_number(one, -5, 5) for one in chosen["axial_colour"]),
            f"{colours}, um from -5 to 5",
        ),
        "electrons": (_number(chosen["electrons"], 10, 1e9), "10 to 1e9"),
        "camera_noise": (isinstance(chosen["camera_noise"], bool | np.bool_), "true or false"),
    }
    for key, (right, wanted) in accepted.items():
        if not right:
            raise InputError(f"cytology: {key} is {chosen[key]!r}; accepted: {wanted}")


def _draw(sample: str, settings: Mapping[str, Any], keep: bool) -> Scene:
    slide, _ = cytology_names.parse(sample)
    check(settings)
    chosen = {**RECIPE, **settings}
    style = cytology_slides.style(slide)
    shape, count = tuple(chosen["shape"]), chosen["planes"]
    seed = zlib.crc32(sample.encode())
    rng = np.random.default_rng(seed)
    bodies = cytology_layout.bodies(rng, style, tuple(n * chosen["pixel_size"] for n in shape))
    textures = Textures(int(rng.integers(2**32)), chosen["pixel_size"])
    result = np.empty((count, *shape, 3), np.uint8)
    clean = np.empty((count, *shape, 3) if keep else 0, np.float32)
    for rows, columns in _tiles(shape):
        grey = _light(bodies, textures, style, chosen, rows, columns)
        grey *= style.background.astype(np.float32)
        if keep:
            clean[:, rows, columns] = grey
        own = np.random.default_rng([seed, rows.start, columns.start])
        result[:, rows, columns] = _recorded(own, grey, chosen)
    return Scene(result, clean, bodies, style)


def _tiles(shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    for top in range(0, shape[0], TILE):
        for left in range(0, shape[1], TILE):
            yield slice(top, min(top + TILE, shape[0])), slice(left, min(left + TILE, shape[1]))


def _light(
    bodies: list[Body],
    textures: Textures,
    style: Style,
    chosen: Mapping[str, Any],
    rows: slice,
    columns: slice,
) -> np.ndarray:
    """Transmitted part of the light, float32 (planes, Y, X, 3), of a part of the field."""
    pixel, count = float(chosen["pixel_size"]), chosen["planes"]
    shape = rows.stop - rows.start, columns.stop - columns.start
    slices = Slices(shape, pixel, SLICE)
    brush = Brush(slices, style, textures)
    for body in bodies:
        here = body._replace(y=body.y - rows.start * pixel, x=body.x - columns.start * pixel)
        if slices.touched(here.y / pixel, here.x / pixel, cytology_layout.reach(body) / pixel):
            DRAWN[body.kind](brush, here)
    optics = Optics(
        float(chosen["numerical_aperture"]),
        float(chosen["condenser_aperture"]),
        tuple(chosen["wavelengths"]),
        tuple(chosen["axial_colour"]),
        pixel,
    )
    foci = tuple((plane - (count - 1) / 2) * chosen["z_step"] for plane in range(count))
    return cytology_rendering.planes(slices, optics, foci)


def _recorded(rng: np.random.Generator, grey: np.ndarray, chosen: Mapping[str, Any]) -> np.ndarray:
    """Grey values of the camera, whose photons are many: their noise is Gaussian."""
    if chosen["camera_noise"]:
        photons = np.float32(255.0 / chosen["electrons"])
        noise = rng.standard_normal(grey.shape, dtype=np.float32)
        grey = grey + noise * np.sqrt(grey * photons + np.float32(READING**2))
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def _several(value: Any, count: int) -> bool:
    return isinstance(value, list | tuple) and len(value) == count


def _number(value: Any, low: float, high: float) -> bool:
    real = isinstance(value, int | float | np.integer | np.floating)
    return real and not isinstance(value, bool) and bool(low <= value <= high)


def _whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
