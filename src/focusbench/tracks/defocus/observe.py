"""Observations: what a camera records of a field that is out of focus."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from focusbench import data
from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.optics.noise import draw
from focusbench.problem import Noise
from focusbench.tracks.defocus import true_levels
from focusbench.tracks.defocus.blurring import blur, seen_at
from focusbench.tracks.defocus.degradations import OFFMODEL, RECORDED, Degradation, parse
from focusbench.tracks.defocus.level_optics import LevelOptics

LARGEST = 65535
"""Counts of a 16-bit camera."""


def observe(
    truth: Volume | None,
    sample: str,
    source: str,
    degradation: str,
    seed: int,
    settings: Mapping[str, Any],
) -> tuple[Volume, dict[str, Any]]:
    """Blur, count photons, round to whole counts; or read an image of a user's own.

    Where the light had another NA or pixel size than the nominal ones, only the kernels differ: the
    field is not drawn anew at another scale, and its pixel size stays the nominal one, which is
    what its user believes.

    Parameters
    ----------
    truth
        Counts (Y, X); not needed for `recorded`.
    settings
        `optics`, `patch`; of the degradation at hand, `tilted`, `stepped` or `offmodel` (its
        `level` and `subsamples`); of a recording, its entry under `data`.

    Returns
    -------
    tuple
        The observation, float32 (Y, X), whole counts from 0 to 65535; and its record, as JSON:
        `noise` (fields of `problem.Noise`, `photons` null without shot noise; of recordings null),
        `levels` (what `true_levels.level_map` takes, and `background`; of recordings without a
        `level` null), `lens` (of the light, where it is not the nominal one).

    Raises
    ------
    InputError
        Counts that no camera has, a field smaller than a patch, levels that are none, a lens that
        is none (such as an NA above the index).
    """
    wanted = parse(degradation)
    if wanted.kind == RECORDED:
        level = settings["data"].get("level")
        observed = data.build(source).read(settings["data"])
        known = None if level is None else {**true_levels.even(level), "background": []}
        return observed, {"degradation": degradation, "noise": None, "levels": known, "lens": {}}
    field = np.asarray(truth.array)
    if field.ndim != 2 or not (field.min() >= 0 and field.max() <= LARGEST):
        raise InputError(
            f"{sample}: shape {field.shape}, values from {field.min():g} to {field.max():g}; two "
            f"axes (y, x) and counts from 0 to {LARGEST} are accepted"
        )
    levels = true_levels.levels_of(wanted, settings)
    try:
        seen = _seen(field, wanted, levels, settings)
        levels["background"] = true_levels.background(_counts(seen), settings["patch"])
    except InputError as error:
        raise InputError(f"{sample} at {degradation}: {error}") from None
    noise = Noise(quantisation_step=1.0)
    if wanted.poisson:
        # every sample and degradation draws its own noise, whatever else is selected
        key = zlib.crc32(f"{sample}/{degradation}".encode())
        noise = Noise(photons=1.0, power=float(seen.mean()))
        seen = draw(seen, noise, np.random.default_rng([seed, key]))
    about = {
        "degradation": degradation,
        "noise": {
            "gaussian_sigma": noise.gaussian_sigma,
            "quantisation_step": noise.quantisation_step,
            "photons": noise.photons if wanted.poisson else None,
            "power": noise.power,
        },
        "levels": levels,
        "lens": wanted.lens,
    }
    return Volume(_counts(seen), "YX", tuple(truth.voxel_size)), about


def _seen(
    field: np.ndarray,
    wanted: Degradation,
    levels: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> np.ndarray:
    """Expected counts, float64 (Y, X)."""
    lens = {**settings["optics"], **wanted.lens}
    if wanted.kind != OFFMODEL:
        return seen_at(field, levels, LevelOptics(lens, grows=bool(wanted.lens)))
    if wanted.subsamples is None:
        lens["subsamples"] = settings["offmodel"]["subsamples"]
    kernel = LevelOptics(lens, grows=bool(wanted.lens)).vectorial(levels["level"])
    return blur(field, kernel[None], None)


def _counts(seen: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(seen), 0, LARGEST).astype(np.float32)
