"""What a method is asked: an observation, the lens, the noise and what a predictor says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.problem import Deferred, Problem
from focusbench.solvers.patch_grid import PatchGrid
from focusbench.tracks.defocus import true_levels
from focusbench.tracks.defocus.nominal import noise_of, nominal_optics

if TYPE_CHECKING:
    from focusbench.training.level_map import LevelMap

ORACLE = "oracle"


def problem(
    observed: Volume,
    degradation: str,
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
    levels: LevelMap | None = None,
) -> Problem:
    """State the problem behind an observation.

    The lens is the nominal one of the track, also where the light had another.

    Parameters
    ----------
    observed
        Counts (Y, X) with the pixel size.
    degradation
        Its id; `recorded` for an image of a user's own.
    settings
        `optics`, `patch` (px); `predictor`: whose levels the method is given (an id, "oracle" for
        the true ones, None for none); of a recording, what differs of the lens.
    about
        Record of the observation. Of its `levels` nothing is told but to an oracle.
    levels
        What the predictor said of this observation; None where the method does not ask for it.

    Returns
    -------
    Problem
        `forward` is a `level_optics.LevelOptics`. `extras` holds `patch`; with a predictor also
        `levels`, int64 (R, C) of the triangular `PatchGrid` of `patch`, -1 for background; with the
        oracle also `level_map`, float64 (Y, X).

    Raises
    ------
    InputError
        An oracle without a true level; levels of other patches.
    """
    return Problem(
        track="defocus",
        observed=observed.array,
        axes=observed.axes,
        voxel_size=tuple(observed.voxel_size),
        forward=Deferred(lambda: nominal_optics(observed, degradation, settings)),
        noise=noise_of(about),
        extras={"patch": np.array(settings["patch"])} | _told(observed, settings, about, levels),
    )


def _told(
    observed: Volume,
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
    levels: LevelMap | None,
) -> dict[str, np.ndarray]:
    predictor = settings.get("predictor")
    if predictor is None:
        return {}
    grid = PatchGrid(observed.array.shape, settings["patch"], true_levels.TRIANGULAR)
    if predictor == ORACLE:
        true = about.get("levels")
        if true is None:
            raise InputError(
                "predictor is 'oracle', but no true level is known of this recording; accepted: "
                "`level` in its entry under data.defocused, or the id of a trained predictor"
            )
        return {
            "levels": true_levels.patch_levels(true, grid),
            "level_map": true_levels.level_map(true, grid.shape),
        }
    if levels is None:  # of a method that is set to one level whatever a predictor says
        return {}
    y, x = np.meshgrid(*grid.starts, indexing="ij")
    places = np.stack([y.ravel(), x.ravel()], axis=1)
    if levels.side != grid.size or not np.array_equal(levels.corners, places):
        raise InputError(
            f"predictor {predictor}: levels of {len(levels.levels)} patches of {levels.side} "
            f"pixels; those of the {len(places)} patches of {grid.size} pixels at half steps are "
            "accepted"
        )
    return {"levels": np.asarray(levels.levels, np.int64).reshape(grid.count)}
