"""Wiener deconvolution, regularised as the noise level asks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from focusbench.errors import InputError
from focusbench.optics.linear_operator import BOUNDARIES
from focusbench.parameters import check_choice, check_parameters
from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.solvers import blurred
from focusbench.solvers.wiener import SMALLEST, wiener


@dataclass(frozen=True)
class Wiener:
    """One linear filter, clipped at 0, regularised by the ratio of noise to signal.

    alpha = `factor` * power of the noise / mean square of the observation. The noise level, where
    it is not known, is estimated from the frequencies that the PSF does not pass. The truth plays
    no part.

    `factor` was chosen on microtubules_validation1, _train1 and _train2 (48 x 96 x 96 voxels, 5
    filaments) at 20, 10, 5 and 1.25 dB, blurred by Born-Wolf and by Richards-Wolf: 24
    observations, 6 values from 0.005 to 0.05. It loses at most 0.12 dB to each one's best value
    where the PSF is the true one, 0.8 dB where it is not. The discrepancy principle lost 0.1 to
    0.5 dB where the PSF is true, and 5 dB at 20 dB where it is not: it then amplifies noise to
    explain what its PSF cannot.

    With a linear boundary, light that was blurred across a face is missing, and less
    regularisation than `least` amplifies that; on the same volumes without noise 1e-4 was the best
    of 1e-3, 3e-4, 1e-4, 3e-5, 1e-5 and 1e-6 in the mean.

    Parameters
    ----------
    boundary
        "linear" or "circular"; None: as the problem states it.
    factor
        Of the rule above.
    least
        Least alpha with a linear boundary.
    """

    boundary: str | None = None
    factor: float = 0.02
    least: float = 1e-4

    def __post_init__(self) -> None:
        check_choice(self, "boundary", BOUNDARIES, null="the problem's")
        check_parameters(self, positive=("factor",), positive_or_0=("least",))

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Apply the filter.

        Raises
        ------
        InputError
            The blur is not that of one known PSF, its noise is unknown and cannot be estimated, or
            the observation has no light or is not finite.
        """
        kernel = getattr(problem.forward, "kernel", None)
        if kernel is None:
            raise InputError("wiener: the problem has no PSF that is the same everywhere")
        noise = blurred.noise_level(problem, "wiener")
        if noise is None:
            raise InputError("wiener: the noise is not known; the regularisation follows from it")
        observed = np.asarray(problem.observed, np.float32)
        signal = float(np.square(np.maximum(observed, 0), dtype=np.float64).mean())
        if not signal > 0:
            raise InputError("wiener: no value above 0: no photons; an image with light is needed")
        boundary = self.boundary or problem.forward.boundary
        least = max(SMALLEST, self.least if boundary == "linear" else 0)
        found = wiener(
            observed,
            kernel,
            regularisation=max(self.factor * noise.mean_square / signal, least),
            boundary=boundary,
            device=run.device,
        )
        return Restoration(found.estimate.astype(np.float32), iterations=0, evaluations=0)
