"""What a user tells of a recording of their own: its noise and its PSF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench.data import fluorescence
from focusbench.images import Volume
from focusbench.tracks.deconvolution import optics


def noise_of(observed: Volume, entry: Mapping[str, Any]) -> dict[str, float | None] | None:
    """Noise of a recording, in grey values, as JSON; None where the camera's gain is not told.

    Shot noise of a grey value g has the variance g / photons_per_count; read noise adds its own.
    """
    if "photons_per_count" not in entry:
        return None
    photons, sigma = entry["photons_per_count"], entry.get("read_noise", 0.0)
    light = float(np.maximum(observed.array, 0).mean(dtype=np.float64))
    return {"gaussian_sigma": sigma, "photons": photons, "power": light / photons + sigma**2}


def kernel(
    shape: tuple[int, ...],
    voxel_size: tuple[float, float, float],
    entry: Mapping[str, Any],
    nominal: Mapping[str, Any],
    path: str | None,
) -> np.ndarray:
    """PSF of a recording: read from `path`, or computed from the lens.

    Parameters
    ----------
    shape, voxel_size
        Of the recording; um.
    entry
        Without a file: `numerical_aperture`, `refractive_index`, `wavelength` (um); `psf_model`
        and `psf_shape`, if wanted.
    nominal
        The track's `optics`, for the rest.
    path
        File with the PSF, if there is one.

    Raises
    ------
    InputError
        What `fluorescence.psf` and the PSF models refuse.
    """
    if path is not None:
        return fluorescence.psf(path, shape, voxel_size)
    lens = {**nominal, **{key: entry[key] for key in fluorescence.LENS}}
    lens["shape"] = entry.get("psf_shape") or [
        min(wanted, side - 1 + side % 2)
        for wanted, side in zip(nominal["shape"], shape, strict=True)
    ]
    fluorescence.check_size(lens["shape"], shape, "psf_shape")
    return optics.kernel(lens, voxel_size, entry.get("psf_model", "born_wolf"))
