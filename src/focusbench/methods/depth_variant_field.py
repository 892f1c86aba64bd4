"""Deconvolution of a whole field by kernels that follow its levels: no patches, no seams.

Not in the paper.
"""

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
    """Shot noise of all counts, little variation, nothing sharper than a spot, all at once.

    For the objective and its iteration see `solvers.field_deconvolution`. The levels of patches
    become a map that is linear between their middles.

    Its settings were chosen on nuclei_validation1 to 4, `tilted`, `stepped` and single levels, with
    shot noise: never on a test field. About 85 settings were tried on two or four of these fields:
    Richardson-Lucy with the offset taken off or as a background, accelerated, with variation (7);
    the weight of the variation by level and by light (26); steps longer than the metric allows (5);
    kernels of half levels or exact maps (12); ways from levels to a map (13); spots (10); weight
    and spot together (8), iterations up to 40. Left out: kernels of half levels, which changed less
    than 0.05 dB, and longer steps, which diverge. Mean gains in dB there, patches with true levels,
    rounded (in brackets: 15 % of them off by one and 5 % at random):

                                      tilted         stepped
        this, 15 iterations           6.7  (6.6)     5.8  (5.7)
        this, 30 iterations           8.6  (8.4)     7.4  (7.2)
        30, without the spot          8.2  (8.0)     7.1  (6.9)
        15 of plain Richardson-Lucy   3.5  (3.5)     3.1  (3.1)
        triangular patches            3.9  (3.6)     3.6  (3.4)
        rectangular patches           3.5  (3.3)     3.1  (2.9)
        30, true level of each pixel  9.1            9.7

    The patches are those with offset, mirror and division by H^T 1, 15 iterations. So the gain is
    that of the objective; by itself, doing without patches takes away the seams and no more. Where
    the level steps within a patch, what is lost is lost by the map. Looked at once, not chosen by:
    two real fields in focus (BBBC006 a05, a07) blurred to levels 2, 5 and 10 gained 6.3 to 12.3 dB,
    with triangular patches 2.9 to 6.1.

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
    iterations: int = 30
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
