"""A fluorescence stack of a user's own: recording, PSF and, for test objects, the truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from focusbench import images
from focusbench.data.lens import LENS, check_lens
from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.optics.kernels import check_kernel

KIND = "fluorescence stack"
SAME = 1e-3  # relative difference of two lengths that is put down to rounding


def source_files(settings: Mapping[str, Any]) -> list[str]:
    """Files of the recording, and of its truth and PSF where they are given.

    Raises
    ------
    InputError
        There is no such file or folder, or no image in the folder.
    """
    beside = [settings[key] for key in ("truth", "psf") if key in settings]
    return [str(path) for path in [*images.stack_files(settings["path"]), *beside]]


def check(entry: Mapping[str, Any], place: str, written: Callable[[str], str] = str) -> None:
    """Look at a recording's keys and files, before any work starts.

    Parameters
    ----------
    entry
        `path`; `psf` (a file), or the lens: `numerical_aperture`, `refractive_index`, `wavelength`
        and, if wanted, `psf_shape`; `truth`, if there is one; `pixel_size`, `z_step`.
    place
        Where the entry stands, for the message; empty: its keys, as they are written, tell.
    written
        How a key is written there.

    Raises
    ------
    InputError
        What `read`, `psf` and `truth` refuse; the PSF is told twice or not at all; a numerical
        aperture not below the index; a key without the one that it belongs to.
    """

    def at(key: str) -> str:
        return f"{place}.{key}" if place else written(key)

    if "read_noise" in entry and "photons_per_count" not in entry:
        raise InputError(
            f"{at('read_noise')}: is accepted beside {written('photons_per_count')} alone"
        )
    stack = read(entry)
    shape = stack.array.shape
    if "psf" in entry:
        beside = [key for key in (*LENS, "psf_model", "psf_shape") if key in entry]
        if beside:
            raise InputError(
                f"{at(beside[0])}: is not accepted beside {written('psf')}; one of the two"
            )
        psf(entry["psf"], shape, stack.voxel_size)
    else:
        missing = [key for key in LENS if key not in entry]
        if missing:
            raise InputError(
                f"{at(missing[0])}: is missing; a recording's PSF comes from "
                f"{written('psf')} (a file) or from {', '.join(map(written, LENS))} together"
            )
        check_lens(entry, at("numerical_aperture"))
        if "psf_shape" in entry:
            check_size(entry["psf_shape"], shape, at("psf_shape"))
    if "truth" in entry:
        truth(entry)


def check_size(wanted: Sequence[int], shape: Sequence[int], place: str) -> None:
    """Refuse a PSF (z, y, x) that is larger than the volume, or has no middle voxel."""
    for axis, mine, side in zip("zyx", wanted, shape, strict=True):
        if mine % 2 == 0:
            raise InputError(
                f"{place}: {mine} voxels along {axis} are not accepted; an odd number, so that the "
                "PSF has a middle voxel"
            )
        if mine > side:
            raise InputError(
                f"{place}: a PSF of {mine} voxels along {axis} for a volume of {side} is not "
                f"accepted; at most {side}"
            )


def _check_truth(path: str, shape: Sequence[int], recorded: Sequence[int]) -> None:
    if tuple(shape) != tuple(recorded):
        raise InputError(
            f"{path}: a truth of shape {tuple(shape)} for a recording of shape {tuple(recorded)}; "
            "equal shapes are accepted"
        )


def read(settings: Mapping[str, Any]) -> Volume:
    """Read a recording, its camera offset subtracted.

    Parameters
    ----------
    settings
        `path`: a multi-page TIFF, an OME-TIFF or a folder of images. `pixel_size`, `z_step`: um in
        the object; taken from the file's metadata if absent. `offset`: grey value without light,
        0 if absent.

    Returns
    -------
    Volume
        Grey values, float32 (Z, Y, X); read noise may leave some below 0.

    Raises
    ------
    InputError
        What `images.read_stack` refuses; a stack without any light above the offset; a voxel size
        that neither a key nor the file tells.
    """
    path = settings["path"]
    stack, axes, told = images.read_stack(path, KIND)
    counts = stack.astype(np.float32) - np.float32(settings.get("offset", 0.0))
    if not counts.max() > 0:
        raise InputError(
            f"{path}: no grey value lies above the offset {settings.get('offset', 0):g}; nothing "
            "was recorded"
        )
    return Volume(counts, axes, voxel_size(settings, told))


def truth(settings: Mapping[str, Any]) -> Volume:
    """Read the truth of a test object, over its maximum: float32 (Z, Y, X) in [0, 1].

    Raises
    ------
    InputError
        What `images.read_volume` refuses; another shape than the recording's; no positive value,
        or a negative one.
    """
    path = settings["truth"]
    array, axes, told = images.read_volume(path)
    recorded, _, recorded_size = images.read_stack(settings["path"], KIND)
    _check_truth(path, array.shape, recorded.shape)
    if array.min() < 0 or not array.max() > 0:
        raise InputError(f"{path}: a truth is 0 or more and not 0 everywhere")
    if told and recorded_size and not np.allclose(told, recorded_size, rtol=SAME):
        raise InputError(
            f"{path}: a truth with voxels of {_lengths(told)} um for a recording with "
            f"{_lengths(recorded_size)} um (z, y, x); equal voxel sizes are accepted"
        )
    told = told or recorded_size
    return Volume((array / array.max()).astype(np.float32), axes, voxel_size(settings, told))


def psf(
    path: str, shape: tuple[int, ...] | None, size: tuple[float, float, float] | None = None
) -> np.ndarray:
    """Read a PSF and centre it on its brightest voxel.

    The largest box of odd sides around the brightest voxel is kept, so that neither the side on
    which a program puts the middle of an even box, nor an aberration's shift, moves what is
    restored. Of several brightest voxels their mean place counts, to half a voxel; where that lies
    between two voxels of an axis, neighbours along it are averaged.

    Parameters
    ----------
    path
        TIFF, (Z, Y, X).
    shape
        Of the recording, if known: a PSF must not be larger.
    size
        Voxel size of the recording, um; held against what the PSF's file tells.

    Returns
    -------
    numpy.ndarray
        float64 of unit sum, odd sides.

    Raises
    ------
    InputError
        Larger than the recording, negative, all zero, not finite, or another voxel size.
    """
    array, _, told = images.read_volume(path)
    if told is not None and size is not None:
        for mine, other in zip(told, size, strict=True):
            if not math.isclose(mine, other, rel_tol=SAME):
                raise InputError(
                    f"{path}: a PSF with voxels of {_lengths(told)} um for a recording with "
                    f"{_lengths(size)} um (z, y, x); equal voxel sizes are accepted"
                )
    return _centred(path, check_kernel(array.astype(np.float64), shape, name=f"{path}: PSF"))


def _centred(path: str, kernel: np.ndarray) -> np.ndarray:
    place = np.round(2 * np.argwhere(kernel == kernel.max()).mean(axis=0)) / 2
    for axis, name in enumerate("zyx"):
        side, middle = kernel.shape[axis], place[axis]
        if middle % 1:  # between two voxels
            lower = kernel.take(range(side - 1), axis)
            kernel = (lower + kernel.take(range(1, side), axis)) / 2
            side, middle = side - 1, middle - 0.5
        reach = int(min(middle, side - 1 - middle))
        if reach == 0 and side > 2:
            raise InputError(
                f"{path}: the PSF is brightest at the edge of its {name} axis; one with its peak "
                "inside is accepted"
            )
        kernel = kernel.take(range(int(middle) - reach, int(middle) + reach + 1), axis)
    return kernel / kernel.sum()


def voxel_size(
    settings: Mapping[str, Any], told: tuple[float, float, float] | None
) -> tuple[float, float, float]:
    """Return (z, y, x) in um: from the keys `z_step` and `pixel_size`, else as the file tells.

    Raises
    ------
    InputError
        Neither tells.
    """
    z_step, pixel_size = settings.get("z_step"), settings.get("pixel_size")
    if told is not None:
        z, y, x = told
        return (z_step or z, pixel_size or y, pixel_size or x)
    missing = [key for key in ("pixel_size", "z_step") if settings.get(key) is None]
    if missing:
        raise InputError(
            f"{settings['path']}: does not tell its voxel size; set {' and '.join(missing)} of "
            "this recording (um in the object)"
        )
    return (z_step, pixel_size, pixel_size)


def _lengths(sizes: tuple[float, float, float]) -> str:
    return " x ".join(f"{size:g}" for size in sizes)
