"""The image itself, enlarged, as every focal plane: what a reader gets for nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.solvers.stack_grid import wanted


@dataclass(frozen=True)
class Bicubic:
    """Bicubic interpolation to the stack's pixel (`optics.enlargement`), and no refocusing.

    An image that has the stack's pixel already stays as it is.
    """

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Return as many equal planes as the stack has; uint8 (planes, Y, X, 3)."""
        asked = wanted(problem, "bicubic")
        return Restoration(np.repeat(asked.enlarged()[None], asked.planes, axis=0))
