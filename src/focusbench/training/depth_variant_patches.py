"""What the restorers by patches share: each patch with the kernel of its own level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from focusbench.parameters import check_choice, check_parameters, check_switches
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.solvers.patch_deconvolution import (
    ITERATIONS,
    PADDING,
    UNTOUCHED,
    PatchIteration,
    richardson_lucy_patches,
)
from focusbench.solvers.patch_grid import BACKGROUND, BEYOND
from focusbench.training.together import restore_together
from focusbench.training.told_levels import (
    check_level,
    error_name,
    grid_of,
    lens_of,
    shifted,
    told_levels,
)


@dataclass(frozen=True)
class DepthVariantPatches:
    """Richardson-Lucy on patches (He et al. 2020, Eq. 3); background and level 0 are left alone.

    The defaults are the paper's.

    Parameters
    ----------
    predictor
        Who tells the levels: id of a predictor, "oracle" for the true ones, or None. The workflow
        reads it; the method takes the levels of the problem, whoever told them.
    level
        Level of every patch, whatever the predictor says, background too; also between two levels
        and beyond the last. None: as predicted. 0: nothing is done.
    level_errors
        The field is also restored with all levels wrong by these, kept within the series:
        `Restoration.others` "level+1" and so on.
    iterations
        Steps of Richardson-Lucy.
    offset
        Counts without light, taken off before and put back after.
    beyond
        What stands for pixels beyond the field: "zeros" or "mirror".
    normalise
        Divide by H^T 1.
    padding
        Pixels of true neighbours around each patch.
    """

    predictor: str | None = "delpnet"
    level: float | None = None
    level_errors: Sequence[int] = ()
    iterations: int = ITERATIONS
    offset: float = 0.0
    beyond: str = "zeros"
    normalise: bool = False
    padding: int = PADDING

    name: ClassVar[str]
    window: ClassVar[str]

    def __post_init__(self) -> None:
        check_level(self)
        check_parameters(self, counts_or_0=("iterations", "padding"), positive_or_0=("offset",))
        check_choice(self, "beyond", BEYOND, null="zeros")
        check_switches(self, "normalise")

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Restore all patches and put them together.

        Raises
        ------
        InputError
            Levels that nobody told, a lens that is not known, or a field that is smaller than a
            patch, not finite or without light above the offset.
        """
        lens = lens_of(problem, self.name)
        grid = grid_of(problem, self.window)

        def iteration(
            psfs: np.ndarray, levels: np.ndarray, untouched: Sequence[int] = UNTOUCHED
        ) -> PatchIteration:
            return richardson_lucy_patches(
                problem.observed,
                psfs,
                levels,
                grid,
                padding=self.padding,
                beyond=self.beyond or "zeros",
                normalise=self.normalise,
                untouched=untouched,
                offset=self.offset,
                device=run.device,
            )

        if self.level is not None:
            everywhere = np.zeros(grid.count, np.int64)
            untouched = UNTOUCHED if self.level == 0 else (BACKGROUND,)
            main = iteration(lens.at(self.level)[None], everywhere, untouched)
            return restore_together(main, {}, self.iterations, run)
        levels, psfs = told_levels(problem, self.name, self.window), lens.psfs
        others = {
            error_name(int(error)): iteration(psfs, shifted(levels, int(error), len(psfs)))
            for error in self.level_errors
        }
        return restore_together(iteration(psfs, levels), others, self.iterations, run)
