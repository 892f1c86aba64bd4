"""The row for nothing: an empty volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from focusbench.problem import Problem, Restoration, Run, Weights


@dataclass(frozen=True)
class Zeros:
    """No light anywhere, whatever was observed."""

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Return zeros of the observation's shape."""
        return Restoration(np.zeros(problem.observed.shape, dtype=np.float32))
