"""The observation itself, as a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from focusbench.problem import Problem, Restoration, Run, Weights


@dataclass(frozen=True)
class Input:
    """The observation as it is, values below 0 included."""

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Return a copy of the observation, float32."""
        return Restoration(problem.observed.astype(np.float32))
