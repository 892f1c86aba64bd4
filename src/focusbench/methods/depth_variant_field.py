"""Deconvolution of a whole field by kernels that follow its levels: no patches, no seams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from focusbench.optics.field_blur import BOUNDARIES
from focusbench.parameters import check_choice, check_parameters
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.solvers.field_deconvolution import ACCELERATIONS, FieldIteration, level_map
from focusbench.training.together import restore_together
from focusbench.training.told_levels import (
    TOLD_ON,
    check_level,
    error_name,
    grid_of,
    lens_of,
    told_levels,
)


@dataclass(frozen=True)
class DepthVariantField:
    """DOC

    Parameters
    ----------
    predictor, level, level_errors
        As of `training.depth_variant_patches.DepthVariantPatches`. An oracle's map of the true
        levels is taken as it is.
    iterations
        Steps.
    offset
        Counts without light: nothing is darker.
    weight
        Of the variation where a count is a photon, and as much less as there are more photons in a
        count; none where the problem states that there is no shot noise.
    spot
        Standard deviation of the sharpest spot, px.
    median
        Levels are first replaced by the median of those so many patches around: 1 is 3 x 3.
    boundary
        What lies beyond the field: "symmetric" (its mirror image), "linear" (no light) or
        "circular".
    acceleration
        "nesterov", or None: plain steps.
    """

    predictor: str | None = "delpnet"
    level: float | None = None
    level_errors: Sequence[int] = ()
    iterations: int = 25
    offset: float = 100.0
    weight: float = 0.65
    spot: float = 0.8
    median: int = 1
    boundary: str = "symmetric"
    acceleration: str | None = "nesterov"

    name: ClassVar[str] = "depth_variant_field"

    def __post_init__(self) -> None:
        check_level(self)
        check_parameters(
            self,
            counts_or_0=("iterations", "median"),
            positive_or_0=("offset", "weight", "spot"),
        )
        check_choice(self, "boundary", BOUNDARIES, null="symmetric")
        check_choice(self, "acceleration", ACCELERATIONS, null="none")

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Restore the field at once.

        Raises
        ------
        InputError
            Levels that nobody told, a lens that is not known, or a field that is smaller than a
            patch, not finite or without light above the offset.
        """
        lens = lens_of(problem, self.name)
        photons = 1.0 if problem.noise is None else problem.noise.photons
        weight = 0.0 if math.isinf(photons) else self.weight / math.sqrt(photons)

        def iteration(psfs: np.ndarray, levels: np.ndarray) -> FieldIteration:
            return FieldIteration(
                problem.observed,
                psfs,
                levels,
                boundary=self.boundary or "symmetric",
                acceleration=self.acceleration,
                offset=self.offset,
                weight=weight,
                spot=self.spot,
                device=run.device,
            )

        if self.level is not None:
            everywhere = np.zeros(problem.observed.shape)
            main = iteration(lens.at(self.level)[None], everywhere)
            return restore_together(main, {}, self.iterations, run)
        levels, psfs = self._levels(problem), lens.psfs
        last = len(psfs) - 1
        others = {
            error_name(int(error)): iteration(psfs, np.clip(levels + int(error), 0, last))
            for error in self.level_errors
        }
        return restore_together(iteration(psfs, levels), others, self.iterations, run)

    def _levels(self, problem: Problem) -> np.ndarray:
        """Levels of the pixels, float64 (Y, X)."""
        if "level_map" in problem.extras:
            return np.asarray(problem.extras["level_map"], np.float64)
        told = told_levels(problem, self.name, TOLD_ON)
        return level_map(told, grid_of(problem, TOLD_ON), self.median)
