"""The volume from which the iterative methods start, as a row of its own."""

from __future__ import annotations

from dataclasses import dataclass

from focusbench.optics.even_absorption import even_absorption
from focusbench.problem import Problem, Restoration, Run, Weights


@dataclass(frozen=True)
class Start:
    """Absorption spread evenly over the depth: I^(1/L), pixel by pixel."""

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Return `even_absorption` of the observation."""
        return Restoration(even_absorption(problem.observed, problem.voxel_size[0]))
