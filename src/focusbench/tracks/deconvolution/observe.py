"""Observations: what a wide-field camera records of a fluorescent object."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench import data
from focusbench.images import Volume
from focusbench.optics import noise as noises
from focusbench.tracks.deconvolution import optics
from focusbench.tracks.deconvolution.blurring import blur
from focusbench.tracks.deconvolution.degradations import parse
from focusbench.tracks.deconvolution.recorded import noise_of


def observe(
    truth: Volume | None,
    sample: str,
    source: str,
    degradation: str,
    seed: int,
    settings: Mapping[str, Any],
) -> tuple[Volume, dict[str, Any]]:
    """Blur, then add noise; or read a recording of a user's own.

    Parameters
    ----------
    truth
        Intensity (Z, Y, X); not needed for `recorded`.
    settings
        `optics`, `boundary`, `gaussian_fraction`, `aberration`; of a recording, `data`.

    Returns
    -------
    tuple
        The observation, float32 (Z, Y, X), 0 or more but for recordings; and its record, as JSON:
        `psf_model`, `boundary`, `noise_free` (`peak`, `mean` and `mean_square` of the image before
        its noise), `noise` (`gaussian_sigma`, `photons`, `power`; null where
        there is none or none is known), `snr_db` and `peak_snr_db` as they came out.
    """
    if degradation == "recorded":
        observed = data.build(source).read(settings["data"])
        return observed, {"degradation": degradation, "noise": noise_of(observed, settings["data"])}
    wanted = parse(degradation)
    if wanted.psf_model == "offmodel":
        kernel = optics.aberrated_kernel(
            settings["optics"], settings["aberration"], truth.voxel_size
        )
    else:
        kernel = optics.kernel(settings["optics"], truth.voxel_size, wanted.psf_model)
    image = blur(truth.array, kernel, settings["boundary"], settings.get("max_voxels"))
    image = np.maximum(image, 0)  # rounding
    about: dict[str, Any] = {
        "degradation": degradation,
        "psf_model": wanted.psf_model,
        "boundary": settings["boundary"],
        "noise_free": {
            "peak": float(image.max()),
            "mean": float(image.mean()),
            "mean_square": float(np.square(image).mean()),
        },
        "noise": None,
        "snr_db": None,
        "peak_snr_db": None,
    }
    if wanted.snr_db is not None:
        # every sample and noise level draws its own noise, whatever else is selected
        key = zlib.crc32(f"{sample}/{degradation}".encode())
        noise = noises.solve(image, wanted.snr_db, settings["gaussian_fraction"])
        clean, image = image, noises.draw(image, noise, np.random.default_rng([seed, key]))
        about["snr_db"] = noises.snr(clean, image)
        shot = np.isfinite(noise.photons)
        about["peak_snr_db"] = noises.peak_snr(clean, noise) if shot else None
        about["noise"] = {
            "gaussian_sigma": noise.gaussian_sigma,
            "photons": noise.photons if shot else None,
            "power": noise.power,
        }
    return Volume(image.astype(np.float32), "ZYX", truth.voxel_size), about
