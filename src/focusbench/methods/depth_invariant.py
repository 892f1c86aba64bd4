"""Deconvolution of all patches by the kernel in focus: the paper's "DI" row (He et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from focusbench.parameters import check_choice, check_parameters, check_switches
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.solvers.patch_deconvolution import (
    ITERATIONS,
    PADDING,
    richardson_lucy_patches,
)
from focusbench.solvers.patch_grid import BACKGROUND, BEYOND
from focusbench.training.loop import iterate, restored
from focusbench.training.told_levels import check_predictor, grid_of, lens_of, told_levels


@dataclass(frozen=True)
class DepthInvariant:
    """Richardson-Lucy on patches side by side, all with the lens's spot in focus.

    The defaults are the paper's. That spot is little more than a pixel wide: it cannot undo a
    defocus.

    Parameters
    ----------
    predictor
        Who tells which patches are background and stay as they are; None: none are.
    iterations, offset, beyond, normalise, padding
        As of `training.depth_variant_patches.DepthVariantPatches`.
    """

    predictor: str | None = "delpnet"
    iterations: int = ITERATIONS
    offset: float = 0.0
    beyond: str = "zeros"
    normalise: bool = False
    padding: int = PADDING

    name: ClassVar[str] = "depth_invariant"

    def __post_init__(self) -> None:
        check_predictor(self)
        check_parameters(self, counts_or_0=("iterations", "padding"), positive_or_0=("offset",))
        check_choice(self, "beyond", BEYOND, null="zeros")
        check_switches(self, "normalise")

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Restore all patches and put them together.

        Raises
        ------
        InputError
            As of `DepthVariantPatches.restore`.
        """
        lens = lens_of(problem, self.name)
        grid = grid_of(problem, "rectangular")
        levels = np.zeros(grid.count, np.int64)
        if self.predictor is not None:
            levels[told_levels(problem, self.name, grid.window) == BACKGROUND] = BACKGROUND
        stepper = richardson_lucy_patches(
            problem.observed,
            lens.in_focus[None],
            levels,
            grid,
            padding=self.padding,
            beyond=self.beyond or "zeros",
            normalise=self.normalise,
            untouched=(BACKGROUND,),
            offset=self.offset,
            device=run.device,
        )
        return restored(stepper, iterate(stepper, self.iterations, run))
