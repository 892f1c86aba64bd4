"""Synthetic microtubules: volumes crossed by thin, stiff, mostly planar filaments.

Lim et al. 2020 deconvolve 20 such volumes and do not say how theirs were made. These are worm-like
chains (`focusbench.data.worm_like_chain`), calibrated: with 60 filaments of 0.15 um radius, a
persistence length of 20 um and a planar factor of 0.3 in 128 x 256 x 512 voxels of 0.1 um, blurred
and noisy as in the paper (Born-Wolf, NA 1.4, index 1.5, 500 nm, 20 dB), the input's PSNR and SSIM
are those of the paper's Table I; `benchmarks/microtubules.py` prints them. What was free in the
recipe, and was set by this, is that filaments run through the middle of the volume.

The radius is that of a label seen at 0.1 um voxels, not the 12.5 nm of a microtubule; the
persistence length is that in a cell, where it is far below the millimetres of a free one.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench.data import worm_like_chain
from focusbench.errors import InputError


def volume(sample: str, settings: Mapping[str, Any]) -> np.ndarray:
    """Draw a volume.

    Parameters
    ----------
    sample
        Id: every id has filaments of its own, whatever else is drawn.
    settings
        `shape`
            Voxels (z, y, x).
        `voxel_size`
            (z, y, x), um.
        `filaments`
            Number of filaments.
        `radius`
            Of a filament, um.
        `persistence_length`
            Over which a filament keeps its direction, um; at least the side of the smallest voxel.
        `planar_factor`
            0 (every filament in a plane of constant z) to 1 (isotropic).

    Returns
    -------
    numpy.ndarray
        Intensity, float32 (Z, Y, X) in [0, 1]: 1 inside a filament, 0 outside, an edge soft over
        one voxel.

    Raises
    ------
    InputError
        A setting that is missing or not of the accepted kind.
    """
    lines = centre_lines(sample, settings)
    return worm_like_chain.draw_tubes(
        lines, settings["shape"], settings["voxel_size"], settings["radius"]
    )


def centre_lines(sample: str, settings: Mapping[str, Any]) -> list[np.ndarray]:
    """Centre lines of the filaments of a volume.

    Parameters
    ----------
    sample, settings
        As for `volume`.

    Returns
    -------
    list of numpy.ndarray
        One (n, 3) array of points z, y, x in um for each filament, float64, at most half a voxel
        apart; the centre of the first voxel is the origin. Both ends lie outside the volume.

    Raises
    ------
    InputError
        As `volume`.
    """
    check(settings)
    shape, size = np.array(settings["shape"]), np.array(settings["voxel_size"], dtype=np.float64)
    unit = float(size.min())
    return worm_like_chain.grow(
        np.random.default_rng(zlib.crc32(sample.encode())),
        (shape - 1) * size,
        settings["filaments"],
        worm_like_chain.STEP * unit,
        settings["persistence_length"],
        settings["planar_factor"],
        # so far that the rounded end of a filament is not seen
        settings["radius"] + worm_like_chain.EDGE * unit / 2,
    )


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that are missing or not of the accepted kind (InputError); see `volume`."""
    size = settings.get("voxel_size")
    lengths = isinstance(size, list | tuple) and len(size) == 3 and all(map(_positive, size))
    shape = settings.get("shape")
    accepted = {
        "shape": (
            isinstance(shape, list | tuple) and len(shape) == 3 and all(map(_count, shape)),
            "three whole numbers from 1, (z, y, x)",
        ),
        "voxel_size": (lengths, "three positive lengths in um, (z, y, x)"),
        "filaments": (_count(settings.get("filaments")), "a whole number from 1"),
        "radius": (_positive(settings.get("radius")), "a positive length in um"),
        "persistence_length": (
            _positive(settings.get("persistence_length"))
            and (not lengths or settings["persistence_length"] >= min(size)),
            "a length in um, at least the side of the smallest voxel",
        ),
        "planar_factor": (
            _number(settings.get("planar_factor")) and 0 <= settings["planar_factor"] <= 1,
            "0 to 1",
        ),
    }
    for key, (right, wanted) in accepted.items():
        if not right:
            got = repr(settings[key]) if key in settings else "missing"
            raise InputError(f"microtubules: {key} is {got}; accepted: {wanted}")


def _number(value: Any) -> bool:
    real = isinstance(value, int | float | np.integer | np.floating)
    return real and not isinstance(value, bool) and bool(np.isfinite(value))


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1
