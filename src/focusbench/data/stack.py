"""A focal stack of a user's own, without ground truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench import images
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
        `background`: grey value of empty field, in the images' own units; if absent, the 95th
        percentile of the whole stack.

    Returns
    -------
    Volume
        float32 (Z, Y, X) in [0, 1]: grey value over background, what is brighter clipped to 1; and
        the voxel size.

    Raises
    ------
    InputError
        What `images.read_stack` refuses; a constant stack, or one with an image that is all zero;
        a background that is not positive; sizes that neither a key nor the file tells.
    """
    path = _path(settings)
    stack, axes, told = images.read_stack(path)
    voxel_size = _voxel_size(settings, told)
    for z, plane in enumerate(stack):
        if not plane.any():
            raise InputError(f"{path}: image {z} of the stack is all zero; nothing was recorded")
    if stack.min() == stack.max():
        raise InputError(f"{path}: is constant (grey value {stack.min()}); nothing was recorded")
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
