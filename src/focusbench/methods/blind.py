"""Blind deconvolution of patches: the paper's "BD" row (He et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.parameters import check_choice, check_parameters
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.solvers.patch_deconvolution import (
    BLIND_ITERATIONS,
    BLIND_SIDE,
    PADDING,
    blind_patches,
)
from focusbench.solvers.patch_grid import BEYOND
from focusbench.training.loop import iterate, restored
from focusbench.training.told_levels import check_predictor, grid_of, told_levels


@dataclass(frozen=True)
class Blind:
    """Patches side by side, each with a kernel that is found along with it (`solvers.blind`).

    The paper names no first guess. Of 3, 5, 7 and 9 pixels, 5 lost the least on
    nuclei_validation1 to 4, tilted and stepped, with offset and mirror: -1.0, -0.8, -0.8 and
    -1.2 dB. Of single levels each has its own best side (13 pixels: level 6, gain 1.3 dB), which a
    method that is told no level cannot know; in focus all do harm.

    Parameters
    ----------
    predictor
        Who tells which patches are background and stay as they are; None: none are.
    iterations
        Steps of object and kernel: 10 are the default of Matlab's `deconvblind`.
    side
        Of the first guess of the kernel, equal values, px.
    offset, beyond, padding
        As of `training.depth_variant_patches.DepthVariantPatches`.
    """

    predictor: str | None = "delpnet"
    iterations: int = BLIND_ITERATIONS
    side: int = BLIND_SIDE
    offset: float = 0.0
    beyond: str = "zeros"
    padding: int = PADDING

    name: ClassVar[str] = "blind"

    def __post_init__(self) -> None:
        check_predictor(self)
        check_parameters(
            self,
            counts=("side",),
            counts_or_0=("iterations", "padding"),
            positive_or_0=("offset",),
        )
        check_choice(self, "beyond", BEYOND, null="zeros")

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Restore all patches and put them together.

        Raises
        ------
        InputError
            Nobody told the background, a first guess that is larger than a padded patch, or a field
            that is smaller than a patch, not finite or without light above the offset.
        """
        grid = grid_of(problem, "rectangular")
        levels = None
        if self.predictor is not None:
            levels = told_levels(problem, self.name, grid.window)
        stepper = blind_patches(
            problem.observed,
            grid,
            psf=self.side,
            levels=levels,
            padding=self.padding,
            beyond=self.beyond or "zeros",
            offset=self.offset,
            device=run.device,
        )
        return restored(stepper, iterate(stepper, self.iterations, run))
