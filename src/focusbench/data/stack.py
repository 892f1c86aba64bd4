"""A focal stack of a user's own, without ground truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench import images
from focusbench.data import flat_field
from focusbench.errors import InputError
from focusbench.images import Volume

# Empty field is the brightest large area of a bright-field image; the few pixels that are brighter
# (noise, the bright halos of refracting edges) must not set the scale.
BACKGROUND_PERCENTILE = 95.0
SQUARE = 1e-3  # relative difference of pixel sides that is put down to rounding


def source_files(settings: Mapping[str, Any]) -> list[str]:
    """Files of the stack, in its order.

    Raises
    ------
    InputError
        There is no such file or folder, or no image in the folder.
    """
    return [str(path) for path in images.stack_files(_path(settings))]


def read(settings: Mapping[str, Any]) -> Volume:
    """Read a stack as intensities over the background.

    Parameters
    ----------
    settings
        `path`: a multi-page TIFF, an OME-TIFF or a folder of images (`images.read_stack`).
        `pixel_size`, `z_step`: um in the object; taken from the file's metadata if absent.
        `planes`: first and last image that are used, counted from 1; all if absent.
        `flat_field`: degree of the illumination's polynomial, which is estimated from all recorded
        images and divided out (`flat_field.illumination`, mean 1); 0 or absent: as recorded.
        `background`: grey value of empty field, in the images' own units; if absent, the 95th
        percentile of the images that are used, their illumination made even.

    Returns
    -------
    Volume
        float32 (Z, Y, X) in [0, 1]: grey value over background, what is brighter clipped to 1; and
        the voxel size.

    Raises
    ------
    InputError
        What `images.read_stack` and `flat_field.illumination` refuse; a constant stack, or one with
        an image that is all zero; planes that the stack does not have; a background that is not
        positive; sizes that neither a key nor the file tells.
    """
    path = _path(settings)
    stack, axes, told = images.read_stack(path)
    voxel_size = _voxel_size(settings, told)
    used = _planes(settings, len(stack))
    for z, plane in enumerate(stack):
        if not plane.any():
            raise InputError(f"{path}: image {z} of the stack is all zero; nothing was recorded")
    if stack.min() == stack.max():
        raise InputError(f"{path}: is constant (grey value {stack.min()}); nothing was recorded")
    degree = settings.get("flat_field", 0)
    if degree != 0 or isinstance(degree, bool):
        stack = stack / flat_field.illumination(stack, degree, path)
    stack = stack[used]
    background = settings.get("background")
    if background is None:
        background = float(np.percentile(stack, BACKGROUND_PERCENTILE))
    background = _positive(settings, "background", background, "a grey value above 0")
    intensity = stack.astype(np.float32)
    intensity /= np.float32(background)
    if intensity.min() >= 1:
        raise InputError(
            f"{path}: `background` is {background:g}, but no grey value lies below it (the "
            f"least is {stack.min():g}); the grey value of empty field is accepted"
        )
    return Volume(np.clip(intensity, 0.0, 1.0, out=intensity), axes, voxel_size)


def _path(settings: Mapping[str, Any]) -> str:
    path = settings.get("path")
    if not path:
        raise InputError("stack: `path` is not set; a TIFF file or a folder of images is wanted")
    return str(path)


def _planes(settings: Mapping[str, Any], count: int) -> slice:
    """The images that are used, as a slice."""
    wanted = settings.get("planes")
    if wanted is None:
        return slice(None)
    whole = isinstance(wanted, list | tuple) and all(type(number) is int for number in wanted)
    if not whole or len(wanted) != 2 or not 1 <= wanted[0] < wanted[1] <= count:
        raise InputError(
            f"{_path(settings)}: `planes` is {wanted!r}; [first, last] is accepted, two different "
            f"images of the {count} of this stack, in their order, counted from 1"
        )
    return slice(wanted[0] - 1, wanted[1])


def _voxel_size(
    settings: Mapping[str, Any], told: tuple[float, float, float] | None
) -> tuple[float, float, float]:
    z_step, pixel_size = settings.get("z_step"), settings.get("pixel_size")
    if told is not None:
        if z_step is None:
            z_step = told[0]
        if pixel_size is None:
            pixel_size = told[2]
            if not math.isclose(told[1], told[2], rel_tol=SQUARE):
                raise InputError(
                    f"{_path(settings)}: its pixels are {told[2]:g} um x {told[1]:g} um; "
                    "square pixels are accepted (`pixel_size` overrides what the file tells)"
                )
    lengths = {"pixel_size": pixel_size, "z_step": z_step}
    missing = " and ".join(f"`{key}`" for key, value in lengths.items() if value is None)
    if missing:
        raise InputError(
            f"{_path(settings)}: does not tell its voxel size; set {missing} of this stack (um in "
            "the object)"
        )
    lateral, depth = (_positive(settings, key, um, "a length in um") for key, um in lengths.items())
    return (depth, lateral, lateral)


def _positive(settings: Mapping[str, Any], key: str, value: Any, wanted: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InputError(
            f"{_path(settings)}: `{key}` is {value!r}; {wanted}, positive and finite, is accepted"
        )
    return float(value)
