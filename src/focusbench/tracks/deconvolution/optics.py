"""PSFs of the track, from its settings. All are float64 of unit sum, (Z, Y, X)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from focusbench.optics import psf

Settings = Mapping[str, Any]


def kernel(optics: Settings, voxel_size: Sequence[float], model: str = "born_wolf") -> np.ndarray:
    """Compute the PSF of an aberration-free objective.

    Parameters
    ----------
    optics
        `numerical_aperture`, `refractive_index`, `wavelength` (um, in vacuum), `shape` (z, y, x),
        `subsamples`; `convention`, for Born-Wolf alone.
    voxel_size
        um, (z, y, x).
    model
        "born_wolf" or "richards_wolf".
    """
    lens = (optics["wavelength"], optics["numerical_aperture"], optics["refractive_index"])
    shape, subsamples = tuple(optics["shape"]), optics["subsamples"]
    if model == "richards_wolf":
        return psf.richards_wolf(shape, tuple(voxel_size), *lens, subsamples=subsamples)
    return psf.born_wolf(
        shape, tuple(voxel_size), *lens, convention=optics["convention"], subsamples=subsamples
    )


def aberrated_kernel(
    optics: Settings, aberration: Settings, voxel_size: Sequence[float]
) -> np.ndarray:
    """Compute the PSF of `offmodel`: Gibson-Lanni, with pixels that integrate.

    The objective is used as designed; the sample above the object has another index. The brightest
    plane is in the middle: an observer focuses on it.

    Parameters
    ----------
    optics
        As for `kernel`; `refractive_index` is that of the immersion and the coverslip.
    aberration
        `sample_index`, `particle_depth` (um), `subsamples`.
    """
    lens = (optics["wavelength"], optics["numerical_aperture"])
    index = optics["refractive_index"]
    layers = {
        "sample_index": aberration["sample_index"],
        "particle_depth": aberration["particle_depth"],
        "immersion_index": index,
        "immersion_index_design": index,
        "coverslip_index": index,
        "coverslip_index_design": index,
        "immersion_thickness_design": 150.0,
        "coverslip_thickness": 170.0,
        "coverslip_thickness_design": 170.0,
    }
    return psf.gibson_lanni(
        tuple(optics["shape"]),
        tuple(voxel_size),
        *lens,
        **layers,
        focus_shift=psf.brightest_focus(*lens, **layers),
        subsamples=aberration["subsamples"],
    )
