"""Observations: the one image of a focal stack that methods see."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.optics.refocus_degradation import degrade, jpeg_round_trip, middle
from focusbench.tracks.refocus.degradations import LOWRES, OFFMODEL, Degradation, parse


def observe(
    truth: Volume,
    sample: str,
    source: str,
    degradation: str,
    seed: int,
    settings: Mapping[str, Any],
) -> tuple[Volume, dict[str, Any]]:
    """Take a plane of the stack and, but for `highres`, halve and blur it (Ma et al. 2021, IV-A).

    Parameters
    ----------
    truth
        Focal stack, uint8 (planes, Y, X, 3), an odd number of planes; even sides, but for
        `highres`.
    settings
        `offmodel`, for the degradation of that name: `sigma`, of a Gaussian in pixels of the image,
        and `electrons` that grey value 255 stands for.

    Returns
    -------
    tuple
        The image, uint8 (1, y, x, 3), with its voxel size (um; z as in the stack); and its record,
        as JSON: `planes` of the stack, `scale`, `input_plane` (from 0), `jpeg`, `noise` (null: of
        the camera alone).

    Raises
    ------
    InputError
        Another kind of stack; a plane that it does not have.
    """
    wanted = parse(degradation)
    try:
        image, plane = _input(truth.array, wanted)
        if wanted.jpeg:
            image = jpeg_round_trip(image)
        if wanted.kind == LOWRES:
            image = degrade(image)
        elif wanted.kind == OFFMODEL:
            # every sample draws its own noise, whatever else is selected
            key = zlib.crc32(f"{sample}/{degradation}".encode())
            image = _otherwise(image, np.random.default_rng([seed, key]), settings["offmodel"])
    except InputError as error:
        raise InputError(f"{sample} at {degradation}: {error}") from None
    step, *lateral = truth.voxel_size
    about = {
        "degradation": degradation,
        "planes": len(truth.array),
        "scale": wanted.scale,
        "input_plane": plane,
        "jpeg": wanted.jpeg,
        "noise": None,
    }
    return Volume(image[None], "ZYXC", (step, *(wanted.scale * one for one in lateral))), about


def _input(stack: np.ndarray, wanted: Degradation) -> tuple[np.ndarray, int]:
    """Plane (Y, X, 3) that the image is made of, and its place in the stack."""
    middle(stack)  # its checks
    plane = len(stack) // 2 + wanted.planes_up
    if not 0 <= plane < len(stack):
        raise InputError(
            f"the stack has {len(stack)} planes; at most {len(stack) // 2} up or down are accepted"
        )
    return stack[plane], plane


def _otherwise(
    image: np.ndarray, rng: np.random.Generator, settings: Mapping[str, Any]
) -> np.ndarray:
    """Half the size as a camera of larger pixels sees it: means of 2 x 2, a blur, photon noise."""
    from scipy.ndimage import gaussian_filter

    y, x = image.shape[:2]
    if y % 2 or x % 2:
        raise InputError(f"image: {x} x {y} pixels; even sides are wanted, to halve")
    seen = image.reshape(y // 2, 2, x // 2, 2, 3).mean((1, 3), dtype=np.float64)
    seen = gaussian_filter(seen, (settings["sigma"], settings["sigma"], 0), mode="mirror")
    electrons = settings["electrons"] / 255
    seen = rng.poisson(np.clip(seen, 0, None) * electrons) / electrons
    return np.clip(np.rint(seen), 0, 255).astype(np.uint8)
