"""Observations: a focal stack as a camera would record it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from focusbench import data
from focusbench.images import Volume
from focusbench.optics.ray_loops import render
from focusbench.optics.ray_paths import Geometry
from focusbench.tracks.multifocus import truth as truths
from focusbench.tracks.multifocus.degradations import GREY_LEVEL, parse
from focusbench.tracks.multifocus.geometry import ray_geometry

REFINE = 2  # offmodel: voxels of half the size


def observe(
    truth: Volume | None,
    sample: str,
    source: str,
    degradation: str,
    seed: int,
    settings: Mapping[str, Any],
) -> tuple[Volume, dict[str, Any]]:
    """Render, add noise, clip to [0, 1], quantise to 8 bits (as the authors' code does).

    Parameters
    ----------
    truth
        Transmittance (Z, Y, X); not needed for `offmodel` (rendered from the source) and
        `recorded` (a stack of one's own).
    settings
        As for `truth.truth`, and `offmodel_aperture_grid`.

    Returns
    -------
    tuple
        Intensity over that of empty field, float32 (focus, Y, X) in [0, 1]; and what was done to
        it, as JSON.
    """
    if degradation == "recorded":
        return data.build(source).read(settings["data"]), {"degradation": degradation}
    wanted = parse(degradation)
    if wanted.offmodel:
        image = _offmodel(sample, source, settings)
        voxel_size = truths.voxel_size(settings)
    else:
        image = render(truth.array, ray_geometry(truth, settings["geometry"]))
        voxel_size = truth.voxel_size
    image = image.astype(np.float64)
    if wanted.sigma:
        # every sample and noise level draws its own noise, whatever else is selected
        key = zlib.crc32(f"{sample}/{degradation}".encode())
        image += np.random.default_rng([seed, key]).normal(0, wanted.sigma, image.shape)
    image = np.clip(image, 0, 1)
    if wanted.quantised:
        image = np.round(image / GREY_LEVEL) * GREY_LEVEL
    about = {"degradation": degradation, **asdict(wanted)}
    return Volume(image.astype(np.float32), "ZYX", voxel_size), about


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
