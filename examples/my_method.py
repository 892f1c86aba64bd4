"""A method of one's own, in full: a frozen dataclass of its parameters with a `restore`."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from focusbench.problem import Problem, Restoration, Run, Weights


@dataclass(frozen=True)
class SmoothedStart:
    """The focal stack's L-th root, smoothed: `sigma` in voxels."""

    sigma: float = 1.0

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Estimate transmittance per um of path, (Z, Y, X) in (0, 1]."""
        images = np.clip(problem.observed, 1 / 255, 1)
        start = images ** (1 / images.shape[0])
        return Restoration(gaussian_filter(start, self.sigma).astype(np.float32))
