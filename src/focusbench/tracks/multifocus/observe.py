"""Observations: a focal stack as a camera would record it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from focusbench import data
from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.optics.ray_loops import render
from focusbench.optics.ray_paths import Geometry
from focusbench.tracks.multifocus import truth as truths
from focusbench.tracks.multifocus.degradations import GREY_LEVEL, Degradation, parse, withheld
from focusbench.tracks.multifocus.degradations import base as base_of
from focusbench.tracks.multifocus.geometry import ray_geometry

REFINE = 2  # offmodel: voxels of half the size


def observe(
    truth: Volume | None,
    sample: str,
    source: str,
    degradation: str,
    seed: int,
    settings: Mapping[str, Any],
    base: Volume | None = None,
) -> tuple[Volume, dict[str, Any]]:
    """Render, add noise, clip to [0, 1], quantise to 8 bits (as the authors' code does).

    Where the light had another aperture or the planes another distance (`na0.70`, `step1.10`), the
    stack is rendered so: with `step1.10` slices and focal planes really are 1.1 um apart. The voxel
    size that goes with it stays the nominal one, which is what its user believes.

    An id with a part is made from the observation of its base alone; see `filled`.

    Parameters
    ----------
    truth
        Transmittance (Z, Y, X); not needed for `offmodel` (rendered from the source), `recorded`
        (a stack of one's own) and ids with a part.
    settings
        As for `truth.truth`, and `offmodel_aperture_grid`.
    base
        Observation of the id without its part; needed only where it has one.

    Returns
    -------
    tuple
        Intensity over that of empty field, float32 (focus, Y, X) in [0, 1]; and what was done to
        it, as JSON.

    Raises
    ------
    InputError
        An unknown degradation, or a part without its base or of too few planes.
    """
    wanted = parse(degradation)
    about = {"degradation": degradation, **_told(wanted)}
    if wanted.part:
        if base is None:
            raise InputError(f"degradation {degradation}: is made from {base_of(degradation)}")
        try:
            image, done = _partial(base.array, wanted.part)
        except InputError as error:
            raise InputError(f"{sample}: {error}") from None
        about |= {"base": base_of(degradation), **done}
        return Volume(image, base.axes, base.voxel_size), about
    if wanted.recorded:
        return data.build(source).read(settings["data"]), about
    if wanted.offmodel:
        image = _offmodel(sample, source, settings)
        voxel_size = truths.voxel_size(settings)
    else:
        image = render(truth.array, _true_geometry(truth, wanted, settings["geometry"]))
        voxel_size = truth.voxel_size
    image = image.astype(np.float64)
    if wanted.sigma:
        # every sample and degradation draws its own noise, whatever else is selected
        key = zlib.crc32(f"{sample}/{degradation}".encode())
        image += np.random.default_rng([seed, key]).normal(0, wanted.sigma, image.shape)
    image = np.clip(image, 0, 1)
    if wanted.quantised:
        image = np.round(image / GREY_LEVEL) * GREY_LEVEL
    return Volume(image.astype(np.float32), "ZYX", voxel_size), about


def filled(stack: np.ndarray, planes: Sequence[int]) -> np.ndarray:
    """Replace some planes of a stack by what the others say, linearly along z.

    Parameters
    ----------
    stack
        (Z, Y, X); nothing of the replaced planes enters the result.
    planes
        To be replaced, counted from 0. Between two planes that stay, their mean weighted by
        distance; beyond the first or last of them, that one.

    Returns
    -------
    numpy.ndarray
        float32 (Z, Y, X).
    """
    result = np.array(stack, dtype=np.float32)
    given = np.setdiff1d(np.arange(len(stack)), planes)
    for z in planes:
        after = int(np.searchsorted(given, z))
        low, high = given[max(after - 1, 0)], given[min(after, len(given) - 1)]
        share = (z - low) / (high - low) if low < z < high else float(z >= high)
        result[z] = (1 - share) * stack[low].astype(np.float64) + share * stack[high]
    return result


def _partial(stack: np.ndarray, part: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Observation of a part, and what was done to its base."""
    planes = withheld(part, len(stack))
    done: dict[str, Any] = {"withheld_planes_from_0": planes}
    if planes:
        done["filled"] = "linear between the nearest given planes, the nearest beyond them"
    return filled(stack, planes), done


def _told(wanted: Degradation) -> dict[str, Any]:
    """What an id says, as JSON; what it does not name is left out."""
    if wanted.recorded:
        return {} if wanted.part is None else {"part": wanted.part}
    told = asdict(wanted)
    del told["recorded"]
    return {key: value for key, value in told.items() if value is not None}


def _true_geometry(truth: Volume, wanted: Degradation, settings: Mapping[str, Any]) -> Geometry:
    """Geometry that the stack is recorded with."""
    geometry = ray_geometry(truth, settings)
    other = {"numerical_aperture": wanted.numerical_aperture, "z_step": wanted.z_step}
    return replace(geometry, **{key: value for key, value in other.items() if value is not None})


def _offmodel(sample: str, source: str, settings: Mapping[str, Any]) -> np.ndarray:
    """Render at half the voxel size with another aperture grid.

    Each nominal voxel is split in eight. A recorded pixel is the mean of the eight fine ones that
    it covers: four over its area, as a camera's pixel integrates, and the two focal planes a
    quarter step above and below the nominal one.
    """
    nominal = settings["geometry"]
    fine = truths.transmittance(sample, source, settings, refine=REFINE)
    image = render(
        fine,
        Geometry(
            numerical_aperture=nominal["numerical_aperture"],
            n_slices=fine.shape[0],
            z_step=nominal["z_step"] / REFINE,
            pixel_size=nominal["pixel_size"] / REFINE,
            aperture_grid=settings["offmodel_aperture_grid"],
        ),
    )
    z, y, x = (n // REFINE for n in image.shape)
    return image.reshape(z, REFINE, y, REFINE, x, REFINE).mean((1, 3, 5), dtype=np.float64)
