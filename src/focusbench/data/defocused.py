"""A defocused image of a user's own, and the same field in focus where that was recorded too."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from focusbench.data import camera_image
from focusbench.data.lens import LENS, check_lens
from focusbench.errors import InputError
from focusbench.images import Volume

SAME = 1e-3  # relative difference of two lengths that is put down to rounding
ANY_SIDE = 1  # what a track wants of the size, its own checks ask for


def source_files(settings: Mapping[str, Any]) -> list[str]:
    """Files of an entry: the image, and its truth where there is one."""
    return [str(settings[key]) for key in ("path", "truth") if key in settings]


def check(
    entry: Mapping[str, Any],
    place: str,
    optics: Mapping[str, Any],
    least_side: int,
    written: Callable[[str], str] = str,
) -> None:
    """Look at an entry's keys and files, before any work starts.

    Parameters
    ----------
    entry
        `path`; `truth`, `level`, `pixel_size` and the lens, where they are given.
    place
        Where the entry stands, for the message; empty: its keys, as they are written, tell.
    optics
        The track's lens, for what the entry does not tell.
    least_side
        Pixels of a patch's side.
    written
        How a key is written there.

    Raises
    ------
    InputError
        What `read` and `truth` refuse; an image smaller than a patch; a numerical aperture not
        below the refractive index.
    """
    lens = {**optics, **{key: entry[key] for key in LENS if key in entry}}
    check_lens(lens, f"{place}.numerical_aperture" if place else written("numerical_aperture"))
    read(entry, least_side, written)
    if "truth" in entry:
        truth(entry, written)


def read(
    settings: Mapping[str, Any], least_side: int = ANY_SIDE, written: Callable[[str], str] = str
) -> Volume:
    """Read an image.

    Parameters
    ----------
    settings
        `path`: a TIFF or PNG of 16 bits a pixel, or whole counts as float32. `pixel_size`: um in
        the object, of both sides; taken from the file's metadata if absent.
    least_side
        Pixels that each side must have.
    written
        How a message writes a key.

    Returns
    -------
    Volume
        Counts, float32 (Y, X); pixel (y, x) in um.

    Raises
    ------
    InputError
        What `camera_image.read_counts` refuses; a pixel size that neither key nor file tells, or
        pixels that are not square.
    """
    path = settings["path"]
    image = camera_image.read_counts(path, least_side)
    return image._replace(voxel_size=_pixel(path, settings, image.voxel_size, written))


def truth(settings: Mapping[str, Any], written: Callable[[str], str] = str) -> Volume:
    """Read the same field in focus, as `read`.

    Raises
    ------
    InputError
        What `read` refuses; another shape than the image's; another pixel size.
    """
    path = settings["truth"]
    recorded, found = read(settings, written=written), camera_image.read_counts(path, ANY_SIDE)
    if found.array.shape != recorded.array.shape:
        raise InputError(
            f"{path}: a truth of shape {found.array.shape} for an image of shape "
            f"{recorded.array.shape} (y, x); equal shapes are accepted"
        )
    if found.voxel_size is not None and "pixel_size" not in settings:
        told = _pixel(path, settings, found.voxel_size, written)
        if not math.isclose(told[0], recorded.voxel_size[0], rel_tol=SAME):
            raise InputError(
                f"{path}: a truth with pixels of {told[0]:g} um for an image with "
                f"{recorded.voxel_size[0]:g} um; equal pixels are accepted"
            )
    return found._replace(voxel_size=recorded.voxel_size)


def _pixel(
    path: str,
    settings: Mapping[str, Any],
    told: tuple[float, ...] | None,
    written: Callable[[str], str],
) -> tuple[float, float]:
    """Pixel (y, x) in um: of the key, else as the file tells."""
    key, size = written("pixel_size"), settings.get("pixel_size")
    if size is not None:
        return (float(size), float(size))
    if told is None:
        raise InputError(
            f"{path}: does not tell its pixel size; set {key} of this image (um in the object)"
        )
    if not math.isclose(*told, rel_tol=SAME):
        raise InputError(
            f"{path}: its pixels are {told[1]:g} um x {told[0]:g} um; square pixels are accepted "
            f"({key} overrides what the file tells)"
        )
    return (float(told[1]), float(told[1]))
