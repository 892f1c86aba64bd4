"""The row for nothing: empty space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from focusbench.problem import Problem, Restoration, Run, Weights


@dataclass(frozen=True)
class Transparent:
    """Transmittance 1 everywhere, whatever was observed."""

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Return ones of the observation's shape."""
        return Restoration(np.ones(problem.observed.shape, dtype=np.float32))
